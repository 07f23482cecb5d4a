//! A Telegram on loopback: what Telecine is developed and tested against.
//!
//! It speaks the wire and keeps the service's rules: limits, ids that are good for one bot only,
//! membership, rights, flood waits. Beyond them it does damage on demand. It shares no code with
//! the program it serves, because what shares types shares mistakes.
//!
//! - [`World`]: bots, channels, messages, documents, faults; knows no wire
//! - `bot_api`: the face of the HTTP Bot API
//! - `control`: the face for people and scripts, under `/sim/`
//! - [`Simulator`]: a world with its faces on a port, on threads of its own

mod bot_api;
mod control;
mod environment;
mod settings;
mod simulator;
mod world;

pub use environment::environment;
pub use settings::{Limits, Membership, Ranges, Settings, Throttle};
pub use simulator::Simulator;
pub use world::dice::Dice;
pub use world::fault::{Fault, Operation, Trouble};
pub use world::sight::{StoredDocument, StoredMessage};
pub use world::state::{Bot, BotId, ChannelId, DocumentId, MessageId, Rights, Standing};
pub use world::traffic::Counters;
pub use world::{StartError, World};
