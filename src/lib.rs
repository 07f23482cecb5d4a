//! Telecine: a self-hosted video server that turns films into HLS and keeps them in packs, spread
//! over channels. This list is the map of the program, bottom to top; what stands lower knows
//! nothing of what stands higher, and `tests/it/layering.rs` holds who may import whom.
//!
//! Importable by all:
//! - [`telemetry`]: log lines without secrets, and counters
//! - [`shutdown`]: the end of the program, and every task by name
//! - [`events`]: what changes while the server runs
//! - [`clock`]: the time of day, injected
//!
//! The parts:
//! - [`media`]: plain values and rules of the field; no I/O, no async, no clock
//! - [`catalog`]: the library's records; the only place with SQL
//! - [`ffmpeg`]: child processes that probe, copy and encode
//! - [`cmaf`]: MP4 as values: ffmpeg's fragments and files' indexes in, our segments out
//! - [`matroska`]: what Matroska files list of their pictures
//! - [`flv`]: what FLV files hold of their pictures, and whether their sound changes
//! - [`mpegts`]: what transport streams hold of their pictures, and whether their sounds change
//! - [`check`]: any HLS as a player sees it, measured against the rules
//! - [`disk`]: files read and synced without blocking the runtime, and chunks that the kernel sends by itself
//! - [`telegram`]: the bots: what they may be asked, and what their answers mean
//! - [`spool`]: bytes on local disk that are not stored yet
//! - [`store`]: blobs at rest
//! - [`cache`]: verified bytes close at hand
//! - [`deposit`]: from finished segments to verified copies
//! - [`jobs`]: the engine that does queued work
//! - [`ingest`]: an arrived file becomes a playable video, and what people add to one becomes part of it
//! - [`delivery`]: a video becomes bytes for a player
//! - [`library`]: what people do with their films
//! - [`upkeep`]: the store keeps its promises
//! - [`system`]: what the owner sees of the running server
//!
//! The faces and the whole:
//! - [`http`]: the web face
//! - [`config`]: environment and `.env`, checked as a whole
//! - [`app`]: the only place that knows everybody
//! - [`cli`]: what a person can type

pub mod app;
pub mod cache;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod clock;
pub mod cmaf;
pub mod config;
pub mod delivery;
pub mod deposit;
pub mod disk;
pub mod events;
pub mod ffmpeg;
pub mod flv;
pub mod http;
pub mod ingest;
pub mod jobs;
pub mod library;
pub mod matroska;
pub mod media;
pub mod mpegts;
pub mod shutdown;
pub mod spool;
pub mod store;
pub mod system;
pub mod telegram;
pub mod telemetry;
pub mod upkeep;

#[cfg(test)]
mod tests;
