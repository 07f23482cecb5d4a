//! A checker for any HLS: it reads a master or media playlist and everything that it names over HTTP,
//! and measures what a player would get against the rules.
//!
//! Rules are named by their source: "A" and an item of Apple's HLS authoring specification
//! (2025-06-26), "RFC" with a section (8216bis is draft-pantos-hls-rfc8216bis), and "T" for what no
//! standard forbids and players were seen to fail on. It measures independently: nothing here is
//! shared with the code that writes playlists and segments. Whatever comes may be hostile; all of it
//! is bounded, and what was not judged is said.

mod boxes;
mod codec;
mod encoding;
mod exchange;
mod fetch;
mod fragment;
mod i_frame;
mod init;
mod list;
mod master;
mod measured;
mod opening;
mod rate;
mod reading;
mod report;
mod scan;
mod sps;
mod subtitle;
mod tags;
mod text;
mod timeline;
mod transport;
mod variant;
mod walk;
mod whole;

pub use fetch::FetchError;
pub use report::{Report, Unchecked, Violation};
pub use walk::{CheckError, check};
