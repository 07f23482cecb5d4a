//! What the failures of the parts mean to a caller. Each is translated on purpose; what is nobody's
//! business but the owner's becomes 500 and a line in the log.

use super::error::ApiError;
use crate::cache::CacheError;
use crate::catalog::CatalogError;
use crate::delivery::DeliveryError;
use crate::ingest::sidecar::{MAX_SUBTITLES, SidecarError};
use crate::ingest::upload::UploadError;
use crate::library::LibraryError;
use crate::media::subtitles::SubtitlesError;
use crate::spool::SpoolError;
use crate::store::Fault;
use crate::system::BotsError;
use std::error::Error;
use std::time::Duration;

/// Seconds after which something that passes by itself is worth another try.
const SOON_S: u64 = 2;

const DISK_FULL: &str = "the disk of the server is full; free some space and try again";

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotAllowed(why) => Self::Conflict(why.into()),
            CatalogError::DiskFull => Self::InsufficientStorage(DISK_FULL.into()),
            CatalogError::Closed => Self::Busy { retry_after_s: SOON_S },
            CatalogError::LeaseLost | CatalogError::Unusable { .. } | CatalogError::Engine(_) => Self::internal(error),
        }
    }
}

impl From<BotsError> for ApiError {
    fn from(error: BotsError) -> Self {
        match error {
            BotsError::NoBots | BotsError::TestUnderWay => Self::Conflict(error.to_string().into()),
            BotsError::Catalog(error) => error.into(),
        }
    }
}

impl From<LibraryError> for ApiError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::NoSuchVideo => Self::no_such_video(),
            LibraryError::NoTitle | LibraryError::LongDescription => Self::Unprocessable(error.to_string().into()),
            LibraryError::NothingToStop => Self::Conflict(error.to_string().into()),
            LibraryError::Catalog(error) => error.into(),
        }
    }
}

impl From<DeliveryError> for ApiError {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Catalog(error) => error.into(),
            DeliveryError::Cache(error) => error.into(),
            DeliveryError::Gone => Self::no_such_video(),
            DeliveryError::Segment(_) | DeliveryError::AtHand(_) | DeliveryError::UnknownTrackName(_) => {
                Self::internal(error)
            }
        }
    }
}

impl From<CacheError> for ApiError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Unreadable { fault: Fault::Throttled | Fault::Unreachable, retry_after, .. } => {
                Self::Busy { retry_after_s: retry_after.map_or(SOON_S, whole_seconds) }
            }
            CacheError::ToRepair { remedy, .. } => {
                Self::Unavailable(format!("this part of the film cannot be read now: {remedy}").into())
            }
            // The catalog promised these bytes, so their absence is our fault and not a 404.
            CacheError::Unreadable { fault: Fault::Missing | Fault::Corrupt, .. } => Self::BadStorage(error.into()),
            CacheError::Moved { .. } => Self::Busy { retry_after_s: 1 },
            CacheError::Unreadable { fault: Fault::Refused | Fault::TooLarge, .. } | CacheError::BeyondEnd { .. } => {
                Self::internal(error)
            }
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooLarge { limit } => Self::TooLarge { limit },
            UploadError::Taken => Self::Conflict(error.to_string().into()),
            UploadError::NotAFile(why) | UploadError::NotParts(why) => Self::Unprocessable(why.into()),
            UploadError::NoSuchUpload => Self::NotFound(error.to_string().into()),
            UploadError::WrongOffset { .. } | UploadError::Complete | UploadError::Superseded => {
                Self::Conflict(error.to_string().into())
            }
            // As tus 1.0 says it of the extension `concatenation`.
            UploadError::Joined => Self::Forbidden(error.to_string().into()),
            UploadError::WrongLength { .. } => Self::BadRequest(error.to_string().into()),
            UploadError::TooLong { left } => Self::TooLarge { limit: left },
            UploadError::TooMany { .. } => Self::LimitReached(error.to_string().into()),
            UploadError::Busy => Self::Busy { retry_after_s: SOON_S },
            UploadError::Spool(SpoolError::Full { .. }) => Self::InsufficientStorage(cause_of(&error).into()),
            UploadError::Spool(SpoolError::DiskFull { .. }) => Self::InsufficientStorage(DISK_FULL.into()),
            UploadError::Spool(_) => Self::internal(error),
            UploadError::Catalog(error) => error.into(),
        }
    }
}

/// Seconds after which the wait is over for certain, at least 1.
fn whole_seconds(wait: Duration) -> u64 {
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).max(1)
}

impl From<SidecarError> for ApiError {
    fn from(error: SidecarError) -> Self {
        match error {
            SidecarError::NoSuchVideo => Self::no_such_video(),
            SidecarError::NoSuchTrack | SidecarError::NoSuchStill => Self::NotFound(error.to_string().into()),
            SidecarError::UnknownPicture | SidecarError::Subtitles(SubtitlesError::UnknownFormat) => {
                Self::UnsupportedMedia(error.to_string().into())
            }
            SidecarError::Subtitles(SubtitlesError::TooLarge) => Self::TooLarge { limit: MAX_SUBTITLES },
            SidecarError::Language(_)
            | SidecarError::LongLabel
            | SidecarError::Subtitles(_)
            | SidecarError::Picture(_) => Self::Unprocessable(error.to_string().into()),
            SidecarError::Spool(SpoolError::Full { .. }) => Self::InsufficientStorage(cause_of(&error).into()),
            SidecarError::Spool(SpoolError::DiskFull { .. }) => Self::InsufficientStorage(DISK_FULL.into()),
            SidecarError::Catalog(error) => error.into(),
            SidecarError::Spool(_) | SidecarError::Ffmpeg(_) | SidecarError::Disk(_) => Self::internal(error),
        }
    }
}

/// What lies beneath, in its own words.
fn cause_of(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::id::BlobId;
    use actix_web::ResponseError as _;

    #[test]
    fn a_lost_blob_is_no_wrong_address() {
        let unreadable = |fault, retry_after| CacheError::Unreadable { blob: BlobId(1), fault, retry_after };
        let wait = Some(Duration::from_secs(7));
        for (error, status) in [
            (unreadable(Fault::Missing, None), 502),
            (unreadable(Fault::Corrupt, None), 502),
            (unreadable(Fault::Throttled, wait), 503),
            (unreadable(Fault::Unreachable, None), 503),
            (unreadable(Fault::Refused, None), 500),
            (CacheError::Moved { blob: BlobId(1) }, 503),
            (CacheError::ToRepair { blob: BlobId(1), remedy: "set it again".into() }, 503),
        ] {
            assert_eq!(ApiError::from(error.clone()).status_code().as_u16(), status, "{error:?}");
        }
        let busy = ApiError::from(unreadable(Fault::Throttled, wait));
        assert!(matches!(busy, ApiError::Busy { retry_after_s: 7 }));
        let soon = ApiError::from(unreadable(Fault::Throttled, Some(Duration::from_millis(2_900))));
        assert!(matches!(soon, ApiError::Busy { retry_after_s: 3 }), "nobody comes back too early");
    }

    #[test]
    fn a_rule_of_the_catalog_is_told_and_a_fault_of_it_is_not() {
        let told = ApiError::from(CatalogError::NotAllowed("restore it first"));
        assert_eq!((told.status_code().as_u16(), told.to_string().as_str()), (409, "restore it first"));
        let fault = ApiError::from(CatalogError::Engine("SQL and secrets".into()));
        assert_eq!(fault.status_code().as_u16(), 500);
        assert!(!fault.to_string().contains("SQL"));
    }
}
