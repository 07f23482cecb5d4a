//! Sidecars: subtitles that a person adds to a film beside its file. Each waits until a job has made a track of
//! it; the track has its name from the first moment on, and no other one ever gets that name.

use super::jobs::{self, JobKind, JobLease, hold};
use super::{Catalog, CatalogError, videos};
use crate::media::id::VideoId;
use crate::media::rendition::TrackName;
use crate::media::time::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};

/// Most sidecars that wait for a film at the same time: their files lie in the catalog.
const MOST_WAITING: u32 = 16;

/// What the track of a sidecar says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// Its name.
    pub track: TrackName,
    /// Where it comes from, in words for people.
    pub why: String,
    /// Language tag.
    pub language: String,
    /// Name for people.
    pub label: Option<String>,
    /// Whether it holds only what is spoken in another language than the sound's.
    pub forced: bool,
}

/// Subtitles that a person adds: what their track will say, and the file.
#[derive(Clone, Debug)]
pub struct NewSidecar {
    /// Where they come from, in words for people.
    pub why: String,
    /// Language tag.
    pub language: String,
    /// Name for people.
    pub label: Option<String>,
    /// Whether they hold only what is spoken in another language than the sound's.
    pub forced: bool,
    /// The file as it came.
    pub text: Vec<u8>,
}

/// That the rendition was not taken away by a person.
pub(super) const NOT_REMOVED: &str = "NOT EXISTS (SELECT 1 FROM sidecars WHERE sidecars.video = renditions.video
    AND sidecars.track = renditions.name AND sidecars.state = 'removed')";

const WAITING: &str =
    "SELECT track, why, language, label, forced FROM sidecars WHERE video = ?1 AND state = 'waiting' ORDER BY rowid";

impl Catalog {
    /// Keeps subtitles for a video and answers what their track is called; `None` when there is no such video
    /// outside the trash.
    ///
    /// # Errors
    /// `NotAllowed` when the film has had too many, or too many wait.
    pub async fn add_sidecar(
        &self,
        video: VideoId,
        new: NewSidecar,
        now: Timestamp,
    ) -> Result<Option<TrackName>, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let Some(row) = videos::live_row_of(tx, video)? else { return Ok(None) };
                let (had, waiting): (u32, u32) = tx.query_row(
                    "SELECT count(*), count(*) FILTER (WHERE state = 'waiting') FROM sidecars WHERE video = ?1",
                    [row],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )?;
                if waiting >= MOST_WAITING {
                    return Err(CatalogError::NotAllowed(
                        "other subtitles of this film wait already; add these when they are there",
                    ));
                }
                let track = TrackName::added_subtitles(had)
                    .ok_or(CatalogError::NotAllowed("this film has had as many added subtitles as a film can have"))?;
                tx.execute(
                    "INSERT INTO sidecars (video, track, state, why, language, label, forced, text)
                     VALUES (?1, ?2, 'waiting', ?3, ?4, ?5, ?6, ?7)",
                    params![row, track.to_string(), new.why, new.language, new.label, new.forced, new.text],
                )?;
                attach(tx, row, now)?;
                Ok(Some(track))
            })
            .await
    }

    /// Takes an added track away: nobody finds it any more from now on. Answers whether there was one.
    pub async fn remove_sidecar(&self, video: VideoId, track: TrackName, now: Timestamp) -> Result<bool, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let Some(row) = videos::live_row_of(tx, video)? else { return Ok(false) };
                let removed = tx.execute(
                    "UPDATE sidecars SET state = 'removed', text = NULL WHERE video = ?1 AND track = ?2 AND state <> 'removed'",
                    params![row, track.to_string()],
                )?;
                attach(tx, row, now)?;
                Ok(removed == 1)
            })
            .await
    }

    /// What waits to become a track of a video, in the order in which it came.
    pub async fn waiting_sidecars(&self, video: VideoId) -> Result<Vec<Sidecar>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let Some(row) = videos::row_of(tx, video)? else { return Ok(Vec::new()) };
                let mut statement = tx.prepare_cached(WAITING)?;
                let rows = statement.query_map([row], record)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// What waits to become a track of the job's video.
    pub async fn sidecars_to_make(&self, lease: JobLease) -> Result<Vec<Sidecar>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let mut statement = tx.prepare_cached(WAITING)?;
                let rows = statement.query_map([video], record)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The file of a sidecar that waits; `None` when it was taken away.
    pub async fn sidecar_text(&self, lease: JobLease, track: TrackName) -> Result<Option<Vec<u8>>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let sql = "SELECT text FROM sidecars WHERE video = ?1 AND track = ?2 AND state = 'waiting'";
                let found: Option<Option<Vec<u8>>> = tx
                    .prepare_cached(sql)?
                    .query_row(params![video, track.to_string()], |row| row.get(0))
                    .optional()?;
                Ok(found.flatten())
            })
            .await
    }

    /// Says that the track of a sidecar is made; its file is needed no more.
    pub async fn sidecar_made(&self, lease: JobLease, track: TrackName) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                tx.execute(
                    "UPDATE sidecars SET state = 'made', text = NULL WHERE video = ?1 AND track = ?2 AND state = 'waiting'",
                    params![video, track.to_string()],
                )?;
                Ok(())
            })
            .await
    }

    /// Says that no track can be made of a sidecar: it is as if it had been taken away.
    pub async fn sidecar_unusable(&self, lease: JobLease, track: TrackName) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                tx.execute(
                    "UPDATE sidecars SET state = 'removed', text = NULL WHERE video = ?1 AND track = ?2 AND state = 'waiting'",
                    params![video, track.to_string()],
                )?;
                Ok(())
            })
            .await
    }
}

/// Queues the attaching of what changed, unless that is in line already. A film that is not ready yet has it
/// done when it is.
pub(super) fn attach(tx: &Transaction<'_>, video_row: i64, now: Timestamp) -> Result<(), CatalogError> {
    let is_new: bool = tx.query_row(
        "SELECT state = 'ready' AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.video = videos.id AND jobs.kind = 'attach'
                AND jobs.state IN ('queued', 'waiting', 'paused'))
           FROM videos WHERE id = ?1",
        [video_row],
        |row| row.get(0),
    )?;
    if is_new {
        jobs::enqueue(tx, JobKind::Attach, video_row, now, now)?;
    }
    Ok(())
}

/// The same, if there is anything to attach or to remove.
pub(super) fn attach_if_due(tx: &Transaction<'_>, video_row: i64, now: Timestamp) -> Result<(), CatalogError> {
    let is_due: bool = tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM sidecars WHERE video = videos.id AND state = 'waiting')
             OR EXISTS (SELECT 1 FROM sidecars JOIN renditions ON renditions.video = sidecars.video AND renditions.name = track
                         WHERE sidecars.video = videos.id AND sidecars.state = 'removed')
             OR EXISTS (SELECT 1 FROM blobs WHERE blobs.video = videos.id AND role = 'poster'
                           AND (blobs.state = 'sealed' OR blobs.id IS NOT videos.poster))
           FROM videos WHERE id = ?1",
        [video_row],
        |row| row.get(0),
    )?;
    if is_due { attach(tx, video_row, now) } else { Ok(()) }
}

fn record(row: &Row<'_>) -> rusqlite::Result<Sidecar> {
    Ok(Sidecar {
        track: super::sqlite::parsed(row, 0)?,
        why: row.get(1)?,
        language: row.get(2)?,
        label: row.get(3)?,
        forced: row.get(4)?,
    })
}
