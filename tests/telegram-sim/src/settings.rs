//! What a simulator can be told before it starts. The defaults are the real service's limits.

use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
/// Telegram's "MB" in these limits are taken as MiB; nobody documents which they are.
const UPLOAD_MAX: u64 = 50 * MIB;
const DOWNLOAD_MAX: u64 = 20 * MIB;

/// Everything a [`Simulator`](crate::Simulator) can be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the world is kept over restarts. `None`: a temporary folder that ends with the world.
    pub folder: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// How many bots there are at least, each administrator of a channel of its own.
    pub bots: usize,
    /// Which channels these bots can use.
    pub membership: Membership,
    /// What is refused for its size or age.
    pub limits: Limits,
    /// How many messages may be sent.
    pub throttle: Throttle,
    /// Whether downloads answer `Range`.
    pub ranges: Ranges,
    /// Real time that passes before each answer.
    pub latency: Duration,
    /// Bytes per second of each upload and download; `None` is as fast as it goes.
    pub bytes_per_second: Option<u64>,
    /// Bytes per second of all uploads of one bot together, and of all its downloads.
    pub bot_bytes_per_second: Option<u64>,
}

/// Which channels the bots of a new world can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// Each bot its own channel only.
    OwnChannel,
    /// Each bot is administrator of every channel.
    EveryChannel,
}

/// Whether file downloads answer `Range`. The real service does not say which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// 206 with the part that was asked for.
    Honoured,
    /// 200 with the whole file, always.
    Ignored,
}

/// What is refused for its size or age (<https://core.telegram.org/bots/api>).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest document in bytes a bot can send.
    pub upload_bytes: u64,
    /// Largest document in bytes a bot can read back.
    pub download_bytes: u64,
    /// Longest caption in characters.
    pub caption_chars: usize,
    /// Longest text of a message in characters.
    pub text_chars: usize,
    /// How long a download link works. The real service promises one hour at least.
    pub link_life: Duration,
    /// How old a message may be to be deleted.
    pub delete_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: UPLOAD_MAX,
            download_bytes: DOWNLOAD_MAX,
            caption_chars: 1024,
            text_chars: 4096,
            link_life: Duration::from_secs(3600),
            delete_within: Duration::from_secs(48 * 3600),
        }
    }
}

/// How many messages a bot may send; `None` is any number. All off by default.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    /// In any second, to all its chats together. The real service: about 30.
    pub bot_per_second: Option<usize>,
    /// In any second, to one chat. The real service: about 1, with short bursts.
    pub chat_per_second: Option<usize>,
    /// In any minute, to one chat. The real service: 20 in groups and, by report, in channels.
    pub chat_per_minute: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: None,
            port: 0,
            bots: 0,
            membership: Membership::OwnChannel,
            limits: Limits::default(),
            throttle: Throttle::default(),
            ranges: Ranges::Honoured,
            latency: Duration::ZERO,
            bytes_per_second: None,
            bot_bytes_per_second: None,
        }
    }
}

impl Settings {
    /// A world of `count` bots, each administrator of a channel of its own.
    pub fn bots(count: usize) -> Self {
        Self { bots: count, ..Self::default() }
    }

    /// A world of eight bots, each administrator of a channel of its own.
    pub fn eight_bots() -> Self {
        Self::bots(8)
    }

    /// The same, and every bot is administrator of every channel.
    #[must_use]
    pub fn everywhere(mut self) -> Self {
        self.membership = Membership::EveryChannel;
        self
    }

    /// The same, kept in `folder`.
    #[must_use]
    pub fn kept_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }
}
