//! What players ask for: `/hls` and `/media`.
//!
//! Playlists and posters are asked for again each time and mostly answered with 304; init segments
//! and segments never change at their address.

use super::address;
use super::auth::Grant;
use super::body::{Opening, open};
use super::conditional::{Described, Freshness, etag_of};
use super::error::ApiError;
use super::openapi::ProblemView;
use super::texts::Texts;
use crate::delivery::{ChapterList, Delivery, Playlist, Sounds, Stored, Viewer};
use crate::media::playlist::{Content, TrackFile};
use crate::media::rendition::{RenditionKind, TrackName};
use actix_web::http::header::{self, EntityTag, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures::stream;
use std::convert::Infallible;
use std::sync::Arc;

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const TRANSPORT: &str = "video/mp2t";
const TEXT: &str = "text/vtt; charset=utf-8";
const JSON: &str = "application/json";
const JPEG: &str = "image/jpeg";

/// A request for a list, and where it is answered from.
type Asking = (HttpRequest, web::Data<Delivery>, web::Data<Texts>);

/// Start playing a film
///
/// Its master playlist: every track that every player takes. Addresses in it are relative. There is one as soon as
/// the film is playable, which may be long before it is ready.
#[utoipa::path(get, path = "/hls/{video}/master.m3u8", tag = "playback", params(("video" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such film, or it is not playable yet", body = ProblemView),
))]
pub(super) async fn master_playlist(
    _: Grant,
    (request, delivery, texts): Asking,
    video: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found = delivery.master(address::video(&video)?, Sounds::ForAll).await?;
    list_answer(&request, &texts, PLAYLIST, found)
}

/// Start playing a film in a browser that cannot decode its picture
///
/// Where the picture is copied as HEVC, one in H.264 is made after it. This is a master playlist of that one while it
/// grows, with the film's sounds and subtitles; before and afterwards the same as `master.m3u8`.
#[utoipa::path(get, path = "/hls/{video}/growing.m3u8", tag = "playback", params(("video" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such film, or it is not playable yet", body = ProblemView),
))]
pub(super) async fn growing_master_playlist(
    _: Grant,
    (request, delivery, texts): Asking,
    video: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found = delivery.growing_master(address::video(&video)?).await?;
    list_answer(&request, &texts, PLAYLIST, found)
}

/// List a track's segments beside pictures that grow
///
/// What `growing.m3u8` leads to: an `EVENT` until the picture in H.264 is whole, `VOD` afterwards.
#[utoipa::path(get, path = "/hls/{video}/{track}/growing.m3u8", tag = "playback", params(
    ("video" = Uuid, Path, description = "The film"), ("track" = String, Path, description = "The track, such as v1")), responses(
    (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such track", body = ProblemView),
))]
pub(super) async fn growing_media_playlist(
    _: Grant,
    (request, delivery, texts): Asking,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (video, track) = (address::video(&path.0)?, address::track(&path.1)?);
    let found = delivery.growing_playlist(video, track).await?;
    list_answer(&request, &texts, PLAYLIST, found)
}

/// List a track's segments
///
/// Grows while the film is prepared (`EVENT`), and is complete afterwards (`VOD`).
#[utoipa::path(get, path = "/hls/{video}/{track}/playlist.m3u8", tag = "playback", params(
    ("video" = Uuid, Path, description = "The film"), ("track" = String, Path, description = "The track, such as v0")), responses(
    (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such track", body = ProblemView),
))]
pub(super) async fn media_playlist(
    _: Grant,
    (request, delivery, texts): Asking,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (video, track) = (address::video(&path.0)?, address::track(&path.1)?);
    let found = delivery.media_playlist(video, track).await?;
    list_answer(&request, &texts, PLAYLIST, found)
}

/// Start playing a film with MP3 as it is
///
/// Its master playlist with one group of sounds more, in which each sound that the film's file holds as MP3 is there
/// bit for bit, in MPEG-TS. For players that take that; the variants with AAC come first.
#[utoipa::path(get, path = "/hls/{video}/mp3.m3u8", tag = "playback", params(("video" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such film, or no sound of it is there as MP3", body = ProblemView),
))]
pub(super) async fn master_with_mp3(
    _: Grant,
    (request, delivery, texts): Asking,
    video: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found = delivery.master(address::video(&video)?, Sounds::WithMp3).await?;
    list_answer(&request, &texts, PLAYLIST, found)
}

/// List a track's key frames
///
/// For scrubbing and winding: parts of the track's segments that show one picture each behind the init
/// segment, at most one a second. There is one once a track of pictures is complete.
#[utoipa::path(get, path = "/hls/{video}/{track}/iframes.m3u8", tag = "playback", params(
    ("video" = Uuid, Path, description = "The film"), ("track" = String, Path, description = "The track, such as v0")), responses(
    (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such track, or no such list of it", body = ProblemView),
))]
pub(super) async fn i_frame_playlist(
    _: Grant,
    (request, delivery, texts): Asking,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (video, track) = (address::video(&path.0)?, address::track(&path.1)?);
    let found = delivery.i_frame_playlist(video, track).await?;
    list_answer(&request, &texts, PLAYLIST, found)
}

/// List chapters
///
/// `WebVTT` with a cue for each, for a `<track kind="chapters">`.
#[utoipa::path(get, path = "/hls/{video}/chapters.vtt", tag = "playback", params(("video" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The list", content_type = "text/vtt", body = String),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such film, or it has no chapters", body = ProblemView),
))]
pub(super) async fn chapters(
    _: Grant,
    (request, delivery, texts): Asking,
    video: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found = delivery.chapters(address::video(&video)?, ChapterList::Vtt).await?;
    list_answer(&request, &texts, TEXT, found)
}

/// List chapters for Apple's players
///
/// The JSON that a master playlist names as `com.apple.hls.chapters`.
#[utoipa::path(get, path = "/hls/{video}/chapters.json", tag = "playback", params(("video" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The list", body = Object),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such film, or it has no chapters", body = ProblemView),
))]
pub(super) async fn chapters_as_json(
    _: Grant,
    (request, delivery, texts): Asking,
    video: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found = delivery.chapters(address::video(&video)?, ChapterList::Json).await?;
    list_answer(&request, &texts, JSON, found)
}

/// Show what to show while somebody scrubs
///
/// `WebVTT` whose cues are parts of the storyboard's sheets, such as `0.jpg#xywh=160,0,160,90`.
#[utoipa::path(get, path = "/hls/{video}/{track}/thumbnails.vtt", tag = "playback", params(
    ("video" = Uuid, Path, description = "The film"), ("track" = String, Path, description = "The storyboard, such as p0")), responses(
    (status = 200, description = "The list", content_type = "text/vtt", body = String),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such storyboard", body = ProblemView),
))]
pub(super) async fn thumbnails(
    _: Grant,
    (request, delivery, texts): Asking,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (video, track) = (address::video(&path.0)?, address::track(&path.1)?);
    let found = delivery.thumbnails(video, track).await?;
    list_answer(&request, &texts, TEXT, found)
}

/// Fetch a segment
///
/// `init.mp4` or `<number>.m4s`; `<number>.ts` of MP3, `<number>.vtt` of subtitles, `<number>.jpg` of pictures to
/// scrub by. A single `Range` is served; the bytes never change.
#[utoipa::path(get, path = "/hls/{video}/{track}/{segment}", tag = "playback", params(
    ("video" = Uuid, Path, description = "The film"), ("track" = String, Path, description = "The track, such as v0"),
    ("segment" = String, Path, description = "init.mp4, or a number and .m4s, .ts, .vtt or .jpg")), responses(
    (status = 200, description = "The bytes", content_type = "video/mp4", body = Vec<u8>),
    (status = 206, description = "The part asked for", content_type = "video/mp4", body = Vec<u8>),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such segment", body = ProblemView),
    (status = 416, description = "The part lies outside", body = ProblemView),
    (status = 502, description = "No copy of it is there or right any more", body = ProblemView),
    (status = 503, description = "The store is busy, or the server has no room; Retry-After says when", body = ProblemView),
))]
pub(super) async fn segment(
    _: Grant,
    request: HttpRequest,
    delivery: web::Data<Delivery>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (video, track) = (address::video(&path.0)?, address::track(&path.1)?);
    match path.2.parse().map_err(|_| address::nothing_here())? {
        TrackFile::Init => {
            let bytes = delivery.init(video, track).await?.ok_or_else(address::nothing_here)?;
            init_answer(&request, track, bytes)
        }
        TrackFile::Segment(number, content) => {
            let found = delivery.segment(video, track, number).await?.filter(|found| found.content() == content);
            let found = found.ok_or_else(address::nothing_here)?;
            let media_type = if content == Content::Transport { TRANSPORT } else { media_type(track) };
            let what = described(&found, media_type, Freshness::Immutable);
            match open(&request, &what, found.len())? {
                Opening::Answered(response) => Ok(response),
                Opening::Wanted(wanted) => {
                    let bytes = delivery.play(&found, wanted.range(), viewer(&request)).await?;
                    Ok(wanted.send(&request, bytes))
                }
            }
        }
    }
}

/// Show a still of a film
#[utoipa::path(get, path = "/media/{video}/poster.jpg", tag = "playback", params(("video" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The picture", content_type = "image/jpeg", body = Vec<u8>),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is none", body = ProblemView),
))]
pub(super) async fn poster(
    _: Grant,
    request: HttpRequest,
    delivery: web::Data<Delivery>,
    video: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found = delivery.poster(address::video(&video)?).await?.ok_or_else(address::nothing_here)?;
    match open(&request, &described(&found, JPEG, Freshness::Revalidate), found.len())? {
        Opening::Answered(response) => Ok(response),
        Opening::Wanted(wanted) => {
            let bytes = delivery.open(&found, wanted.range()).await?;
            Ok(wanted.send(&request, bytes))
        }
    }
}

fn list_answer(
    request: &HttpRequest,
    texts: &Texts,
    media_type: &'static str,
    found: Option<Arc<Playlist>>,
) -> Result<HttpResponse, ApiError> {
    let list = found.ok_or_else(address::nothing_here)?;
    Ok(texts.of(&list).answer(request, media_type, Freshness::Revalidate))
}

fn init_answer(request: &HttpRequest, track: TrackName, bytes: Bytes) -> Result<HttpResponse, ApiError> {
    let what = Described { content_type: media_type(track), etag: etag_of(&bytes), freshness: Freshness::Immutable };
    match open(request, &what, bytes.len() as u64)? {
        Opening::Answered(response) => Ok(response),
        Opening::Wanted(wanted) => {
            let (start, end) = (wanted.range().start() as usize, wanted.range().end() as usize);
            Ok(wanted.send(request, stream::iter([Ok::<_, Infallible>(bytes.slice(start..end).into())])))
        }
    }
}

fn described(found: &Stored, content_type: &'static str, freshness: Freshness) -> Described {
    Described { content_type, etag: EntityTag::new_strong(found.tag()), freshness }
}

/// A proxy in front may say who is behind it. Whoever says so falsely is only read ahead for in vain.
fn viewer(request: &HttpRequest) -> Viewer {
    let agent = request.headers().get(header::USER_AGENT).map(HeaderValue::as_bytes);
    Viewer::of((request.connection_info().realip_remote_addr(), agent))
}

fn media_type(track: TrackName) -> &'static str {
    match track.kind {
        RenditionKind::Audio => "audio/mp4",
        RenditionKind::Video | RenditionKind::IFrames => "video/mp4",
        RenditionKind::Original => "application/octet-stream",
        RenditionKind::Subtitles => TEXT,
        RenditionKind::Images => JPEG,
    }
}
