//! The encoders of this machine: tried at the start, and again whenever somebody asks.

use super::encoder::{Choice, EncoderReport, Preference, choose};
use super::{Ffmpeg, probe_encoders};
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// A cheap handle; clones share what was found.
#[derive(Clone)]
pub struct Encoders {
    inner: Arc<Inner>,
}

struct Inner {
    ffmpeg: Ffmpeg,
    preference: Preference,
    /// Best first; empty until the first trial is over.
    reports: watch::Sender<Vec<EncoderReport>>,
    /// Held during a trial: two at once would fight for the device.
    trial: Mutex<()>,
}

impl Encoders {
    /// Nothing is tried yet.
    pub fn new(ffmpeg: Ffmpeg, preference: Preference) -> Self {
        let (reports, trial) = (watch::Sender::default(), Mutex::default());
        Self { inner: Arc::new(Inner { ffmpeg, preference, reports, trial }) }
    }

    /// Tries all of them that may be used, and answers what became of it; takes up to ten seconds for each.
    pub async fn probe(&self) -> Vec<EncoderReport> {
        let _turn = self.inner.trial.lock().await;
        let reports = probe_encoders(&self.inner.ffmpeg, self.inner.preference).await;
        for report in &reports {
            tracing::info!(
                encoder = report.encoder.name(),
                works = report.works,
                decodes = report.decodes,
                "an encoder was tried"
            );
        }
        self.inner.reports.send_replace(reports.clone());
        reports
    }

    /// What the last trial found, best first; empty until the first one is over.
    pub fn reports(&self) -> Vec<EncoderReport> {
        self.inner.reports.borrow().clone()
    }

    /// The one to use. Waits for the first trial.
    pub async fn chosen(&self) -> Choice {
        let mut reports = self.inner.reports.subscribe();
        // The sender lives as long as `self`.
        let known = reports.wait_for(|reports| !reports.is_empty()).await;
        known.map_or(Choice::SOFTWARE, |reports| choose(&reports))
    }
}
