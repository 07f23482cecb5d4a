//! Names in addresses, read strictly: each thing has one spelling, so caches and logs agree, and
//! whatever else stands there names nothing.

use super::error::ApiError;
use crate::media::id::{UploadId, VideoId};
use crate::media::rendition::{RenditionKind, TrackName};

/// # Errors
/// 404 for what is no id.
pub(super) fn video(text: &str) -> Result<VideoId, ApiError> {
    // Programs may write an id in capitals; addresses are ours, and each has one spelling.
    let plain = !text.bytes().any(|letter| letter.is_ascii_uppercase());
    text.parse().ok().filter(|_| plain).ok_or_else(ApiError::no_such_video)
}

/// # Errors
/// 404 for what is no id.
pub(super) fn upload(text: &str) -> Result<UploadId, ApiError> {
    text.parse().map_err(|_| no_such_upload())
}

/// # Errors
/// 404 for what is no name of a track that is played: a kept file is not.
pub(super) fn track(text: &str) -> Result<TrackName, ApiError> {
    let name: Option<TrackName> = text.parse().ok();
    name.filter(|name| name.kind != RenditionKind::Original).ok_or_else(nothing_here)
}

/// There is no upload of this name.
pub(super) fn no_such_upload() -> ApiError {
    ApiError::NotFound("there is no such upload; it may have broken off, been given up, or expired".into())
}

/// A video, track, segment or picture that is not there for anybody.
pub(super) fn nothing_here() -> ApiError {
    ApiError::NotFound("there is nothing to play at this address; it may not be ready yet, or it was deleted".into())
}
