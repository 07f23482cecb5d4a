//! Posting, forwarding, copying, changing and deleting messages, by the rules for bots in channels.

use super::clock::milliseconds;
use super::documents::Spool;
use super::event::Event;
use super::refusal::{Purpose, Refusal};
use super::state::{BotId, Channel, ChannelId, Document, Message, MessageId, Origin, Standing};
use super::{Live, World};

/// What a new message shall hold.
#[derive(Debug)]
pub(crate) enum Content {
    Text(String),
    /// A document that was just uploaded.
    Upload {
        spool: Spool,
        name: String,
        mime: String,
        caption: Option<String>,
    },
    /// A document the bot knows already.
    Known {
        file_id: String,
        caption: Option<String>,
    },
}

/// A message with all that an answer says of it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) channel: ChannelId,
    pub(crate) title: String,
    pub(crate) message: Message,
    pub(crate) document: Option<Document>,
}

/// Which message of which channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) channel: ChannelId,
    pub(crate) message: MessageId,
}

/// The caption of a copy.
#[derive(Clone, Debug)]
pub(crate) enum NewCaption {
    Same,
    Other(Option<String>),
}

impl World {
    /// Posts a message in a channel.
    pub(crate) fn post(&self, bot: BotId, channel: ChannelId, content: Content) -> Result<Seen, Refusal> {
        let mut live = self.live();
        live.channel_to_post(bot, channel)?;
        let mut message = self.blank(&live, bot, channel)?;
        let (document, spool) = match content {
            Content::Text(text) => {
                self.check_text(&text)?;
                message.text = Some(text);
                (None, None)
            }
            Content::Known { file_id, caption } => {
                message.document = Some(live.state.document(bot, &file_id)?.id);
                message.caption = caption;
                (None, None)
            }
            Content::Upload { spool, name, mime, caption } => {
                self.check_size(spool.size())?;
                let id = live.state.next_document();
                message.document = Some(id);
                message.caption = caption;
                (Some(Document { id, name, mime, size: spool.size(), blake3: spool.blake3() }), Some(spool))
            }
        };
        self.check_caption(message.caption.as_deref())?;
        self.admit(&mut live, bot, channel)?;
        if let (Some(spool), Some(document)) = (spool, &document) {
            spool.keep(&self.document_path(document.id))?;
        }
        self.publish(&mut live, channel, message, document)
    }

    /// Forwards a message; the new one says where it came from.
    pub(crate) fn forward(&self, bot: BotId, from: Place, to: ChannelId) -> Result<Seen, Refusal> {
        let mut live = self.live();
        live.channel_to_post(bot, to)?;
        let (source, found) = live.message(bot, from, Purpose::Forward)?;
        if source.is_protected {
            return Err(Refusal::Protected);
        }
        let origin = found.origin.clone().unwrap_or_else(|| Origin {
            channel: from.channel,
            title: source.title.clone(),
            message: found.id,
            date: found.date,
        });
        let (text, caption, document) = (found.text.clone(), found.caption.clone(), found.document);
        let blank = self.blank(&live, bot, to)?;
        self.admit(&mut live, bot, to)?;
        self.publish(&mut live, to, Message { text, caption, document, origin: Some(origin), ..blank }, None)
    }

    /// Copies a message; the new one does not say where it came from.
    pub(crate) fn copy(
        &self,
        bot: BotId,
        from: Place,
        to: ChannelId,
        new_caption: NewCaption,
    ) -> Result<MessageId, Refusal> {
        let mut live = self.live();
        live.channel_to_post(bot, to)?;
        let (source, found) = live.message(bot, from, Purpose::Copy)?;
        if source.is_protected {
            return Err(Refusal::Protected);
        }
        let (text, document) = (found.text.clone(), found.document);
        let caption = match new_caption {
            NewCaption::Same => found.caption.clone(),
            NewCaption::Other(caption) => caption,
        };
        self.check_caption(caption.as_deref())?;
        let blank = self.blank(&live, bot, to)?;
        self.admit(&mut live, bot, to)?;
        let seen = self.publish(&mut live, to, Message { text, caption, document, ..blank }, None)?;
        Ok(seen.message.id)
    }

    /// Deletes one message.
    pub(crate) fn delete(&self, bot: BotId, place: Place) -> Result<(), Refusal> {
        let mut live = self.live();
        let (_, standing) = live.channel_of(bot, place.channel)?;
        let (_, message) = live.message(bot, place, Purpose::Delete)?;
        self.check_delete(bot, standing, message)?;
        Ok(self.commit(&mut live, Event::Deleted { channel: place.channel, messages: vec![place.message] })?)
    }

    /// Deletes those that exist. If one of them may not be deleted, none is.
    pub(crate) fn delete_many(&self, bot: BotId, channel: ChannelId, ids: &[MessageId]) -> Result<(), Refusal> {
        let mut live = self.live();
        let (found, standing) = live.channel_of(bot, channel)?;
        let mut messages = Vec::new();
        for message in ids.iter().filter_map(|id| found.messages.get(id)) {
            self.check_delete(bot, standing, message)?;
            messages.push(message.id);
        }
        if messages.is_empty() {
            return Ok(());
        }
        Ok(self.commit(&mut live, Event::Deleted { channel, messages })?)
    }

    /// Gives a message with a document another caption.
    pub(crate) fn set_caption(&self, bot: BotId, place: Place, caption: Option<String>) -> Result<Seen, Refusal> {
        let mut live = self.live();
        let (_, standing) = live.channel_of(bot, place.channel)?;
        let (_, message) = live.message(bot, place, Purpose::Edit)?;
        let rights = standing.rights();
        let may = if message.by == bot { rights.post } else { rights.edit };
        if !may || message.origin.is_some() || message.document.is_none() {
            return Err(Refusal::MayNotEdit);
        }
        self.check_caption(caption.as_deref())?;
        if message.caption == caption {
            return Err(Refusal::NotModified);
        }
        let date = self.now_ms() / 1000;
        let Place { channel, message } = place;
        self.commit(&mut live, Event::CaptionSet { channel, message, caption, date })?;
        live.see(place).ok_or(Refusal::NoMessage(Purpose::Edit))
    }

    /// Pins a message instead of the one that is pinned.
    pub(crate) fn pin(&self, bot: BotId, place: Place) -> Result<(), Refusal> {
        let mut live = self.live();
        live.check_pin(bot, place.channel)?;
        let (source, _) = live.message(bot, place, Purpose::Pin)?;
        if source.pinned == Some(place.message) {
            return Ok(());
        }
        let Place { channel, message } = place;
        Ok(self.commit(&mut live, Event::Pinned { channel, message })?)
    }

    /// Unpins `message`, or whatever is pinned.
    pub(crate) fn unpin(&self, bot: BotId, channel: ChannelId, message: Option<MessageId>) -> Result<(), Refusal> {
        let mut live = self.live();
        let pinned = live.check_pin(bot, channel)?.pinned;
        if pinned.is_none() || message.is_some_and(|message| pinned != Some(message)) {
            return Err(Refusal::NoMessage(Purpose::Unpin));
        }
        Ok(self.commit(&mut live, Event::Unpinned { channel })?)
    }

    /// An empty message with the next number of the channel.
    fn blank(&self, live: &Live, bot: BotId, channel: ChannelId) -> Result<Message, Refusal> {
        let id = live.state.channels.get(&channel).ok_or(Refusal::NoChannel)?.next_message;
        let date = self.now_ms() / 1000;
        Ok(Message { id, date, by: bot, text: None, caption: None, document: None, origin: None, edited: None })
    }

    fn publish(
        &self,
        live: &mut Live,
        channel: ChannelId,
        message: Message,
        document: Option<Document>,
    ) -> Result<Seen, Refusal> {
        let place = Place { channel, message: message.id };
        self.commit(live, Event::Posted { channel, message, document })?;
        live.see(place).ok_or(Refusal::NoChannel)
    }

    fn admit(&self, live: &mut Live, bot: BotId, channel: ChannelId) -> Result<(), Refusal> {
        let admitted = live.pace.admit(&self.settings().throttle, bot, channel, self.now_ms());
        admitted.map_err(|seconds| Refusal::Flood { seconds })
    }

    fn check_text(&self, text: &str) -> Result<(), Refusal> {
        match text.chars().count() {
            0 => Err(Refusal::TextEmpty),
            chars if chars > self.settings().limits.text_chars => Err(Refusal::TextTooLong),
            _ => Ok(()),
        }
    }

    fn check_size(&self, size: u64) -> Result<(), Refusal> {
        match size {
            0 => Err(Refusal::EmptyFile),
            size if size > self.settings().limits.upload_bytes => Err(Refusal::UploadTooBig),
            _ => Ok(()),
        }
    }

    fn check_caption(&self, caption: Option<&str>) -> Result<(), Refusal> {
        let chars = caption.map_or(0, |caption| caption.chars().count());
        if chars > self.settings().limits.caption_chars { Err(Refusal::CaptionTooLong) } else { Ok(()) }
    }

    fn check_delete(&self, bot: BotId, standing: Standing, message: &Message) -> Result<(), Refusal> {
        let rights = standing.rights();
        let may = rights.delete || (rights.post && message.by == bot);
        let age_ms = self.now_ms() - message.date * 1000;
        if may && age_ms < milliseconds(self.settings().limits.delete_within) {
            return Ok(());
        }
        Err(Refusal::MayNotDelete)
    }
}

impl Live {
    fn message(&self, bot: BotId, place: Place, purpose: Purpose) -> Result<(&Channel, &Message), Refusal> {
        let (channel, _) = self.channel_of(bot, place.channel)?;
        let message = channel.messages.get(&place.message).ok_or(Refusal::NoMessage(purpose))?;
        Ok((channel, message))
    }

    /// In channels, pinning takes the right to edit messages of others.
    fn check_pin(&self, bot: BotId, channel: ChannelId) -> Result<&Channel, Refusal> {
        let (channel, standing) = self.channel_of(bot, channel)?;
        if standing.rights().edit { Ok(channel) } else { Err(Refusal::MayNotPin) }
    }

    pub(super) fn see(&self, place: Place) -> Option<Seen> {
        let channel = self.state.channels.get(&place.channel)?;
        let message = channel.messages.get(&place.message)?.clone();
        let document = message.document.and_then(|document| self.state.documents.get(&document)).cloned();
        Some(Seen { channel: place.channel, title: channel.title.clone(), message, document })
    }
}
