//! Story tests over real sockets with real ffmpeg.

#![expect(clippy::unwrap_used, reason = "a test fails best where it stands")]

mod ffmpeg_child;
mod layering;
mod source;
mod tidy;
