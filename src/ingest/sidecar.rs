//! The way in of what a person adds to a film that is there already: subtitles and a poster.
//!
//! What comes is looked at before it is taken, so that who sent it is told what is wrong. Subtitles wait in the
//! catalog until a job has made a track of them; a poster is shown at once, and stored by that same job.

use crate::catalog::{Catalog, CatalogError, NewSidecar, SealedBlob};
use crate::clock::Clock;
use crate::disk;
use crate::events::{Event, Events, VideoChange};
use crate::ffmpeg::{Ffmpeg, FfmpegError, PictureKind};
use crate::jobs::Jobs;
use crate::media::id::VideoId;
use crate::media::language;
use crate::media::rendition::TrackName;
use crate::media::subtitles::{SubtitlesError, examine};
use crate::shutdown::Shutdown;
use crate::spool::{Spool, SpoolError};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Most bytes of subtitles that are taken. Those of a film have 0.1 MB, and with every sign of it typeset 20 MB.
pub const MAX_SUBTITLES: u64 = 16 << 20;

/// Most bytes of a picture that is taken.
pub const MAX_PICTURE: u64 = 16 << 20;

/// Longest name of a track in characters.
const MAX_LABEL: usize = 100;

/// The way in: a cheap handle.
#[derive(Clone)]
pub struct Sidecars {
    /// The library's records.
    pub catalog: Catalog,
    /// Who reads pictures.
    pub ffmpeg: Ffmpeg,
    /// Where a poster lies until it is stored.
    pub spool: Spool,
    /// Who does what is queued.
    pub jobs: Jobs,
    /// Who is told.
    pub events: Events,
    /// The time of day.
    pub clock: Clock,
    /// Where what was begun is done to its end, though who sent it is gone.
    pub shutdown: Shutdown,
}

/// Subtitles as a person sends them.
#[derive(Clone, Debug)]
pub struct NewSubtitles {
    /// The file, at most [`MAX_SUBTITLES`] bytes.
    pub file: Vec<u8>,
    /// A tag of BCP 47, or a code of ISO 639.
    pub language: String,
    /// What the track is called; empty for the name of its language.
    pub label: String,
    /// Whether they hold only what is spoken in another language than the sound's.
    pub forced: bool,
}

/// A still of the film that may be its poster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Still {
    /// Its number, from 0.
    pub number: u32,
    /// Seconds of the file at which it was looked for.
    pub second: f64,
    /// Whether it is the poster.
    pub chosen: bool,
}

/// The posters that a film has and could have.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its stills, in order; none before they are made.
    pub stills: Vec<Still>,
    /// Whether the poster is none of these: found by itself, or sent.
    pub other: bool,
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SidecarError {
    /// There is no such video, or it is in the trash.
    #[error("there is no such video")]
    NoSuchVideo,
    /// There is no such track, or it came with the film's own file.
    #[error("there is no such track among the added ones; those of the film's own file stay with it")]
    NoSuchTrack,
    /// There is no such still.
    #[error("there is no such still of this film; it may not be made yet")]
    NoSuchStill,
    /// The language is none.
    #[error("\u{201c}{0}\u{201d} names no language; write a tag such as en, de or pt-BR")]
    Language(String),
    /// The name of the track is too long.
    #[error("the name of a track may have at most {MAX_LABEL} characters")]
    LongLabel,
    /// The file gives no subtitles.
    #[error(transparent)]
    Subtitles(#[from] SubtitlesError),
    /// The file is no picture that is taken.
    #[error("only JPEG, PNG and WebP pictures can be a poster; save it as one of these and send it again")]
    UnknownPicture,
    /// The picture cannot be decoded.
    #[error(
        "the picture cannot be opened: it is damaged, or larger than 64 million pixels; save it smaller and send it again"
    )]
    Picture(#[source] FfmpegError),
    /// The picture could not be converted, which is not its fault.
    #[error("converting the picture")]
    Ffmpeg(#[source] FfmpegError),
    /// The disk failed.
    #[error("keeping the picture")]
    Disk(#[source] std::io::Error),
    /// The spool failed.
    #[error("keeping the picture")]
    Spool(#[from] SpoolError),
    /// The catalog failed, or its rules say no.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Sidecars {
    /// Takes subtitles for a film and answers what their track is called. It is there once the film is ready
    /// and a job came to it.
    ///
    /// # Errors
    /// `Language`, `LongLabel`, `Subtitles`, `NoSuchVideo`, `Catalog`.
    pub async fn add_subtitles(&self, video: VideoId, new: NewSubtitles) -> Result<TrackName, SidecarError> {
        let tag = language::known(&new.language).ok_or_else(|| SidecarError::Language(shortened(&new.language)))?;
        let label = cleaned(&new.label);
        if label.chars().count() > MAX_LABEL {
            return Err(SidecarError::LongLabel);
        }
        let file = new.file;
        let examined = disk::blocking(move || Ok((examine(&file), file))).await.map_err(SidecarError::Disk)?;
        let (format, _) = examined.0?;
        let sidecar = NewSidecar {
            why: format!("{} becomes WebVTT, which every browser shows", format.name()),
            language: tag,
            label: Some(label).filter(|label| !label.is_empty()),
            forced: new.forced,
            text: examined.1,
        };
        let track = self.catalog.add_sidecar(video, sidecar, self.clock.now()).await?;
        let track = track.ok_or(SidecarError::NoSuchVideo)?;
        self.changed(video);
        Ok(track)
    }

    /// Takes an added track away. From now on nobody finds it; its bytes are removed soon.
    ///
    /// # Errors
    /// `NoSuchTrack`, `Catalog`.
    pub async fn remove_subtitles(&self, video: VideoId, track: TrackName) -> Result<(), SidecarError> {
        if !track.is_added() || !self.catalog.remove_sidecar(video, track, self.clock.now()).await? {
            return Err(SidecarError::NoSuchTrack);
        }
        self.changed(video);
        Ok(())
    }

    /// The posters that a film has and could have.
    ///
    /// # Errors
    /// `NoSuchVideo`, `Catalog`.
    pub async fn posters(&self, video: VideoId) -> Result<Choice, SidecarError> {
        let posters = self.catalog.posters(video).await?.ok_or(SidecarError::NoSuchVideo)?;
        // Written by an ingest of ours; of a film that has none there are no stills.
        let seconds: Vec<f64> = posters.stills.and_then(|init| serde_json::from_slice(&init).ok()).unwrap_or_default();
        let stills =
            (0..).zip(seconds).map(|(number, second)| Still { number, second, chosen: posters.chosen == Some(number) });
        Ok(Choice { stills: stills.collect(), other: posters.own })
    }

    /// Makes a still of the film its poster.
    ///
    /// # Errors
    /// `NoSuchStill`, `NoSuchVideo`, `Catalog`.
    pub async fn choose_still(&self, video: VideoId, still: u32) -> Result<Choice, SidecarError> {
        let is_chosen = self.catalog.choose_still(video, still, self.clock.now()).await?;
        let choice = self.posters(video).await?;
        if !is_chosen {
            return Err(SidecarError::NoSuchStill);
        }
        self.changed(video);
        Ok(choice)
    }

    /// Makes a picture that a person sends, of at most [`MAX_PICTURE`] bytes, a film's poster.
    ///
    /// # Errors
    /// `UnknownPicture`, `Picture`, `NoSuchVideo`; else what failed.
    pub async fn send_poster(&self, video: VideoId, picture: Bytes) -> Result<Choice, SidecarError> {
        let kind = PictureKind::of(&picture).ok_or(SidecarError::UnknownPicture)?;
        let this = self.clone();
        let taking = self.shutdown.spawn("poster", async move { this.take_poster(video, picture, kind).await });
        taking.await.map_err(|error| SidecarError::Disk(std::io::Error::other(error)))??;
        self.posters(video).await
    }

    async fn take_poster(&self, video: VideoId, picture: Bytes, kind: PictureKind) -> Result<(), SidecarError> {
        // Before anything is decoded for nobody.
        self.posters(video).await?;
        let jpeg = self.as_poster(picture, kind).await?;
        let blob = self.catalog.open_sent_poster(video).await?.ok_or(SidecarError::NoSuchVideo)?;
        let shown = async {
            let sealed = self.spool.finish_file(blob, jpeg).await?;
            let sealed = SealedBlob { blob, len: sealed.len, hash: sealed.hash, chunks: sealed.chunks };
            let is_there = self.catalog.show_sent_poster(video, sealed, self.clock.now()).await?;
            is_there.then_some(()).ok_or(SidecarError::NoSuchVideo)
        };
        if let Err(error) = shown.await {
            self.catalog.drop_sent_poster(blob).await?;
            self.spool.remove_pack(blob).await?;
            return Err(error);
        }
        self.changed(video);
        Ok(())
    }

    async fn as_poster(&self, picture: Bytes, kind: PictureKind) -> Result<Bytes, SidecarError> {
        let file = self.spool.work_folder().join(Uuid::new_v4().simple().to_string());
        let path = file.clone();
        let write = disk::blocking(move || std::io::Write::write_all(&mut disk::create_private_file(&path)?, &picture));
        let written = write.await.map_err(SidecarError::Disk);
        let made = match written {
            Ok(()) => self.ffmpeg.picture_as_poster(&file, kind, &CancellationToken::new()).await.map_err(at_fault),
            Err(error) => Err(error),
        };
        // What a crash leaves in this folder goes away at the next start.
        disk::blocking(move || disk::remove_if_there(&file)).await.map_err(SidecarError::Disk)?;
        made
    }

    fn changed(&self, video_id: VideoId) {
        self.jobs.wake();
        self.events.publish(Event::Video { video_id, change: VideoChange::Described });
    }
}

/// A child that ended badly was given a picture it could not read; that it could not run is our fault.
fn at_fault(error: FfmpegError) -> SidecarError {
    match error {
        FfmpegError::Refused { .. } | FfmpegError::Failed { .. } | FfmpegError::Stalled { .. } => {
            SidecarError::Picture(error)
        }
        other => SidecarError::Ffmpeg(other),
    }
}

/// One line of visible text.
fn cleaned(label: &str) -> String {
    let spaced = label.replace(|letter: char| letter.is_control(), " ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(word: &str) -> String {
    cleaned(word).chars().take(40).collect()
}
