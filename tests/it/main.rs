//! Story tests over real sockets with real ffmpeg and a real browser.
//!
//! Each file is one kind of story and each test a fact about the whole server. They run side by side,
//! wait for conditions and not for time, and leave nothing running.

#![cfg(test)]

mod harness;

mod copied;
mod damaged;
mod delivery;
mod encoded;
mod growing;
mod hostile;
mod killed;
mod library;
mod life;
mod multipart;
mod names;
mod pages;
mod system;
mod uploaded;
