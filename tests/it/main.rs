//! Story tests over real sockets with real ffmpeg.

mod ffmpeg_child;
mod ffmpeg_join;
