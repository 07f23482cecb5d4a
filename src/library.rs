//! What people do with their films: look for them, name them, throw them away and take them back,
//! try again, stop.
//!
//! Each operation is one commit of the catalog, followed by telling those who must act (the job
//! engine) and those who want to know (the events). Whoever is told late or not at all finds the
//! truth in the catalog.

use crate::catalog::{
    Catalog, CatalogError, Changes, Cursor, JobState, Refinement, Rendition, Sidecar, Sort, Video, VideoPage,
    VideoQuery,
};
use crate::clock::Clock;
use crate::events::{Event, Events, VideoChange};
use crate::jobs::Jobs;
use crate::media::chapter;
use crate::media::id::VideoId;
use crate::media::plan::Plan;
use crate::media::probe::{Chapter, Probe};
use crate::media::title::clean_title;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Longest description in characters.
pub const MAX_DESCRIPTION: usize = 10_000;

/// How the library is kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a deleted video can be restored.
    pub trash_keep: Duration,
    /// Verified copies that make a blob protected.
    pub replicas: u32,
}

/// Which page of the library is wanted.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Words to look for; empty means all.
    pub words: String,
    /// The order.
    pub sort: Sort,
    /// The trash instead of the library.
    pub trash: bool,
    /// Most videos of the page; kept within 1 and 200.
    pub limit: u32,
    /// Where the last page ended.
    pub cursor: Option<Cursor>,
}

/// A video with everything known of it.
#[derive(Clone, Debug)]
pub struct Details {
    /// The video.
    pub video: Video,
    /// Its tracks, playable or not.
    pub renditions: Vec<Rendition>,
    /// Pictures that grow for browsers beside a copy which they cannot decode.
    pub growing: Vec<Rendition>,
    /// The last try to refine it; `None` before there is any.
    pub refinement: Option<Refinement>,
    /// Added subtitles that are no track yet.
    pub waiting: Vec<Sidecar>,
    /// What it is to become; `None` until its file was looked into.
    pub plan: Option<Plan>,
    /// Its chapters, in seconds of the film.
    pub chapters: Vec<Chapter>,
}

/// When a deleted video is removed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// When its time in the trash is over.
    Later,
    /// As soon as possible.
    Now,
}

/// A cheap handle.
#[derive(Clone)]
pub struct Library {
    catalog: Catalog,
    jobs: Jobs,
    events: Events,
    clock: Clock,
    settings: Settings,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// There is no such video, or it is in the trash.
    #[error("there is no such video")]
    NoSuchVideo,
    /// The title is empty once it is cleaned.
    #[error("a title needs at least one visible character")]
    NoTitle,
    /// The description is too long.
    #[error("a description may have at most {MAX_DESCRIPTION} characters")]
    LongDescription,
    /// Nothing works on the video.
    #[error("nothing of this video is being prepared, so there is nothing to stop")]
    NothingToStop,
    /// The catalog failed, or its rules say no.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Library {
    /// Over a catalog, telling this engine and these listeners.
    pub fn new(catalog: Catalog, jobs: Jobs, events: Events, clock: Clock, settings: Settings) -> Self {
        Self { catalog, jobs, events, clock, settings }
    }

    /// One page.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn list(&self, listing: Listing) -> Result<VideoPage, LibraryError> {
        let query = VideoQuery {
            words: listing.words,
            sort: listing.sort,
            trash: listing.trash,
            limit: listing.limit,
            cursor: listing.cursor,
            replicas: self.settings.replicas,
        };
        Ok(self.catalog.list_videos(query).await?)
    }

    /// One video that is not in the trash.
    ///
    /// # Errors
    /// `NoSuchVideo`, `Catalog`.
    pub async fn video(&self, id: VideoId) -> Result<Video, LibraryError> {
        let found = self.catalog.video(id, self.settings.replicas).await?;
        found.filter(|video| video.trashed_at.is_none()).ok_or(LibraryError::NoSuchVideo)
    }

    /// One video with everything known of it, playable or not.
    ///
    /// # Errors
    /// `NoSuchVideo`, `Catalog`.
    pub async fn details(&self, id: VideoId) -> Result<Details, LibraryError> {
        let video = self.video(id).await?;
        let renditions = self.catalog.details(id).await?;
        let (probe, plan) = self.catalog.planned_for(id).await?.unwrap_or_default();
        let probe: Option<Probe> = serde_json::from_str(&probe).ok();
        let plan: Option<Plan> = serde_json::from_str(&plan).ok();
        let chapters = probe.as_ref().map(chapter::of).unwrap_or_default();
        let waiting = self.catalog.waiting_sidecars(id).await?;
        let growing = self.catalog.growing_pictures(id).await?;
        let refinement = self.catalog.refinement(id).await?;
        Ok(Details { video, renditions, growing, refinement, waiting, plan, chapters })
    }

    /// Changes title or description, cleaned; answers the video as it is now.
    ///
    /// # Errors
    /// `NoTitle`, `LongDescription`, `NoSuchVideo`, `Catalog`.
    pub async fn describe(
        &self,
        id: VideoId,
        title: Option<&str>,
        description: Option<&str>,
    ) -> Result<Video, LibraryError> {
        let title = title.map(|title| clean_title(title).ok_or(LibraryError::NoTitle)).transpose()?;
        let description = description.map(clean_description).transpose()?;
        let known = self.catalog.describe_video(id, Changes { title, description }, self.clock.now()).await?;
        if !known {
            return Err(LibraryError::NoSuchVideo);
        }
        self.tell(id, VideoChange::Described);
        self.video(id).await
    }

    /// Moves a video to the trash, stopping what works on it; with `Now` also one that is there.
    ///
    /// # Errors
    /// `NoSuchVideo`, `Catalog`.
    pub async fn delete(&self, id: VideoId, when: Deletion) -> Result<(), LibraryError> {
        let now = self.clock.now();
        let forget_at = match when {
            Deletion::Later => now.after(self.settings.trash_keep),
            Deletion::Now => now,
        };
        let stopped = self.catalog.trash_video(id, forget_at, now).await?.ok_or(LibraryError::NoSuchVideo)?;
        self.jobs.stop(&stopped);
        self.jobs.wake();
        self.tell(id, VideoChange::Deleted);
        Ok(())
    }

    /// Takes a video out of the trash; one that is not there stays as it is.
    ///
    /// # Errors
    /// `NoSuchVideo`; `Catalog` with `NotAllowed` when it is being removed already.
    pub async fn restore(&self, id: VideoId) -> Result<Video, LibraryError> {
        if !self.catalog.restore_video(id, self.clock.now()).await? {
            return Err(LibraryError::NoSuchVideo);
        }
        self.jobs.wake();
        self.tell(id, VideoChange::Restored);
        self.video(id).await
    }

    /// Prepares a failed or stopped video again, or refines one again of which not everything could be made; goes on
    /// from what is there.
    ///
    /// # Errors
    /// `NoSuchVideo`; `Catalog` with `NotAllowed` when it did not fail.
    pub async fn retry(&self, id: VideoId) -> Result<Video, LibraryError> {
        let job = self.catalog.retry_ingest(id, self.clock.now()).await?.ok_or(LibraryError::NoSuchVideo)?;
        self.jobs.wake();
        let queued = Event::Job { job_id: job, video_id: id, state: JobState::Queued, stage: None, fraction: None };
        self.events.publish(queued);
        self.video(id).await
    }

    /// Stops preparing a video. What is there is kept for another try.
    ///
    /// # Errors
    /// `NoSuchVideo`, `NothingToStop`, `Catalog`.
    pub async fn cancel(&self, id: VideoId) -> Result<Video, LibraryError> {
        // What is in the trash is being forgotten, and that is not to be stopped here.
        self.video(id).await?;
        let stopped = self.catalog.cancel_ingest(id, self.clock.now()).await?;
        if stopped.is_empty() {
            return Err(LibraryError::NothingToStop);
        }
        self.jobs.stop(&stopped);
        for job in stopped {
            let state = JobState::Cancelled;
            self.events.publish(Event::Job { job_id: job, video_id: id, state, stage: None, fraction: None });
        }
        self.video(id).await
    }

    fn tell(&self, video_id: VideoId, change: VideoChange) {
        self.events.publish(Event::Video { video_id, change });
    }
}

/// Keeps lines and paragraphs; other control characters go.
fn clean_description(text: &str) -> Result<String, LibraryError> {
    let kept: String = text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect();
    if kept.chars().count() > MAX_DESCRIPTION {
        return Err(LibraryError::LongDescription);
    }
    Ok(kept.trim().to_owned())
}
