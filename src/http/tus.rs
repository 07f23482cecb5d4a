//! Films coming in by tus 1.0 (<https://tus.io/protocols/resumable-upload>): `/api/uploads`. Sent in
//! pieces or parts, interrupted, taken up again; in the end they are what `/api/upload` makes at once.

mod checksum;
mod headers;

use super::address;
use super::auth::Grant;
use super::error::ApiError;
use super::openapi::ProblemView;
use super::pace::is_too_slow;
use super::upload::{Arriving, Limits, UploadQuery};
use crate::catalog::{CatalogError, ResumableKind};
use crate::ingest::upload::{Begun, Continuing, GoOn, Kept, Trust, UploadError, Uploads};
use crate::media::id::UploadId;
use crate::media::time::Timestamp;
use crate::telemetry::metrics::Metrics;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue, HttpDate};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _, web};
use bytes::Bytes;
use checksum::Checksum;
use futures::StreamExt as _;
use headers::NewUpload;
use std::time::{Duration, UNIX_EPOCH};

/// The version of the protocol, the only one there is.
const VERSION: &str = "1.0.0";

const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation";

const NO_METHOD: &str = "a POST here stands for another method: send `X-HTTP-Method-Override: PATCH`, HEAD or DELETE";

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// What is needed to take bytes.
struct Intake<'a> {
    uploads: &'a Uploads,
    metrics: &'a Metrics,
    headers: &'a HeaderMap,
    body: web::Payload,
}

/// Tell what of tus is spoken here
#[utoipa::path(options, path = "/api/uploads", tag = "upload", responses(
    (status = 204, description = "Version, extensions, checksums and the longest file, as headers"),
))]
pub(super) async fn describe(_: Grant, limits: web::Data<Limits>) -> HttpResponse {
    answered(Ok(HttpResponse::NoContent()
        .insert_header((TUS_VERSION, VERSION))
        .insert_header(("tus-extension", EXTENSIONS))
        .insert_header(("tus-max-size", limits.upload_max_bytes.to_string()))
        .insert_header(("tus-checksum-algorithm", checksum::ALGORITHMS))
        .finish()))
}

/// Begin an upload that can be continued
///
/// By tus 1.0: `Upload-Length` or `Upload-Defer-Length: 1`; in `Upload-Metadata` a `filename` and perhaps
/// a `title`; the first bytes may come along. `Upload-Concat: partial` begins a part, and
/// `final;<addresses of parts>` joins them. What the upload has become tells
/// `/api/upload/{id}/progress`, with the last word of `Location` as its id.
#[utoipa::path(post, path = "/api/uploads", tag = "upload", params(
    UploadQuery,
    ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ("Upload-Length" = Option<u64>, Header, description = "Bytes of the whole"),
    ("Upload-Defer-Length" = Option<u8>, Header, description = "`1`, instead: the length comes later"),
    ("Upload-Metadata" = Option<String>, Header, description = "Pairs of a key and a value in base64: `filename`, `title`"),
    ("Upload-Concat" = Option<String>, Header, description = "`partial`, or `final;` and addresses of parts"),
    ("Upload-Checksum" = Option<String>, Header, description = "`sha1`, `sha256` or `md5`, and the sum of the body in base64"),
), responses(
    (status = 201, description = "It has begun, or was joined: `Location` is where it goes on"),
    (status = 400, description = "A header cannot be used, or the body broke off", body = ProblemView),
    (status = 408, description = "Too little came for too long; what came is kept", body = ProblemView),
    (status = 409, description = "Another connection has taken a part over", body = ProblemView),
    (status = 412, description = "It is another version of tus", body = ProblemView),
    (status = 413, description = "It is longer than is accepted", body = ProblemView),
    (status = 415, description = "The body is of another type", body = ProblemView),
    (status = 422, description = "What should be joined is no complete part", body = ProblemView),
    (status = 429, description = "There are too many unfinished uploads", body = ProblemView),
    (status = 460, description = "The bytes do not have the checksum that came with them", body = ProblemView),
    (status = 503, description = "The server has no room or ends, or a part is in use", body = ProblemView),
    (status = 507, description = "There is no room for it now", body = ProblemView),
))]
pub(super) async fn create(
    _: Grant,
    request: HttpRequest,
    query: web::Query<UploadQuery>,
    uploads: web::Data<Uploads>,
    metrics: web::Data<Metrics>,
    body: web::Payload,
) -> HttpResponse {
    let intake = Intake { uploads: &uploads, metrics: &metrics, headers: request.headers(), body };
    answered(intake.begin(query.again).await)
}

/// Tell how far an upload is
///
/// `Upload-Offset` says where it goes on. Whoever sends it at this time is cut off, so that this stays true.
#[utoipa::path(head, path = "/api/uploads/{id}", tag = "upload", params(
    ("id" = uuid::Uuid, Path, description = "The upload"),
    ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
), responses(
    (status = 200, description = "As headers: `Upload-Offset`, `Upload-Length`, `Upload-Metadata`, `Upload-Expires`"),
    (status = 404, description = "There is no such upload, or it has expired"),
    (status = 412, description = "It is another version of tus"),
    (status = 423, description = "Another connection has it at this moment, or the server ends: ask again"),
))]
pub(super) async fn offset(
    _: Grant,
    request: HttpRequest,
    uploads: web::Data<Uploads>,
    id: web::Path<String>,
) -> HttpResponse {
    answered(tell_offset(&request, &uploads, &id).await)
}

/// Continue an upload
///
/// Bytes from `Upload-Offset` on, as `application/offset+octet-stream`. Another connection that
/// sends the same upload is cut off. With the last byte it becomes a film.
#[utoipa::path(patch, path = "/api/uploads/{id}", tag = "upload", params(
    ("id" = uuid::Uuid, Path, description = "The upload"),
    ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ("Upload-Offset" = u64, Header, description = "Where the body belongs, in bytes"),
    ("Upload-Length" = Option<u64>, Header, description = "Bytes of the whole, if that was not said before"),
    ("Upload-Checksum" = Option<String>, Header, description = "`sha1`, `sha256` or `md5`, and the sum of the body in base64"),
), responses(
    (status = 204, description = "`Upload-Offset` bytes of it are safe"),
    (status = 400, description = "A header cannot be used, or the body broke off", body = ProblemView),
    (status = 403, description = "It was joined of parts", body = ProblemView),
    (status = 404, description = "There is no such upload, or it has expired", body = ProblemView),
    (status = 408, description = "Too little came for too long; what came is kept", body = ProblemView),
    (status = 409, description = "It goes on at another offset, is complete, or was taken over", body = ProblemView),
    (status = 412, description = "It is another version of tus", body = ProblemView),
    (status = 413, description = "More came than was missing", body = ProblemView),
    (status = 415, description = "The body is of another type", body = ProblemView),
    (status = 460, description = "The bytes do not have the checksum that came with them", body = ProblemView),
    (status = 503, description = "The server has no room or ends, or who sent before does not come to an end", body = ProblemView),
    (status = 507, description = "There is no room for it now", body = ProblemView),
))]
pub(super) async fn append(
    _: Grant,
    request: HttpRequest,
    uploads: web::Data<Uploads>,
    metrics: web::Data<Metrics>,
    id: web::Path<String>,
    body: web::Payload,
) -> HttpResponse {
    let intake = Intake { uploads: &uploads, metrics: &metrics, headers: request.headers(), body };
    answered(intake.go_on(&id).await)
}

/// Give an upload up
///
/// Nothing is left of it. A complete one is a film, and deleted as such.
#[utoipa::path(delete, path = "/api/uploads/{id}", tag = "upload", params(
    ("id" = uuid::Uuid, Path, description = "The upload"),
    ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is no such upload, or it has expired", body = ProblemView),
    (status = 409, description = "It is complete, or was taken over", body = ProblemView),
    (status = 412, description = "It is another version of tus", body = ProblemView),
    (status = 503, description = "The server has no room or ends, or who sends it does not come to an end", body = ProblemView),
))]
pub(super) async fn terminate(
    _: Grant,
    request: HttpRequest,
    uploads: web::Data<Uploads>,
    id: web::Path<String>,
) -> HttpResponse {
    answered(give_up(&request, &uploads, &id).await)
}

/// Do what `X-HTTP-Method-Override` says
///
/// For senders that can only POST: `PATCH`, `HEAD` or `DELETE`.
#[utoipa::path(post, path = "/api/uploads/{id}", tag = "upload", params(
    ("id" = uuid::Uuid, Path, description = "The upload"),
    ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ("X-HTTP-Method-Override" = String, Header, description = "`PATCH`, `HEAD` or `DELETE`"),
), responses(
    (status = 204, description = "As by that method"),
    (status = 400, description = "It is another method, or none", body = ProblemView),
))]
pub(super) async fn override_method(
    _: Grant,
    request: HttpRequest,
    uploads: web::Data<Uploads>,
    metrics: web::Data<Metrics>,
    id: web::Path<String>,
    body: web::Payload,
) -> HttpResponse {
    let meant = request.headers().get(METHOD_OVERRIDE).and_then(|name| Method::from_bytes(name.as_bytes()).ok());
    let answer = match meant {
        Some(Method::PATCH) => {
            Intake { uploads: &uploads, metrics: &metrics, headers: request.headers(), body }.go_on(&id).await
        }
        Some(Method::HEAD) => tell_offset(&request, &uploads, &id).await,
        Some(Method::DELETE) => give_up(&request, &uploads, &id).await,
        _ => Err(ApiError::BadRequest(NO_METHOD.into())),
    };
    answered(answer)
}

async fn tell_offset(request: &HttpRequest, uploads: &Uploads, id: &str) -> Result<HttpResponse, ApiError> {
    check_version(request.headers())?;
    let upload = uploads.resumable(address::upload(id)?).await.map_err(unless_locked)?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    match upload.bytes_total {
        Some(bytes) => answer.insert_header(("upload-length", bytes.to_string())),
        None => answer.insert_header(("upload-defer-length", "1")),
    };
    if !upload.labels.said.is_empty() {
        answer.insert_header(("upload-metadata", upload.labels.said.as_str()));
    }
    match upload.labels.kind {
        ResumableKind::Whole => {}
        ResumableKind::Part => drop(answer.insert_header(("upload-concat", "partial"))),
        ResumableKind::Joined => drop(answer.insert_header(("upload-concat", upload.labels.parts.as_str()))),
    }
    if upload.video.is_none() {
        answer.insert_header(expiring(uploads.expiry(&upload)));
    }
    // One that is being joined has no offset yet.
    if upload.video.is_some() || upload.labels.kind != ResumableKind::Joined {
        answer.insert_header((UPLOAD_OFFSET, upload.bytes_safe.to_string()));
    }
    Ok(answer.finish())
}

/// Senders wait for what is locked, and begin anew after any other failure of a HEAD.
fn unless_locked(error: UploadError) -> ApiError {
    match error {
        UploadError::Superseded => ApiError::Locked(error.to_string().into()),
        UploadError::Busy | UploadError::Catalog(CatalogError::Closed) => {
            ApiError::Locked(UploadError::Busy.to_string().into())
        }
        other => other.into(),
    }
}

async fn give_up(request: &HttpRequest, uploads: &Uploads, id: &str) -> Result<HttpResponse, ApiError> {
    check_version(request.headers())?;
    uploads.terminate(address::upload(id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

impl Intake<'_> {
    async fn begin(self, again: bool) -> Result<HttpResponse, ApiError> {
        check_version(self.headers)?;
        match headers::new_upload(self.headers, again)? {
            NewUpload::Joined { parts, labels } => {
                let (id, _) = self.uploads.join(parts, labels).await?;
                self.metrics.record_upload("received");
                Ok(created(id).finish())
            }
            NewUpload::Begun { labels, bytes_total } => {
                let checksum = Checksum::of(self.headers)?;
                let brings = headers::brings_bytes(self.headers)?;
                let begun = self.uploads.create(labels, bytes_total).await?;
                if !brings && bytes_total != Some(0) {
                    let expires = expiring(begun.expires_at());
                    return Ok(created(begun.told()).insert_header(expires).finish());
                }
                self.begin_with_bytes(begun, checksum).await
            }
        }
    }

    async fn begin_with_bytes(self, begun: Begun, checksum: Option<Checksum>) -> Result<HttpResponse, ApiError> {
        let go_on = GoOn { at: 0, bytes_total: None, trust: trust(checksum.as_ref()) };
        let kept = match self.uploads.go_on(begun.id(), go_on).await {
            Ok(turn) => self.receive(turn, checksum).await,
            Err(error) => Err(error.into()),
        };
        match kept {
            Ok(kept) => Ok(progressed(created(begun.told()), kept)),
            Err(error) => {
                begun.give_up().await;
                Err(error)
            }
        }
    }

    async fn go_on(self, id: &str) -> Result<HttpResponse, ApiError> {
        check_version(self.headers)?;
        let id = address::upload(id)?;
        let (at, bytes_total) = headers::place(self.headers)?;
        let checksum = Checksum::of(self.headers)?;
        let go_on = GoOn { at, bytes_total, trust: trust(checksum.as_ref()) };
        let turn = self.uploads.go_on(id, go_on).await?;
        let kept = self.receive(turn, checksum).await?;
        Ok(progressed(HttpResponse::NoContent(), kept))
    }

    /// Takes the body to its end. What came before it broke off is kept, unless a checksum came along.
    async fn receive(mut self, mut turn: Continuing, checksum: Option<Checksum>) -> Result<Kept, ApiError> {
        if let Some(limit) = turn.left()
            && headers::body_len(self.headers).is_some_and(|len| len > limit)
        {
            return Err(ApiError::TooLarge { limit });
        }
        let arriving = Arriving::one_turn(self.metrics);
        let mut sum = checksum.map(Checksum::begin);
        loop {
            let next = tokio::select! {
                biased;
                reason = turn.displaced() => return Err(reason.into()),
                next = next(&mut self.body) => next?,
            };
            let Some(bytes) = next else { break };
            if let Some(sum) = &mut sum {
                sum.update(&bytes);
            }
            turn.write(bytes).await?;
        }
        if sum.is_some_and(|sum| !sum.matches()) {
            turn.discard().await?;
            return Err(ApiError::ChecksumMismatch);
        }
        let kept = turn.keep().await?;
        if kept.accepted.is_some() {
            arriving.end("received");
        }
        Ok(kept)
    }
}

async fn next(body: &mut web::Payload) -> Result<Option<Bytes>, ApiError> {
    body.next().await.transpose().map_err(|error| match error {
        error if is_too_slow(&error) => ApiError::TimedOut,
        _ => ApiError::BadRequest("the body broke off; ask with HEAD where to go on".into()),
    })
}

fn trust(checksum: Option<&Checksum>) -> Trust {
    if checksum.is_some() { Trust::OnceKept } else { Trust::AsTheyCome }
}

/// The address is relative: it is right behind every proxy.
fn created(id: UploadId) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Created();
    answer.insert_header((header::LOCATION, format!("{}{id}", headers::FOLDER)));
    answer
}

fn progressed(mut answer: HttpResponseBuilder, kept: Kept) -> HttpResponse {
    answer.insert_header((UPLOAD_OFFSET, kept.bytes_safe.to_string()));
    if kept.accepted.is_none() {
        answer.insert_header(expiring(kept.expires_at));
    }
    answer.finish()
}

fn expiring(at: Timestamp) -> (&'static str, String) {
    let since = Duration::from_millis(u64::try_from(at.0).unwrap_or_default());
    // A date that a header can hold: before the year 9999.
    let latest = Duration::from_secs(253_000_000_000);
    ("upload-expires", HttpDate::from(UNIX_EPOCH + since.min(latest)).to_string())
}

fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(TUS_RESUMABLE) {
        Some(version) if version == VERSION => Ok(()),
        _ => {
            Err(ApiError::WrongVersion("this address speaks tus 1.0.0; send the header `Tus-Resumable: 1.0.0`".into()))
        }
    }
}

/// With what every answer of the protocol has.
fn answered(answer: Result<HttpResponse, ApiError>) -> HttpResponse {
    let mut answer = answer.unwrap_or_else(|error| error.error_response());
    let version = HeaderValue::from_static(VERSION);
    if answer.status() == StatusCode::PRECONDITION_FAILED {
        answer.headers_mut().insert(TUS_VERSION, version.clone());
    }
    answer.headers_mut().insert(TUS_RESUMABLE, version);
    answer
}
