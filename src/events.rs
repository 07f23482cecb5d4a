//! What changes while the server runs, for the one stream that pages listen to.
//!
//! An event says *that* something changed and carries what a progress bar needs; whoever needs more
//! asks the API. Events are never waited for and may be missed, so nothing may depend on one.

use crate::media::id::{JobId, UploadId, VideoId};
use serde::Serialize;
use tokio::sync::broadcast;

/// Events that a listener may be behind before it misses some.
const BACKLOG: usize = 256;

/// One change. In JSON an object with a `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A video of the library changed.
    Video {
        /// Which one.
        video_id: VideoId,
        /// In which way.
        change: VideoChange,
    },
    /// A job came further.
    Job {
        /// Which one.
        job_id: JobId,
        /// The video it works on.
        video_id: VideoId,
        /// Where it is in its life.
        state: JobState,
        /// What it does now, in a word of the API (`inspect`, `transcode`, …).
        stage: Option<String>,
        /// Part of the whole that is done, 0 to 1.
        fraction: Option<f64>,
    },
    /// An upload came further.
    Upload {
        /// Which one.
        upload_id: UploadId,
        /// Where it is in its life.
        state: UploadState,
        /// Bytes that arrived.
        bytes_received: u64,
        /// Bytes that will arrive, where the sender said so.
        bytes_total: Option<u64>,
    },
    /// Something on the status page changed: cache, store, disk.
    System,
    /// This listener was too slow: what it shows may be out of date and has to be asked for again.
    Missed {
        /// Number of events it did not get.
        count: u64,
    },
}

/// How a video changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoChange {
    /// It is new in the library.
    Added,
    /// Its title, description or poster changed, or its added subtitles did.
    Described,
    /// There is enough of it to start watching.
    Playable,
    /// It is complete.
    Ready,
    /// There is another size, sound or subtitle of it.
    Refined,
    /// Every wanted copy of it is verified.
    Protected,
    /// It could not be made.
    Failed,
    /// It went to the trash or was forgotten.
    Deleted,
    /// It came back from the trash.
    Restored,
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// It is being done.
    Running,
    /// It waits for something outside, such as room or a rested bot.
    Waiting,
    /// A person paused it.
    Paused,
    /// It is done.
    Done,
    /// It gave up.
    Failed,
    /// A person cancelled it.
    Cancelled,
}

impl JobState {
    /// Every state there is.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Waiting, Self::Paused, Self::Done, Self::Failed, Self::Cancelled];

    /// The word the catalog and the API use.
    pub fn text(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the job has come to its end.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// Where an upload is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// Bytes arrive.
    Receiving,
    /// Every byte is here and safe.
    Received,
    /// It broke off or was refused, and nothing of it is left.
    Failed,
}

/// The bus. Clones are the same bus.
#[derive(Clone)]
pub struct Events {
    sender: broadcast::Sender<Event>,
}

/// One listener's place on the bus.
pub struct Subscription {
    receiver: broadcast::Receiver<Event>,
}

impl Events {
    /// A bus without listeners.
    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }

    /// Tells everybody who listens now; never waits.
    pub fn publish(&self, event: Event) {
        // An error only means that nobody listens.
        let _ = self.sender.send(event);
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription { receiver: self.sender.subscribe() }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl Subscription {
    /// The next event; `None` when the bus is gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Event::Missed { count }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_listener_gets_what_comes_after_it_came() {
        let events = Events::new();
        events.publish(Event::System);
        let (mut one, mut two) = (events.subscribe(), events.subscribe());
        let ready = Event::Video { video_id: VideoId::fresh(), change: VideoChange::Ready };
        events.publish(ready.clone());
        drop(events);
        for listener in [&mut one, &mut two] {
            assert_eq!(listener.next().await, Some(ready.clone()));
            assert_eq!(listener.next().await, None);
        }
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_that_it_missed_some() {
        let events = Events::new();
        let mut slow = events.subscribe();
        for _ in 0..BACKLOG + 3 {
            events.publish(Event::System);
        }
        assert_eq!(slow.next().await, Some(Event::Missed { count: 3 }));
        assert_eq!(slow.next().await, Some(Event::System));
    }

    #[test]
    fn an_event_is_an_object_with_a_type() {
        let video_id = VideoId::fresh();
        let json = serde_json::to_value(Event::Video { video_id, change: VideoChange::Added }).unwrap();
        assert_eq!(json, serde_json::json!({"type": "video", "video_id": video_id, "change": "added"}));
        assert_eq!(serde_json::to_value(Event::System).unwrap(), serde_json::json!({"type": "system"}));
    }
}
