//! What can go wrong for a caller, as RFC 9457 problem JSON.
//!
//! `ApiError` is the only `ResponseError`. There is no blanket `From`: every failure is translated
//! on purpose, where it is known what it means to the caller. `code` is stable and for machines;
//! `detail` is for people and may change.

use super::problem::Problem;
use crate::media::id::VideoId;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use std::borrow::Cow;
use std::error::Error;

/// A sentence for the caller: what happened, why, and what to do next.
pub type Detail = Cow<'static, str>;

/// What broke inside. Logged, never shown.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Seconds after which something that somebody has to repair may be repaired.
const LATER_S: &str = "60";

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the request cannot be understood.
    #[error("{0}")]
    BadRequest(Detail),
    /// 401: no valid credential came with it.
    #[error("this needs a credential; send it as `Authorization: Bearer <token>`")]
    Unauthorized,
    /// 403: understood, and not allowed.
    #[error("{0}")]
    Forbidden(Detail),
    /// 404: there is no such thing.
    #[error("{0}")]
    NotFound(Detail),
    /// 405: the thing exists, but not for this method.
    #[error("this address does not know that method")]
    MethodNotAllowed,
    /// 408: the caller stopped sending, or nearly.
    #[error("too little arrived for too long, so the request was given up; send it again")]
    TimedOut,
    /// 409: what is asked does not fit the present state.
    #[error("{0}")]
    Conflict(Detail),
    /// 409: a file with the same content is already a video.
    #[error("this file is already in the library; add ?again=true to keep it twice")]
    AlreadyInLibrary {
        /// The video it is.
        video_id: VideoId,
    },
    /// 413: longer than is accepted.
    #[error("the request is larger than the {limit} bytes accepted here")]
    TooLarge {
        /// Most bytes accepted.
        limit: u64,
    },
    /// 412: a version of a protocol that is not spoken here.
    #[error("{0}")]
    WrongVersion(Detail),
    /// 415: a kind of content that is not accepted here.
    #[error("{0}")]
    UnsupportedMedia(Detail),
    /// 416: the range lies outside.
    #[error("the range asked for lies outside the {len} bytes there are")]
    RangeNotSatisfiable {
        /// Length of the whole in bytes.
        len: u64,
    },
    /// 421: the request was meant for another server.
    #[error("this server does not answer to the name in the Host header")]
    Misdirected,
    /// 422: well-formed, and still nothing that can be worked with.
    #[error("{0}")]
    Unprocessable(Detail),
    /// 423 (tus 1.0): somebody else has it at this moment.
    #[error("{0}")]
    Locked(Detail),
    /// 503: as much under way as one address may have. Not 429, which players take for the end.
    #[error("your address has as many requests under way as it may; try again in {retry_after_s} s")]
    TooManyRequests {
        /// Seconds to wait, at least 1.
        retry_after_s: u64,
    },
    /// 429: as many as there may be.
    #[error("{0}")]
    LimitReached(Detail),
    /// 460 (tus 1.0): what came is not what was sent.
    #[error("the bytes that came do not have the checksum that came with them, and were let go; send them again")]
    ChecksumMismatch,
    /// 503: not now.
    #[error("the server is busy; try again in {retry_after_s} s")]
    Busy {
        /// Seconds to wait, at least 1.
        retry_after_s: u64,
    },
    /// 503: not before somebody did something.
    #[error("{0}")]
    Unavailable(Detail),
    /// 507: no room for what was sent.
    #[error("{0}")]
    InsufficientStorage(Detail),
    /// 502: stored bytes that should be there are not, or are damaged.
    #[error("the stored bytes could not be read; the owner finds the reason in the server's log")]
    BadStorage(#[source] Cause),
    /// 500: a fault of ours.
    #[error("something went wrong in the server; the owner finds the reason in its log")]
    Internal(#[source] Cause),
}

impl ApiError {
    /// A fault of ours, to be logged.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// There is no video of this name.
    pub fn no_such_video() -> Self {
        Self::NotFound("there is no such video; it may have been deleted".into())
    }

    /// Stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TimedOut => "timed_out",
            Self::Conflict(_) => "conflict",
            Self::AlreadyInLibrary { .. } => "already_in_library",
            Self::TooLarge { .. } => "too_large",
            Self::WrongVersion(_) => "wrong_version",
            Self::UnsupportedMedia(_) => "unsupported_media",
            Self::RangeNotSatisfiable { .. } => "range_not_satisfiable",
            Self::Misdirected => "misdirected",
            Self::Unprocessable(_) => "unprocessable",
            Self::Locked(_) => "locked",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::LimitReached(_) => "limit_reached",
            Self::ChecksumMismatch => "checksum_mismatch",
            Self::Busy { .. } => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::InsufficientStorage(_) => "insufficient_storage",
            Self::BadStorage(_) => "bad_storage",
            Self::Internal(_) => "internal",
        }
    }

    fn problem(&self) -> Problem {
        let problem = Problem::new(self.status_code(), self.code(), self.to_string());
        match self {
            Self::AlreadyInLibrary { video_id } => problem.with("video_id", video_id.to_string()),
            Self::TooLarge { limit } => problem.with("limit", *limit),
            Self::TooManyRequests { retry_after_s } | Self::Busy { retry_after_s } => {
                problem.with("retry_after_s", (*retry_after_s).max(1))
            }
            _ => problem,
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) | Self::AlreadyInLibrary { .. } => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongVersion(_) => StatusCode::PRECONDITION_FAILED,
            Self::UnsupportedMedia(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Locked(_) => StatusCode::LOCKED,
            Self::LimitReached(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ChecksumMismatch => StatusCode::from_u16(460).expect("three digits are a status"),
            Self::TooManyRequests { .. } | Self::Busy { .. } | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::InsufficientStorage(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::BadStorage(_) => StatusCode::BAD_GATEWAY,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Called once for each failed request, which makes it the place where causes are logged.
    fn error_response(&self) -> HttpResponse {
        if let Self::Internal(cause) | Self::BadStorage(cause) = self {
            tracing::error!(code = self.code(), error = &**cause as &(dyn Error + 'static), "a request failed");
        }
        let mut response = self.problem().into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::RangeNotSatisfiable { len } => {
                let range = HeaderValue::try_from(format!("bytes */{len}")).expect("digits are legal in a header");
                headers.insert(header::CONTENT_RANGE, range);
            }
            Self::TooManyRequests { retry_after_s } | Self::Busy { retry_after_s } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from((*retry_after_s).max(1)));
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(LATER_S));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use serde_json::{Value, json};

    async fn shown(error: ApiError) -> (HttpResponse<()>, Value) {
        let (head, body) = error.error_response().into_parts();
        let body = to_bytes(body).await.ok().unwrap();
        (head, serde_json::from_slice(&body).unwrap())
    }

    #[actix_web::test]
    async fn an_error_is_a_problem_with_a_code_and_its_own_fields() {
        let video_id = VideoId::fresh();
        let (head, body) = shown(ApiError::AlreadyInLibrary { video_id }).await;
        assert_eq!(
            (head.status().as_u16(), head.headers().get("content-type").unwrap()),
            (409, &HeaderValue::from_static("application/problem+json"))
        );
        assert_eq!(
            body,
            json!({"type": "urn:telecine:problem:already_in_library", "title": "Conflict", "status": 409,
                   "detail": "this file is already in the library; add ?again=true to keep it twice",
                   "code": "already_in_library", "video_id": video_id.to_string()})
        );
    }

    #[actix_web::test]
    async fn a_cause_is_never_shown() {
        for error in [ApiError::internal("token 12345:SECRET"), ApiError::BadStorage("token 12345:SECRET".into())] {
            let (_, body) = shown(error).await;
            assert!(!body.to_string().contains("SECRET"), "{body}");
        }
    }

    #[actix_web::test]
    async fn a_wait_is_said_in_the_header_and_is_never_zero() {
        let (head, body) = shown(ApiError::Busy { retry_after_s: 0 }).await;
        assert_eq!((head.status().as_u16(), head.headers().get("retry-after").unwrap().to_str().unwrap()), (503, "1"));
        assert_eq!(body["retry_after_s"], 1);
    }

    #[actix_web::test]
    async fn what_somebody_has_to_repair_is_said_and_asked_for_again_later() {
        let (head, body) = shown(ApiError::Unavailable("set it again".into())).await;
        assert_eq!(
            (head.status().as_u16(), &body["code"], &body["detail"]),
            (503, &json!("unavailable"), &json!("set it again"))
        );
        assert_eq!(head.headers().get("retry-after").unwrap().to_str().unwrap(), "60");
    }

    #[actix_web::test]
    async fn an_impossible_range_tells_the_length() {
        let (head, _) = shown(ApiError::RangeNotSatisfiable { len: 7 }).await;
        assert_eq!(
            (head.status().as_u16(), head.headers().get("content-range").unwrap().to_str().unwrap()),
            (416, "bytes */7")
        );
    }
}
