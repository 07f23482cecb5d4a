//! Films coming in: `/api/upload`.

use super::address;
use super::auth::Grant;
use super::error::ApiError;
use super::form::{OVERHEAD, Reader};
use super::openapi::ProblemView;
use super::parts::{FormError, Parts};
use super::sse;
use crate::catalog::Accepted;
use crate::ingest::upload::{UploadProgress, UploadState, Uploads};
use crate::media::id::{UploadId, VideoId};
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::Metrics;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// How often somebody who watches an upload is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What an upload may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest file in bytes.
    pub upload_max_bytes: u64,
}

/// What to do with a file that is in the library already.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// Take it once more.
    #[serde(default)]
    pub(super) again: bool,
}

/// The form of an upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes the form; its parts are read one by one")]
pub(super) struct UploadForm {
    /// The film.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Its title; made from the name of the file when there is none.
    title: Option<String>,
}

/// A film that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UploadAccepted {
    /// The upload, as named by `Upload-Id` or by the server.
    upload_id: Uuid,
    /// The film it becomes.
    video_id: Uuid,
    /// Always `received`: its preparation has just been queued.
    status: &'static str,
}

/// Counts an upload that arrives, until it is dropped.
pub(super) struct Arriving {
    metrics: Metrics,
    outcome: Option<&'static str>,
}

impl Arriving {
    fn begin(metrics: &Metrics) -> Self {
        metrics.uploads_open.inc();
        // What is dropped half-way has lost its sender.
        Self { metrics: metrics.clone(), outcome: Some("broken") }
    }

    /// For one that may go on later: only its end is one.
    pub(super) fn one_turn(metrics: &Metrics) -> Self {
        metrics.uploads_open.inc();
        Self { metrics: metrics.clone(), outcome: None }
    }

    pub(super) fn end(mut self, outcome: &'static str) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.metrics.uploads_open.dec();
        if let Some(outcome) = self.outcome {
            self.metrics.record_upload(outcome);
        }
    }
}

/// Upload a film
///
/// The answer comes when every byte is safe on disk. To follow the upload meanwhile, choose its
/// name: a fresh UUID in the header `Upload-Id`.
#[utoipa::path(post, path = "/api/upload", tag = "upload",
    params(UploadQuery, ("Upload-Id" = Option<Uuid>, Header, description = "Names the upload")),
    request_body(content = UploadForm, content_type = "multipart/form-data"), responses(
    (status = 202, description = "It is here and will be prepared", body = UploadAccepted),
    (status = 400, description = "The form cannot be read or has no file", body = ProblemView),
    (status = 409, description = "The film is in the library already (`video_id`), or the upload's name is taken", body = ProblemView),
    (status = 413, description = "It is longer than is accepted", body = ProblemView),
    (status = 507, description = "There is no room for it now", body = ProblemView),
))]
pub(super) async fn upload_video(
    _: Grant,
    request: HttpRequest,
    query: web::Query<UploadQuery>,
    uploads: web::Data<Uploads>,
    limits: web::Data<Limits>,
    metrics: web::Data<Metrics>,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let (id, announced) = (upload_id(&request)?, announced(&request, limits.upload_max_bytes)?);
    let arriving = Arriving::begin(&metrics);
    let reader = Reader { uploads: &uploads, id, announced, limit: limits.upload_max_bytes, taken: 0 };
    let result = receive(reader, Parts::of(&request, body.into_inner()), query.again).await;
    arriving.end(if result.is_ok() { "received" } else { "refused" });
    let video_id = result?;
    Ok(HttpResponse::Accepted().json(UploadAccepted { upload_id: id.0, video_id: video_id.0, status: "received" }))
}

/// Tell how far an upload is
///
/// With `Accept: text/event-stream` as events named `progress`, until the film is ready or failed.
#[utoipa::path(get, path = "/api/upload/{id}/progress", tag = "upload", params(("id" = Uuid, Path, description = "The upload")), responses(
    (status = 200, description = "How far it is", content((UploadProgress = "application/json"), (String = "text/event-stream"))),
    (status = 404, description = "There is no such upload", body = ProblemView),
))]
pub(super) async fn upload_progress(
    _: Grant,
    request: HttpRequest,
    uploads: web::Data<Uploads>,
    shutdown: web::Data<Shutdown>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = address::upload(&id)?;
    let now = uploads.progress(id).await?.ok_or_else(address::no_such_upload)?;
    if sse::is_wanted(&request) {
        return Ok(sse::answer(follow(uploads.get_ref().clone(), id), shutdown.token()));
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(now))
}

async fn receive(reader: Reader<'_>, form: Result<Parts, FormError>, again: bool) -> Result<VideoId, ApiError> {
    let form = reader.read(form?).await?;
    match form.uploading.finish(&form.file_name, form.title.as_deref(), again).await? {
        Accepted::New(video, _) => Ok(video),
        Accepted::Known(video_id) => Err(ApiError::AlreadyInLibrary { video_id }),
    }
}

fn upload_id(request: &HttpRequest) -> Result<UploadId, ApiError> {
    let Some(name) = request.headers().get("upload-id") else {
        return Ok(UploadId::fresh());
    };
    let id = name.to_str().ok().and_then(|text| text.parse().ok());
    id.ok_or_else(|| ApiError::BadRequest("the header Upload-Id is no UUID; choose a fresh one".into()))
}

/// The announced length of the form; refused at once when no file within the limit is that long.
fn announced(request: &HttpRequest, limit: u64) -> Result<Option<u64>, ApiError> {
    let len = request.headers().get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    match len {
        Some(len) if len > limit + OVERHEAD => Err(ApiError::TooLarge { limit }),
        len => Ok(len),
    }
}

/// Every change of an upload's progress, twice a second at most, until its last one.
fn follow(uploads: Uploads, id: UploadId) -> impl Stream<Item = sse::Frame> {
    let start = (uploads, String::new(), false);
    stream::unfold(start, move |(uploads, mut last, over)| async move {
        if over {
            return None;
        }
        loop {
            if !last.is_empty() {
                tokio::time::sleep(TELL_EVERY).await;
            }
            // Gone or unreadable: the next request learns why.
            let now = uploads.progress(id).await.ok().flatten()?;
            let text = serde_json::to_string(&now).ok()?;
            if text != last {
                last.clone_from(&text);
                return Some((sse::Frame { name: "progress", data: text }, (uploads, last, is_over(now.state))));
            }
        }
    })
}

fn is_over(state: UploadState) -> bool {
    matches!(state, UploadState::Ready | UploadState::Failed)
}
