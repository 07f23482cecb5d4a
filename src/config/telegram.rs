//! The bots: which tokens, which channels, and which of them cannot be meant.

use super::parse::Wrong;
use super::{Fault, Origin, Reader};
use crate::telegram::{ApiUrl, BotSettings, BotToken, ChatId};

/// The bots that are the disk.
#[derive(Clone, Debug)]
pub struct Telegram {
    /// Where the Bot API is.
    pub api_url: ApiUrl,
    /// The bots, by slot; none means the local store.
    pub bots: Vec<BotSettings>,
    /// Messages a minute to one channel, before floods teach less; 1 to 3000.
    pub messages_per_minute: u32,
    /// Blobs that are sent at the same time, 1 to 32.
    pub upload_parallelism: u8,
}

/// The variables of one slot.
const SLOTS: [(&str, &str); 8] = [
    ("TELEGRAM_BOT_TOKEN_1", "TELEGRAM_CHANNEL_ID_1"),
    ("TELEGRAM_BOT_TOKEN_2", "TELEGRAM_CHANNEL_ID_2"),
    ("TELEGRAM_BOT_TOKEN_3", "TELEGRAM_CHANNEL_ID_3"),
    ("TELEGRAM_BOT_TOKEN_4", "TELEGRAM_CHANNEL_ID_4"),
    ("TELEGRAM_BOT_TOKEN_5", "TELEGRAM_CHANNEL_ID_5"),
    ("TELEGRAM_BOT_TOKEN_6", "TELEGRAM_CHANNEL_ID_6"),
    ("TELEGRAM_BOT_TOKEN_7", "TELEGRAM_CHANNEL_ID_7"),
    ("TELEGRAM_BOT_TOKEN_8", "TELEGRAM_CHANNEL_ID_8"),
];

/// What examples have where a token or an id belongs.
const PLACEHOLDERS: [&str; 9] = ["your", "token", "xxx", "<", "change", "example", "placeholder", "...", "todo"];

/// Words by which a token of the right shape is an example all the same. Real ones are random letters, great and
/// small: a word in one case is as good as never among them.
const EXAMPLE_WORDS: [&str; 4] = ["your", "example", "placeholder", "changeme"];

/// Secrets that Telegram's own pages show (core.telegram.org/bots/api, /bots/features, /bots/tutorial).
const DOCUMENTED_SECRETS: [&str; 3] =
    ["AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "AAFD39kkdpWt3ywyRZergyOLMaJhac60qc"];

/// What examples show as a channel.
const EXAMPLE_CHANNEL: ChatId = ChatId(-1_001_234_567_890);

/// Sends at the same time with few bots, and to the local store.
const PARALLELISM_MIN: u8 = 4;

/// Largest file that bots read back from Telegram's own servers.
const LARGEST_READ: u64 = 20 * 1024 * 1024;

pub(super) fn read(reader: &mut Reader<'_>) -> Telegram {
    let mut bots: Vec<BotSettings> = Vec::new();
    for (slot, (token_name, channel_name)) in (1..).zip(SLOTS) {
        let token = reader.secret(token_name, token);
        let channel = reader.value(channel_name, channel);
        match (token, channel) {
            (Some(token), Some(channel)) => {
                let same_bot = bots.iter().find(|bot| bot.token.bot() == token.bot()).map(|bot| bot.slot);
                let same_channel = bots.iter().find(|bot| bot.channel == channel).map(|bot| bot.slot);
                if let Some(other) = same_bot {
                    let wrong = format!("it is the bot of TELEGRAM_BOT_TOKEN_{other} again");
                    reader.fault(token_name, wrong, "make another bot with @BotFather, or leave this slot empty");
                }
                if let Some(other) = same_channel {
                    let wrong = format!("it is the channel of TELEGRAM_CHANNEL_ID_{other} again");
                    reader.fault(channel_name, wrong, "make a channel of its own for each bot");
                }
                bots.push(BotSettings { slot, token, channel });
            }
            (Some(_), None) if !reader.is_faulty(channel_name) => {
                reader.fault(
                    channel_name,
                    format!("{token_name} is set and its channel is not"),
                    "write the channel's id",
                );
            }
            (None, Some(_)) if !reader.is_faulty(token_name) => {
                reader.fault(token_name, format!("{channel_name} is set and its bot is not"), "write the bot's token");
            }
            _ => {}
        }
    }
    let api_url = reader.value("TELEGRAM_API_URL", api_url);
    let messages_per_minute = reader.value("TELEGRAM_MESSAGES_PER_MINUTE", super::parse::messages_per_minute);
    let upload_parallelism =
        reader.value("UPLOAD_PARALLELISM", super::parse::parallelism).unwrap_or(parallelism_of(bots.len()));
    reader.show("UPLOAD_PARALLELISM", upload_parallelism.to_string());
    Telegram { api_url, bots, messages_per_minute, upload_parallelism }
}

/// Two sends for each bot: while one is begun or answered, the other keeps the line busy.
fn parallelism_of(bots: usize) -> u8 {
    u8::try_from(bots * 2).unwrap_or(u8::MAX).max(PARALLELISM_MIN)
}

impl Telegram {
    /// What is right by itself and wrong beside the storage's settings.
    pub(super) fn contradictions(
        &self,
        replicas: u8,
        pack_max_bytes: u64,
        origin_of: impl Fn(&str) -> Origin,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.bots.is_empty() {
            return faults;
        }
        if usize::from(replicas) > self.bots.len() {
            faults.push(Fault {
                name: "REPLICAS",
                origin: origin_of("REPLICAS"),
                wrong: format!(
                    "{replicas} copies need {replicas} channels, and {} {} configured",
                    self.bots.len(),
                    if self.bots.len() == 1 { "is" } else { "are" }
                ),
                write: "add bots with channels, or write a smaller number".to_owned(),
            });
        }
        if self.api_url == ApiUrl::default() && pack_max_bytes > LARGEST_READ {
            faults.push(Fault {
                name: "TELEGRAM_MAX_FILE_SIZE",
                origin: origin_of("TELEGRAM_MAX_FILE_SIZE"),
                wrong: format!("bots cannot read back {pack_max_bytes} bytes from {}", self.api_url),
                write: "write 20MiB at most, or set TELEGRAM_API_URL to a Bot API server of your own".to_owned(),
            });
        }
        faults
    }
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

/// Whether a token of the right shape comes from an example.
fn is_example(token: &BotToken) -> bool {
    let secret = token.reveal().split_once(':').map_or("", |(_, secret)| secret);
    let has_word = |word: &str| secret.contains(word) || secret.contains(&word.to_ascii_uppercase());
    let is_one_letter = secret.chars().all(|letter| secret.starts_with(letter));
    is_one_letter
        || EXAMPLE_WORDS.iter().any(|word| has_word(word))
        || DOCUMENTED_SECRETS.iter().any(|documented| secret.starts_with(documented))
}

/// Never repeats the text: it is a secret, or was meant to be one.
fn token(text: &str) -> Result<Option<BotToken>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let token: Result<BotToken, _> = text.parse();
    let is_placeholder = token.as_ref().map_or_else(|_| is_placeholder(text), is_example);
    let meant = token.ok().filter(|_| !is_placeholder);
    meant.map(Some).ok_or_else(|| Wrong {
        wrong: if is_placeholder { "it is a placeholder" } else { "it is not a bot token" }.to_owned(),
        write: "write the token that @BotFather shows for the bot, digits, a colon and about 35 letters, or nothing"
            .to_owned(),
    })
}

fn channel(text: &str) -> Result<Option<ChatId>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let channel = text.parse().ok();
    channel.filter(|channel| *channel != EXAMPLE_CHANNEL).map(Some).ok_or_else(|| Wrong {
        wrong: if channel.is_some() || is_placeholder(text) {
            format!("\"{text}\" is a placeholder")
        } else {
            format!("\"{text}\" is not the id of a channel")
        },
        write: "write the channel's number, which looks like -1001234567890, or nothing".to_owned(),
    })
}

fn api_url(text: &str) -> Result<ApiUrl, Wrong> {
    text.parse().map_err(|_| Wrong {
        wrong: "it is not the address of a Bot API server".to_owned(),
        write: "write an address like https://api.telegram.org, without a password, ? or #".to_owned(),
    })
}
