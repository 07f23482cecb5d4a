//! Videos as the API shows them.

use super::download::DownloadView;
use super::error::ApiError;
use super::planned::{PlannedView, RefinementView, planned};
use crate::catalog::{Cursor, JobState, Rendition, Sidecar, Video, VideoState};
use crate::delivery::Download;
use crate::library::Details;
use crate::media::probe::Chapter;
use crate::media::rendition::{MP3, Method, RenditionKind, TrackName};
use crate::media::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A film of the library.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VideoView {
    /// Its id.
    id: Uuid,
    /// Its title.
    title: String,
    /// What a person wrote about it.
    description: String,
    /// Where it is on its way.
    #[schema(value_type = String, example = "ready")]
    state: VideoState,
    /// What is done with it now, in one word; null when nothing is.
    stage: Option<String>,
    /// 0 to 1 of its preparation; null when the length is not known.
    fraction: Option<f64>,
    /// Seconds until it is ready.
    eta_seconds: Option<u64>,
    /// Whether a player can start it now.
    playable: bool,
    /// Whether every wanted copy of it is verified.
    protected: bool,
    /// Why it failed, for people.
    error: Option<String>,
    /// Its length in seconds, once known.
    duration_seconds: Option<f64>,
    /// Pixels across, as shown.
    width: Option<u32>,
    /// Pixels down, as shown.
    height: Option<u32>,
    /// Bytes of the file it was made from.
    bytes: u64,
    /// When it arrived (RFC 3339, UTC).
    created_at: String,
    /// When it went to the trash; null outside of it.
    trashed_at: Option<String>,
    /// Where a player starts; null until it is playable.
    master_url: Option<String>,
    /// A still of it (JPEG); null until there is one, and in the trash.
    poster_url: Option<String>,
}

/// A film with all its tracks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VideoDetails {
    #[serde(flatten)]
    video: VideoView,
    /// Its tracks, in order.
    tracks: Vec<TrackView>,
    /// Where a player starts that takes MP3 as it is; null while no sound is there as MP3.
    mp3_url: Option<String>,
    /// Where a browser starts that cannot decode its pictures: those in H.264, while they are made. Another address for
    /// other ones; null when there are none that grow.
    growing_url: Option<String>,
    /// The last try to make it better; null before there is any.
    refinement: Option<RefinementView>,
    /// Subtitles that were added and will be tracks; they are made once the film is ready.
    waiting: Vec<WaitingView>,
    /// What it is to become, made or not; nothing until its file was looked into.
    planned: Vec<PlannedView>,
    /// What of its file was not taken over, and why, for people.
    left_out: Vec<String>,
    /// Its chapters, in order.
    chapters: Vec<ChapterView>,
    /// The same as `WebVTT`, for a player; null without chapters and until it is playable.
    chapters_url: Option<String>,
    /// Which small picture to show at which time while somebody scrubs (`WebVTT`); null until there are some.
    thumbnails_url: Option<String>,
    /// The film as one file; null until there is one.
    download: Option<DownloadView>,
}

/// A part of a film that has a name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChapterView {
    /// Second at which it begins.
    start_seconds: f64,
    /// Second at which it ends.
    end_seconds: f64,
    /// What it is called; null when it has no name.
    title: Option<String>,
}

/// One track of a film.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrackView {
    /// Its name in addresses.
    name: String,
    /// What it carries.
    #[schema(value_type = String, example = "video")]
    kind: RenditionKind,
    /// Whether it is the source's own packets or was encoded again.
    #[schema(value_type = String, example = "copied")]
    method: Method,
    /// Why so, for people.
    why: String,
    /// RFC 6381 codecs.
    codecs: String,
    /// Pixels across.
    width: Option<u32>,
    /// Pixels down.
    height: Option<u32>,
    /// Frames per second.
    frame_rate: Option<f64>,
    /// Largest rate in bits per second: planned while it grows, measured afterwards.
    bandwidth: u64,
    /// Rate over the whole in bits per second, once measured.
    average_bandwidth: Option<u64>,
    /// Language tag.
    language: Option<String>,
    /// Name for people.
    label: Option<String>,
    /// Sound channels.
    channels: Option<u32>,
    /// Of subtitles: whether they hold only what is spoken in another language than the sound's.
    forced: bool,
    /// Whether a person added it beside the film's file, and so can remove it.
    added: bool,
}

/// Added subtitles that are no track yet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WaitingView {
    /// What their track will be called in addresses.
    name: String,
    /// Language tag.
    language: String,
    /// Name for people.
    label: Option<String>,
    /// Whether they hold only what is spoken in another language than the sound's.
    forced: bool,
}

impl From<Sidecar> for WaitingView {
    fn from(sidecar: Sidecar) -> Self {
        let Sidecar { track, language, label, forced, .. } = sidecar;
        Self { name: track.to_string(), language, label, forced }
    }
}

/// Where a film is on its way, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VideoStatus {
    /// Which film.
    video_id: Uuid,
    /// Where it is on its way.
    #[schema(value_type = String, example = "processing")]
    state: VideoState,
    /// What is done with it now, in one word; null when nothing is.
    stage: Option<String>,
    /// 0 to 1 of its preparation; null when the length is not known.
    fraction: Option<f64>,
    /// Seconds until it is ready.
    eta_seconds: Option<u64>,
    /// Whether a player can start it now.
    playable: bool,
    /// Whether every wanted copy of it is verified.
    protected: bool,
    /// Why it failed, for people.
    error: Option<String>,
}

/// One page of the library.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VideoPageView {
    /// The films.
    pub(super) videos: Vec<VideoView>,
    /// Asks for the next page as `cursor`; null on the last.
    pub(super) next_cursor: Option<String>,
    /// How many there are in all; a search counts to 1000.
    pub(super) total: u64,
}

impl From<Video> for VideoView {
    fn from(video: Video) -> Self {
        let id = video.id;
        let (stage, fraction, eta_seconds) = way(&video);
        Self {
            id: id.0,
            state: video.state,
            stage,
            fraction,
            eta_seconds,
            playable: video.playable,
            protected: video.protected,
            error: video.error,
            duration_seconds: video.duration_ms.map(|ms| ms as f64 / 1000.0),
            width: video.size.map(|size| size.0),
            height: video.size.map(|size| size.1),
            bytes: video.source_bytes,
            created_at: video.created_at.rfc3339(),
            trashed_at: video.trashed_at.map(Timestamp::rfc3339),
            master_url: video.playable.then(|| format!("/hls/{id}/master.m3u8")),
            // Another address for another poster, so that no page goes on showing the one before. Nothing of what is in
            // the trash is served.
            poster_url: video
                .poster
                .filter(|_| video.trashed_at.is_none())
                .map(|word| format!("/media/{id}/poster.jpg?v={word}")),
            title: video.title,
            description: video.description,
        }
    }
}

impl VideoDetails {
    pub(super) fn of(details: Details, download: Option<&Download>) -> Self {
        let id = details.video.id;
        let name = TrackName::STORYBOARD.to_string();
        let is_board = |track: &&Rendition| track.name == name && track.finished;
        let board = details.renditions.iter().find(is_board);
        let thumbnails_url = board.map(|board| format!("/hls/{id}/{}/thumbnails.vtt", board.name));
        let chapter = |chapter: Chapter| ChapterView {
            start_seconds: chapter.start_s,
            end_seconds: chapter.end_s,
            title: chapter.title,
        };
        let has_mp3 = details.video.playable && details.renditions.iter().any(|track| track.codecs == MP3);
        let growing = details.growing.last().filter(|_| details.video.playable);
        let has_chapters = details.video.playable && !details.chapters.is_empty();
        let download = download.map(|download| DownloadView::of(id, &details.video.title, download));
        let is_whole = |track: &&Rendition| track.finished;
        let made: Vec<TrackName> =
            details.renditions.iter().filter(is_whole).filter_map(|track| track.name.parse().ok()).collect();
        let tracks = details.renditions.into_iter().filter(|track| track.kind != RenditionKind::Original);
        Self {
            mp3_url: has_mp3.then(|| format!("/hls/{id}/mp3.m3u8")),
            chapters_url: has_chapters.then(|| format!("/hls/{id}/chapters.vtt")),
            tracks: tracks.map(TrackView::from).collect(),
            video: details.video.into(),
            growing_url: growing.map(|track| format!("/hls/{id}/growing.m3u8?of={}", track.name)),
            refinement: details.refinement.map(RefinementView::from),
            waiting: details.waiting.into_iter().map(WaitingView::from).collect(),
            planned: details.plan.as_ref().map(|plan| planned(plan, &made)).unwrap_or_default(),
            left_out: details.plan.map(|plan| plan.left_out).unwrap_or_default(),
            chapters: details.chapters.into_iter().map(chapter).collect(),
            thumbnails_url,
            download,
        }
    }
}

impl From<Rendition> for TrackView {
    fn from(rendition: Rendition) -> Self {
        Self {
            added: rendition.name.parse().is_ok_and(TrackName::is_added),
            forced: rendition.forced,
            name: rendition.name,
            kind: rendition.kind,
            method: rendition.method,
            why: rendition.why,
            codecs: rendition.codecs,
            width: rendition.size.map(|size| size.0),
            height: rendition.size.map(|size| size.1),
            frame_rate: rendition.frame_rate_milli.map(|milli| f64::from(milli) / 1000.0),
            bandwidth: rendition.bandwidth,
            average_bandwidth: rendition.average_bandwidth,
            language: rendition.language,
            label: rendition.label,
            channels: rendition.channels,
        }
    }
}

impl From<Video> for VideoStatus {
    fn from(video: Video) -> Self {
        let (stage, fraction, eta_seconds) = way(&video);
        Self {
            video_id: video.id.0,
            state: video.state,
            stage,
            fraction,
            eta_seconds,
            playable: video.playable,
            protected: video.protected,
            error: video.error,
        }
    }
}

/// Stage, fraction and seconds left. A job that rests says so instead of what it did last.
fn way(video: &Video) -> (Option<String>, Option<f64>, Option<u64>) {
    if video.state == VideoState::Ready {
        return (None, Some(1.0), None);
    }
    let stage = match video.job_state {
        // Of a failed one: `failed`, or `refused` when the file is at fault.
        Some(JobState::Running | JobState::Failed) => Some(video.stage.clone()).filter(|stage| !stage.is_empty()),
        Some(JobState::Done) | None => None,
        Some(resting) => Some(resting.text().to_owned()),
    };
    let eta = video.eta_s.filter(|_| video.job_state == Some(JobState::Running));
    (stage, video.fraction, eta)
}

/// A cursor as callers carry it around: letters and digits that mean nothing to them.
pub(super) fn write_cursor(cursor: &Cursor) -> Result<String, ApiError> {
    let json = serde_json::to_vec(cursor).map_err(ApiError::internal)?;
    Ok(json.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// # Errors
/// 400 for what `write_cursor` did not write.
pub(super) fn read_cursor(text: &str) -> Result<Cursor, ApiError> {
    let wrong = || ApiError::BadRequest("this cursor is none of ours; begin again without one".into());
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    let json: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    serde_json::from_slice(&json).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_is_one() {
        let cursor: Cursor = serde_json::from_value(serde_json::json!({"key": "Ä \" %", "row": 7})).unwrap();
        let text = write_cursor(&cursor).unwrap();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(read_cursor(&text).unwrap(), cursor);
        for wrong in ["", "7b", "7", "zz", "é", "7b7d", &text[2..], &text[..text.len() - 2]] {
            assert!(read_cursor(wrong).is_err(), "{wrong}");
        }
    }
}
