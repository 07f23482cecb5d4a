//! Story tests over real sockets with real ffmpeg and a real browser, and the rules of the house.
//!
//! Each file is one kind of story and each test a fact about the whole server. They run side by side,
//! wait for conditions and not for time, and leave nothing running.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod harness;

mod ahead;
mod bots;
mod busy;
mod channels;
mod checked;
mod copied;
mod crowd;
mod damaged;
mod delivery;
mod download;
mod encoded;
mod few;
mod ffmpeg_child;
mod ffmpeg_join;
mod ffmpeg_stills;
mod ffmpeg_subtitles;
mod flooded;
mod foreseen;
mod growing;
mod hardware;
mod holes;
mod hostile;
mod i_frames;
mod imported;
mod incoming;
mod killed;
mod layering;
mod library;
mod life;
mod long;
mod midfilm;
mod moved;
mod mp3;
mod multipart;
mod names;
mod odd;
mod outage;
mod packets;
mod pages;
mod players;
mod poster;
mod refined;
mod remuxed;
mod resumed;
mod secrets;
mod senders;
mod sidecar;
mod soak;
mod source;
mod strict;
mod sync;
mod system;
mod tidy;
mod turns;
mod unreliable;
mod unseen;
mod uploaded;
mod warm;
mod watching;
mod whole;
