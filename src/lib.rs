//! Telecine: a self-hosted video server that turns films into HLS and keeps them in packs, spread
//! over channels. The modules, bottom to top:
//!
//! - [`media`]: plain values and rules of the field; no I/O, no async, no clock
//! - [`telemetry`]: log lines without secrets, and counters
//! - [`shutdown`]: the end of the program, and every task by name
//! - [`events`]: what changes while the server runs
//! - [`config`]: environment and `.env`, checked as a whole
//! - [`cli`]: the commands a person types
//!
//! `tests/it/layering.rs` holds who may import whom and fails on anything else.

pub mod cli;
pub mod config;
pub mod events;
pub mod media;
pub mod shutdown;
pub mod telemetry;
