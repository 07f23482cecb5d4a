//! How far an upload is, told while its bytes arrive.

use super::{UploadProgress, Uploads};
use crate::events::{Event, UploadState as Told};
use crate::media::id::UploadId;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often listeners hear of it.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Tells of one upload until it is dropped.
pub(super) struct Telling {
    pub(super) uploads: Uploads,
    pub(super) id: UploadId,
    progress: watch::Sender<UploadProgress>,
    begun: Instant,
    begun_at: u64,
    told: Instant,
}

impl Telling {
    /// `begun_at` bytes of it are here already.
    pub(super) fn begin(uploads: &Uploads, id: UploadId, bytes_total: Option<u64>, begun_at: u64) -> Self {
        let start = UploadProgress { bytes_received: begun_at, ..UploadProgress::receiving(id, bytes_total) };
        let (progress, watched) = watch::channel(start);
        uploads.arriving().insert(id, watched);
        let now = Instant::now();
        Self { uploads: uploads.clone(), id, progress, begun: now, begun_at, told: now }
    }

    /// So many bytes are here now.
    pub(super) fn came(&mut self, received: u64) {
        let fresh = received.saturating_sub(self.begun_at);
        let rate = fresh as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        self.progress.send_modify(|progress| {
            progress.bytes_received = received;
            progress.bytes_per_second = Some(rate as u64);
            progress.eta_seconds =
                progress.bytes_total.map(|total| (total.saturating_sub(received) as f64 / rate.max(1.0)).ceil() as u64);
            progress.fraction = progress.bytes_total.map(|total| (received as f64 / total.max(1) as f64).min(1.0));
        });
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            self.tell(Told::Receiving);
        }
    }

    pub(super) fn tell(&self, state: Told) {
        let (bytes_received, bytes_total) = {
            let progress = self.progress.borrow();
            (progress.bytes_received, progress.bytes_total)
        };
        self.uploads.shared.events.publish(Event::Upload { upload_id: self.id, state, bytes_received, bytes_total });
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.uploads.arriving().remove(&self.id);
    }
}
