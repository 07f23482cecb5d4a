//! What every story is told with: a server in a folder of its own, films made by ffmpeg, players
//! over real sockets, and a browser. Whatever a test starts ends with it.
//!
//! Nothing sleeps for a guessed time: `wait::until` looks again and again for what should happen and
//! gives up after a deadline that even a crowded machine keeps.

pub mod bots;
pub mod browser;
pub mod clip;
pub mod crowd;
pub mod dice;
pub mod events;
pub mod film;
pub mod i_frames;
pub mod measure;
pub mod mpv;
pub mod player;
pub mod problem;
pub mod process;
pub mod raw;
pub mod server;
pub mod shelf;
pub mod soak;
pub mod stage;
pub mod stand_in;
pub mod strict;
pub mod tus;
pub mod upload;
pub mod video;
pub mod vitals;
pub mod wait;

pub use server::World;
