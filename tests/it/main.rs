//! Story tests over real sockets with real ffmpeg.
