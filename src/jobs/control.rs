//! What a person may do with a job: hold it up, let it go on, put it before others.

use super::Jobs;
use crate::catalog::CatalogError;
use crate::events::Event;
use crate::media::id::JobId;

impl Jobs {
    /// Holds a job up until it is resumed, also over a restart. A running one stops at its next safe point and goes
    /// on from there. Answers whether there is such a job.
    ///
    /// # Errors
    /// `NotAllowed` for a job that is over or removes a film; when the catalog fails.
    pub async fn pause(&self, job: JobId) -> Result<bool, CatalogError> {
        let Some(was_running) = self.shared.catalog.pause_job(job).await? else { return Ok(false) };
        if was_running {
            self.stop(&[job]);
        }
        self.shared.events.publish(Event::System);
        Ok(true)
    }

    /// Lets a paused job go on. Answers whether there is such a job.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn resume(&self, job: JobId) -> Result<bool, CatalogError> {
        let is_known = self.shared.catalog.resume_job(job, self.shared.clock.now()).await?;
        self.wake();
        self.shared.events.publish(Event::System);
        Ok(is_known)
    }

    /// Puts a job before those of its kind with a lower priority. One that runs has its next turn by it. Answers whether
    /// there is such a job.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn prioritise(&self, job: JobId, priority: i8) -> Result<bool, CatalogError> {
        let is_known = self.shared.catalog.prioritise_job(job, priority).await?;
        if let Some(held) = self.shared.running.lock().expect("nothing panics while holding it").get(&job) {
            held.priority.send_replace(());
        }
        self.shared.crowd.notify_waiters();
        self.shared.events.publish(Event::System);
        Ok(is_known)
    }
}
