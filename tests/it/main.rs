//! Story tests over real sockets with real ffmpeg.

mod layering;
mod source;
mod tidy;
