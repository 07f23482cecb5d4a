//! Story tests over real sockets with real ffmpeg.

<<<<<<< HEAD
#![expect(clippy::unwrap_used, reason = "a test fails best where it stands")]

mod layering;
mod source;
mod tidy;
=======
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod ffmpeg_child;
mod ffmpeg_join;
>>>>>>> ffmpeg
