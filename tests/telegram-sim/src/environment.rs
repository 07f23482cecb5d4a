//! What a server needs to know to use a simulator.

use crate::world::state::Bot;
use std::fmt::Write as _;

/// The lines of an environment file for these bots, served at `url`: `TELEGRAM_API_URL`, and for
/// each bot `TELEGRAM_BOT_TOKEN_<n>` and `TELEGRAM_CHANNEL_ID_<n>`, counted from one.
pub fn environment(url: &str, bots: &[Bot]) -> String {
    let mut lines = format!("TELEGRAM_API_URL={url}\n");
    for (bot, number) in bots.iter().zip(1..) {
        let (token, channel) = (&bot.token, bot.channel);
        write!(lines, "TELEGRAM_BOT_TOKEN_{number}={token}\nTELEGRAM_CHANNEL_ID_{number}={channel}\n")
            .expect("a string takes all that is written");
    }
    lines
}
