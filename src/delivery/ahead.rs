//! Reading ahead: what players will ask for next is brought into memory before they do.
//!
//! Each player leaves a *trail* in each kind of track of a film. While it goes on from one segment to the next, those
//! that follow are brought, in whichever rung it is now; when it jumps, what was planned is dropped. Sounds are trails
//! of their own. Only what lies far away is brought, and only by bots that have nothing else to do.

mod trail;

use super::{Delivery, DeliveryError, DeliveryStream, Stored, Thing};
use crate::cache::Ahead;
use crate::media::id::VideoId;
use crate::media::range::ByteRange;
use crate::media::rendition::{RenditionKind, TrackName};
use lru::LruCache;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use trail::{Step, Trail};

/// Trails remembered: about a hundred bytes each.
const TRAILS: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not zero");

/// How soon it is looked again whether a bot is idle; it doubles, up to `LONGEST_REST`.
const FIRST_REST: Duration = Duration::from_millis(25);
const LONGEST_REST: Duration = Duration::from_millis(400);

/// How long one is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Who asks, as far as can be told: the same for the same player, and most often another one for another. Who looks
/// like somebody else only spoils what is read ahead for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Viewer(u64);

impl Viewer {
    /// Told by whatever is known of the player.
    pub fn of(known: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        known.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// All trails.
pub(super) struct Trails {
    known: Mutex<LruCache<(Viewer, VideoId, RenditionKind), SharedTrail>>,
}

type SharedTrail = Arc<Mutex<Trail>>;

impl Trails {
    pub(super) fn new() -> Self {
        Self { known: Mutex::new(LruCache::new(TRAILS)) }
    }

    /// The player's trail, to which this segment was added.
    fn follow(&self, viewer: Viewer, video: VideoId, track: TrackName, number: u32) -> SharedTrail {
        let now = Instant::now();
        let mut known = self.known.lock().expect("no panic while a trail is looked up");
        let key = (viewer, video, track.kind);
        if let Some(trail) = known.get(&key) {
            lock(trail).saw(track, number, now);
            return Arc::clone(trail);
        }
        let trail = Arc::new(Mutex::new(Trail::new(track, number, now)));
        known.put(key, Arc::clone(&trail));
        trail
    }
}

/// The right to bring segments of a trail.
struct Work(SharedTrail);

impl Work {
    fn begin(trail: SharedTrail) -> Option<Self> {
        let has_room = lock(&trail).begin_work();
        has_room.then(|| Self(trail))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        lock(&self.0).end_work();
    }
}

fn lock(trail: &SharedTrail) -> MutexGuard<'_, Trail> {
    trail.lock().expect("no panic while a trail is changed")
}

impl Delivery {
    /// As `open`, for a player: what it will ask for next is brought near meanwhile.
    ///
    /// # Errors
    /// As `open`.
    pub async fn play(
        &self,
        stored: &Stored,
        range: ByteRange,
        viewer: Viewer,
    ) -> Result<DeliveryStream, DeliveryError> {
        let bytes = self.open(stored, range).await?;
        self.read_ahead(viewer, stored);
        Ok(bytes)
    }

    fn read_ahead(&self, viewer: Viewer, stored: &Stored) {
        let Thing::Segment(video, track, number) = stored.thing else { return };
        let is_played = matches!(track.kind, RenditionKind::Video | RenditionKind::Audio);
        if !is_played || !self.cache.is_remote(&stored.pieces) {
            return;
        }
        let trail = self.memory.trails.follow(viewer, video, track, number);
        let Some(work) = Work::begin(trail) else { return };
        let (delivery, end) = (self.clone(), self.shutdown.token());
        let work = async move { end.run_until_cancelled(delivery.go_ahead(video, &work)).await.unwrap_or_default() };
        drop(self.shutdown.spawn("read-ahead", work));
    }

    /// Brings one segment after the other, as long as there is one to bring.
    async fn go_ahead(&self, video: VideoId, Work(trail): &Work) {
        loop {
            let step = lock(trail).take_step();
            let Some(step) = step else { return };
            if !self.take_step(video, trail, step).await {
                lock(trail).give_back(step);
                return;
            }
        }
    }

    /// Whether it is done, or not wanted any more. What cannot be brought now is left to the player, who asks for it
    /// with more patience, and is told what is wrong.
    async fn take_step(&self, video: VideoId, trail: &SharedTrail, step: Step) -> bool {
        let (begun, mut rest) = (Instant::now(), FIRST_REST);
        let thing = Thing::Segment(video, step.track, step.number);
        let found = self.find(thing).await.inspect_err(|error| left(step, error));
        let Ok(Some(stored)) = found else { return false };
        while lock(trail).wants(step) {
            let asked = Instant::now();
            match self.cache.bring(&stored.pieces, thing.standing()).await {
                Ok(Ahead::Near) => return true,
                Ok(Ahead::Brought) => {
                    lock(trail).brought(asked.elapsed());
                    return true;
                }
                // One who waits is enough.
                Ok(Ahead::Busy) if begun.elapsed() < LONGEST_WAIT && lock(trail).is_last_at_work() => {
                    sleep(rest).await;
                    rest = (rest * 2).min(LONGEST_REST);
                }
                Ok(Ahead::Busy | Ahead::Full) => return false,
                Err(error) => {
                    left(step, &error.into());
                    return false;
                }
            }
        }
        true
    }
}

fn left(step: Step, error: &DeliveryError) {
    let error = error as &dyn std::error::Error;
    tracing::debug!(track = %step.track, step.number, error, "nothing is read ahead");
}
