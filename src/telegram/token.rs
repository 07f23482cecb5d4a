//! A bot's token: the one secret of this module.

use super::id::BotId;
use std::fmt;
use std::str::FromStr;

/// Digits in front of the colon: no bot has fewer than 6 today, and an `i64` holds 18.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=18;

/// Characters behind the colon: 35 today. The lower bound is the one from which the log's redaction knows a token.
const SECRET: std::ops::RangeInclusive<usize> = 30..=64;

/// What `BotFather` gave its owner: `7654321098:AAE…`. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct BotToken {
    bot: BotId,
    text: Box<str>,
}

/// The text is not a bot token. Does not hold the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a bot token, which is digits, a colon and about 35 letters as @BotFather shows them")]
pub struct NotAToken;

impl BotToken {
    /// The bot it belongs to.
    pub fn bot(&self) -> BotId {
        self.bot
    }

    /// The token itself, for a request and for whoever keeps it out of the log.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl FromStr for BotToken {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let (digits, secret) = text.split_once(':').ok_or(NotAToken)?;
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let is_token = DIGITS.contains(&digits.len())
            && SECRET.contains(&secret.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
            && secret.bytes().all(is_letter);
        let bot = digits.parse().ok().filter(|_| is_token).map(BotId).ok_or(NotAToken)?;
        Ok(Self { bot, text: text.into() })
    }
}

impl fmt::Debug for BotToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "BotToken({}:***)", self.bot)
    }
}

impl fmt::Display for BotToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:***", self.bot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "7654321098:AAEXAMPLE-not_a_real_token-0123456_";

    #[test]
    fn a_token_knows_its_bot_and_shows_no_secret() {
        let token: BotToken = TOKEN.parse().unwrap();
        assert_eq!((token.bot(), token.reveal()), (BotId(7_654_321_098), TOKEN));
        assert_eq!(format!("{token} {token:?}"), "7654321098:*** BotToken(7654321098:***)");
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        let secret = &TOKEN[11..];
        for text in [
            String::new(),
            "123456:ABC-DEF".into(),
            format!("12345:{secret}"),
            format!("0654321098:{secret}"),
            format!("1234567890123456789:{secret}"),
            format!("+654321098:{secret}"),
            format!("{TOKEN} "),
            format!("7654321098:{}/..", &secret[..30]),
            format!("7654321098:{secret}{secret}"),
        ] {
            assert_eq!(text.parse::<BotToken>(), Err(NotAToken), "{text}");
        }
        assert!(!NotAToken.to_string().contains(secret));
    }
}
