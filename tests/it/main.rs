//! Story tests over real sockets with real ffmpeg.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod ffmpeg_child;
mod ffmpeg_join;
