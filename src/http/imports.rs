//! Films that lie on this machine already: `/api/imports`, for commands beside the server.
//!
//! A path names any file that the server can read, so being on this machine is not enough: the
//! caller shows the token that lies in the data folder.

use super::auth::{AdminToken, Grant};
use super::error::ApiError;
use super::openapi::ProblemView;
use crate::catalog::Accepted;
use crate::ingest::upload::Uploads;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use std::path::Path;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which file to take in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportOrder {
    /// Its absolute path. It is read where it lies and never changed.
    path: String,
    /// The title to give it; made from the name of the file when there is none.
    title: Option<String>,
    /// Take it even if it is in the library already.
    #[serde(default)]
    again: bool,
}

/// A film that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportAccepted {
    /// The film it becomes.
    video_id: Uuid,
    /// Always `received`: its preparation has just been queued.
    status: &'static str,
}

/// Tell whether a token is this server's
///
/// A command finds a server by a file in its data folder. After a crash that file is stale, and
/// another server may listen at the address in it; only the right one knows the token.
#[utoipa::path(get, path = "/api/imports", tag = "upload", security(("admin" = [])), responses(
    (status = 204, description = "It is, and imports are taken"),
    (status = 401, description = "The token is missing or wrong", body = ProblemView),
))]
pub(super) async fn check_token(
    _: Grant,
    request: HttpRequest,
    admin: web::Data<AdminToken>,
) -> Result<HttpResponse, ApiError> {
    admin.check(&request)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Import a film from this machine
///
/// The answer comes when the whole file was read once, to recognise it.
#[utoipa::path(post, path = "/api/imports", tag = "upload", security(("admin" = [])), request_body = ImportOrder, responses(
    (status = 202, description = "It will be prepared", body = ImportAccepted),
    (status = 401, description = "The token is missing or wrong", body = ProblemView),
    (status = 409, description = "The film is in the library already (`video_id`)", body = ProblemView),
    (status = 422, description = "It is no file that can be read", body = ProblemView),
))]
pub(super) async fn import_video(
    _: Grant,
    request: HttpRequest,
    admin: web::Data<AdminToken>,
    uploads: web::Data<Uploads>,
    order: web::Json<ImportOrder>,
) -> Result<HttpResponse, ApiError> {
    admin.check(&request)?;
    let path = Path::new(&order.path);
    if !path.is_absolute() {
        return Err(ApiError::Unprocessable("the path must be absolute; it would lead elsewhere here".into()));
    }
    match uploads.import(path, order.title.as_deref(), order.again).await? {
        Accepted::New(video, _) => {
            Ok(HttpResponse::Accepted().json(ImportAccepted { video_id: video.0, status: "received" }))
        }
        Accepted::Known(video_id) => Err(ApiError::AlreadyInLibrary { video_id }),
    }
}
