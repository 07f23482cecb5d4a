//! A Telegram of its own: bots, channels with members and rights, messages, documents, and what
//! goes wrong with them.
//!
//! The world knows the service's rules and nothing of any wire: the faces ask it as a bot, and put
//! its answers and refusals into their own words. It is told by its journal; documents are files
//! beside it. Every change is one short turn under one lock: checked, written down, then true.

pub(crate) mod clock;
pub(crate) mod dice;
pub(crate) mod documents;
pub(crate) mod event;
pub(crate) mod fault;
pub(crate) mod handle;
pub(crate) mod journal;
pub(crate) mod line;
pub(crate) mod messages;
pub(crate) mod mischief;
pub(crate) mod pace;
pub(crate) mod refusal;
pub(crate) mod sight;
pub(crate) mod state;
#[cfg(test)]
mod tests;
pub(crate) mod traffic;

use crate::settings::{Membership, Settings};
use clock::Clock;
use event::Event;
use fault::Faults;
use journal::Journal;
use line::Lines;
use pace::Pace;
use refusal::Refusal;
use state::{Bot, BotId, Channel, ChannelId, Rights, Standing, State};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tempfile::TempDir;
use traffic::Traffic;

/// The world could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder or a file in it cannot be used.
    #[error("using the simulator's folder {}: {error}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Another simulator is at work there.
    #[error("another simulator uses {}: stop it, or take another folder", .0.display())]
    InUse(PathBuf),
    /// The journal holds something that no simulator wrote.
    #[error("line {line} of the journal in {} is damaged: remove the folder to begin again", folder.display())]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// Counted from one.
        line: usize,
    },
    /// The port is taken, or there is no thread to be had.
    #[error("starting the server: {0}")]
    Server(io::Error),
}

impl StartError {
    pub(crate) fn folder(folder: &Path, error: io::Error) -> Self {
        Self::Folder { folder: folder.to_owned(), error }
    }
}

/// A world. Clones are handles of the same one; it ends with the last of them.
#[derive(Clone, Debug)]
pub struct World {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    folder: PathBuf,
    clock: Clock,
    traffic: Traffic,
    lines: Lines,
    live: Mutex<Live>,
    /// Removed with the world.
    _temporary: Option<TempDir>,
}

/// What changes.
#[derive(Debug)]
struct Live {
    state: State,
    journal: Journal,
    faults: Faults,
    pace: Pace,
}

impl World {
    /// Opens the world in the folder of `settings`, or makes one, with at least as many bots as the
    /// settings say.
    ///
    /// # Errors
    /// The folder cannot be used, or another simulator uses it.
    pub fn open(settings: Settings) -> Result<Self, StartError> {
        let temporary = match settings.folder {
            None => Some(TempDir::new().map_err(|error| StartError::folder(&std::env::temp_dir(), error))?),
            Some(_) => None,
        };
        let folder = settings.folder.clone().or_else(|| temporary.as_ref().map(|made| made.path().to_owned()));
        let folder = folder.expect("a folder was given or made");
        fs::create_dir_all(&folder).map_err(|error| StartError::folder(&folder, error))?;
        let (journal, events) = Journal::open(&folder)?;
        let mut state = State::default();
        for event in events {
            state.apply(event);
        }
        let clock = Clock::default();
        clock.advance(state.added_ms);
        let live = Live { state, journal, faults: Faults::default(), pace: Pace::default() };
        let lines = Lines::new(settings.bot_bytes_per_second);
        let inner = Inner {
            settings,
            folder,
            clock,
            traffic: Traffic::default(),
            lines,
            live: Mutex::new(live),
            _temporary: temporary,
        };
        let world = Self { inner: Arc::new(inner) };
        world.prepare().map_err(|error| StartError::folder(&world.inner.folder, error))?;
        Ok(world)
    }

    /// The bots of the world that is kept in `folder`, read without disturbing a simulator that
    /// uses it.
    ///
    /// # Errors
    /// There is no world in the folder, or it cannot be read.
    pub fn bots_in(folder: &Path) -> Result<Vec<Bot>, StartError> {
        let mut state = State::default();
        for event in Journal::read(folder)? {
            state.apply(event);
        }
        Ok(state.bots.into_values().collect())
    }

    /// Makes what is missing: the secret, the folders and the bots.
    fn prepare(&self) -> io::Result<()> {
        let mut live = self.live();
        if live.state.secret == [0; 32] {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(io::Error::other)?;
            self.commit(&mut live, Event::Created { secret })?;
        }
        self.clean_folders(&live.state)?;
        drop(live);
        for _ in self.bots().len()..self.settings().bots {
            self.add_bot()?;
        }
        if self.settings().membership == Membership::EveryChannel {
            self.let_everybody_in()?;
        }
        Ok(())
    }

    /// What the world was told at its start.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Every bot, also those whose tokens were revoked, in the order they were added.
    pub fn bots(&self) -> Vec<Bot> {
        self.live().state.bots.values().cloned().collect()
    }

    /// Adds a bot that is administrator, with all rights, of a new channel of its own.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn add_bot(&self) -> io::Result<Bot> {
        let mut live = self.live();
        let number = live.state.bots.len() + 1;
        let id = live.state.next_bot();
        let channel = live.state.next_channel();
        let bot = Bot {
            id,
            token: handle::token(&live.state.secret, id),
            name: format!("Simulated bot {number}"),
            username: format!("simulated_{number}_bot"),
            channel,
        };
        let title = format!("Simulated channel {number}");
        self.commit(&mut live, Event::ChannelAdded { channel, title })?;
        let standing = Standing::Administrator(Rights::ALL);
        self.commit(&mut live, Event::StandingSet { channel, bot: id, standing })?;
        self.commit(&mut live, Event::BotAdded(bot.clone()))?;
        Ok(bot)
    }

    /// Adds a channel without members.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn add_channel(&self, title: &str) -> io::Result<ChannelId> {
        let mut live = self.live();
        let channel = live.state.next_channel();
        self.commit(&mut live, Event::ChannelAdded { channel, title: title.to_owned() })?;
        Ok(channel)
    }

    /// Says what a bot is in a channel from now on.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn set_standing(&self, channel: ChannelId, bot: BotId, standing: Standing) -> io::Result<()> {
        let mut live = self.live();
        self.commit(&mut live, Event::StandingSet { channel, bot, standing })
    }

    fn let_everybody_in(&self) -> io::Result<()> {
        let mut live = self.live();
        let bots: Vec<BotId> = live.state.bots.keys().copied().collect();
        let strangers = |channel: &Channel| -> Vec<BotId> {
            bots.iter().copied().filter(|bot| !channel.members.contains_key(bot)).collect()
        };
        let missing: Vec<(ChannelId, Vec<BotId>)> =
            live.state.channels.iter().map(|(id, channel)| (*id, strangers(channel))).collect();
        for (channel, strangers) in missing {
            for bot in strangers {
                let standing = Standing::Administrator(Rights::ALL);
                self.commit(&mut live, Event::StandingSet { channel, bot, standing })?;
            }
        }
        Ok(())
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.inner.live.lock().expect("no panic while the world changes")
    }

    /// Writes `event` down and makes it true. Documents that nothing holds any more are removed.
    fn commit(&self, live: &mut Live, event: Event) -> io::Result<()> {
        live.journal.append(&event)?;
        for orphan in live.state.apply(event) {
            // What cannot be removed now is removed when the world is opened again.
            _ = fs::remove_file(self.document_path(orphan));
        }
        Ok(())
    }
}

impl Live {
    /// The channel, if the bot may read it, and what it is there.
    ///
    /// The real service says "chat not found" for a private channel the bot has never seen, and
    /// that it is no member where it once was one. The simulator says the latter of both.
    fn channel_of(&self, bot: BotId, channel: ChannelId) -> Result<(&Channel, Standing), Refusal> {
        let channel = self.state.channels.get(&channel).ok_or(Refusal::NoChannel)?;
        match channel.members.get(&bot) {
            Some(Standing::Banned) => Err(Refusal::Banned),
            None | Some(Standing::Left) => Err(Refusal::NotAMember),
            Some(standing) => Ok((channel, *standing)),
        }
    }

    /// The channel, if the bot may post there.
    fn channel_to_post(&self, bot: BotId, channel: ChannelId) -> Result<&Channel, Refusal> {
        let (channel, standing) = self.channel_of(bot, channel)?;
        if standing.rights().post { Ok(channel) } else { Err(Refusal::MayNotPost) }
    }
}

impl Standing {
    pub(crate) fn rights(self) -> Rights {
        match self {
            Self::Administrator(rights) => rights,
            _ => Rights { post: false, edit: false, delete: false },
        }
    }
}
