//! How a job waits for a slot: whoever does only that can be paused, cancelled, put first, or handed back for another
//! film, at once.

use super::progress::Meter;
use super::slots::{Lane, Need, Rank, Slot};
use super::transcode::Sealed;
use super::{IngestError, Run};
use crate::jobs::Counted;
use crate::media::plan::Turn;
use futures::FutureExt;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often work that can wait looks whether there is room on the machine for it, and whether a person added something.
pub(super) const WAY: Duration = Duration::from_secs(1);

/// A slot, and that its job is at work.
pub(super) struct Held {
    pub(super) slot: Slot,
    _at_work: Counted,
}

/// What is waited for, and what ends the wait.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) lane: Lane,
    pub(super) need: Need,
    pub(super) turn: Turn,
    /// Says that it is left to another job.
    pub(super) until: Option<&'a CancellationToken>,
    /// Who is told that the job waits, where nothing else of it is shown.
    pub(super) meter: Option<&'a Meter<'a>>,
    /// Where what a person adds meanwhile goes, of a film that can be played: it does not wait.
    pub(super) sealed: Option<&'a Sealed>,
}

impl Run<'_> {
    /// Waits for a slot; `None` when it is left to another job.
    pub(super) async fn slot(&self, wanted: Wanted<'_>) -> Result<Option<Held>, IngestError> {
        let never = CancellationToken::new();
        let until = wanted.until.unwrap_or(&never);
        let (mut in_line, mut is_shown) = (None, false);
        loop {
            let mut changes = self.work.priority_changes();
            let priority = self.ingest.catalog.priority_of(self.work.lease).await?;
            let rank = Rank::new(wanted.need, wanted.turn, priority);
            let mut taken = std::pin::pin!(self.ingest.slots.take(wanted.lane, rank));
            if let Some(slot) = (&mut taken).now_or_never() {
                wanted.meter.iter().filter(|_| is_shown).for_each(|meter| meter.goes_on());
                return Ok(Some(self.held(slot)));
            }
            // A film that is copied has its first seconds in a moment, mostly.
            let waits_long = (wanted.lane, wanted.need) != (Lane::Copies, Need::Opening);
            in_line = in_line.or_else(|| waits_long.then(|| self.work.in_line()));
            wanted.meter.iter().for_each(|meter| meter.in_line());
            is_shown = true;
            loop {
                tokio::select! {
                    slot = &mut taken => {
                        wanted.meter.iter().for_each(|meter| meter.goes_on());
                        return Ok(Some(self.held(slot)));
                    }
                    () = self.work.cancel.cancelled() => return Err(IngestError::Stopped),
                    () = until.cancelled() => return Ok(None),
                    Ok(()) = changes.changed() => {
                        // Who is given the number that it has keeps its place.
                        if self.ingest.catalog.priority_of(self.work.lease).await? != priority {
                            break;
                        }
                    }
                    () = tokio::time::sleep(WAY), if wanted.sealed.is_some() || in_line.is_none() => {
                        in_line.get_or_insert_with(|| self.work.in_line());
                    }
                }
                if let Some(sealed) = wanted.sealed {
                    self.ingest.make_waiting(self.work, self.video, sealed).await?;
                }
            }
        }
    }

    fn held(&self, slot: Slot) -> Held {
        Held { slot, _at_work: self.work.at_work() }
    }
}
