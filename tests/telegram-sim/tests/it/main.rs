//! The simulator over real sockets: its rules, its faults, its program, and a client it did not
//! grow up with.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod client;

mod control;
mod faulty;
mod foreign;
mod messages;
mod program;
mod reading;
mod rights;
mod sending;
mod throttled;
