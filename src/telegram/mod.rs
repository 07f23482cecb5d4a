//! Talking to Telegram: the bots, what they may be asked now, and how their answers are understood.
//!
//! Words: a *bot* is known by its Telegram id and has one *channel* of its own; a *slot* is the number
//! (1 to 8) people configured it under. A *lease* is the right to ask a bot something now; a bot *rests*
//! after a flood or while it cannot be reached, and is *out* until somebody repairs its token or rights.
//!
//! Nothing in here knows videos or blobs, chooses a channel, or retries by itself: [`Fleet`] decides when
//! a bot may be asked, its caller decides which. A token leaves this module only inside a request.

/// Below a message of ours that is no part of a film and is deleted at once. One that could not be, or whose
/// answer was lost, is known by it again, and deleted by whoever comes across it.
pub const PASSING: &str = "telecine/1 mark";

mod bot_api;
mod check;
mod circuit;
mod error;
mod fleet;
mod gate;
mod id;
mod meter;
mod pace;
mod token;

#[cfg(test)]
mod tests;

pub use bot_api::{
    ApiClient, ApiSettings, ApiUrl, BotApi, Chat, Content, Document, Download, FileStream, Me, NotAnApiUrl, Rights,
    SentDocument,
};
pub use check::{BotTest, Step, StepFailure, Transfer};
pub use circuit::{CircuitSettings, CircuitState, OutReason, RestReason};
pub use error::{Kind, TelegramError};
pub use fleet::{
    Bot, BotLease, BotSettings, BotStatus, ClosedBot, Fleet, FleetMemory, FleetSettings, PaceRecord, Purpose,
    RestRecord, Waits,
};
pub use gate::GateSettings;
pub use id::{BotId, ChatId, FileId, MessageId, NotAChannelId};
pub use meter::Reading;
pub use pace::PaceSettings;
pub use token::{BotToken, NotAToken};
