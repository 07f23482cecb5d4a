//! Subtitles that are added to a film: `/api/videos/{id}/subtitles`.

use super::address;
use super::auth::Grant;
use super::error::ApiError;
use super::fields::Fields;
use super::openapi::ProblemView;
use crate::ingest::sidecar::{MAX_SUBTITLES, NewSubtitles, Sidecars};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

/// The form of added subtitles.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes the form; its parts are read one by one")]
pub(super) struct SubtitlesForm {
    /// The subtitles: SRT, WebVTT, ASS or SSA, at most 16 MiB.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Their language: a tag of BCP 47, or a code of ISO 639.
    #[schema(example = "pt-BR")]
    language: String,
    /// What the track is called, at most 100 characters; the name of its language when there is none.
    label: Option<String>,
    /// Whether they hold only what is spoken in another language than the sound's.
    forced: Option<bool>,
}

/// Subtitles that were taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubtitlesAccepted {
    /// What their track is called in addresses, now and for ever.
    track: String,
    /// Always `waiting`: the track is made as soon as the film is ready, and comes with an event.
    status: &'static str,
}

/// Add subtitles to a film
///
/// They become a track of their own. What of them is shown, and when, stays; whatever could act in a page goes.
#[utoipa::path(post, path = "/api/videos/{id}/subtitles", tag = "videos", params(("id" = Uuid, Path, description = "The film")),
    request_body(content = SubtitlesForm, content_type = "multipart/form-data"), responses(
    (status = 202, description = "They are here and will be a track", body = SubtitlesAccepted),
    (status = 400, description = "The form cannot be read or has no file", body = ProblemView),
    (status = 404, description = "There is no such film, or it is in the trash", body = ProblemView),
    (status = 409, description = "Too many were added, or wait", body = ProblemView),
    (status = 413, description = "The file is longer than is accepted", body = ProblemView),
    (status = 415, description = "It is no subtitle file of a kind that is taken", body = ProblemView),
    (status = 422, description = "The language is none, or a line of the file cannot be read", body = ProblemView),
))]
pub(super) async fn add_subtitles(
    _: Grant,
    request: HttpRequest,
    sidecars: web::Data<Sidecars>,
    id: web::Path<String>,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let video = address::video(&id)?;
    let fields = Fields::read(&request, body, MAX_SUBTITLES).await?;
    let (language, label) = (fields.text("language").to_owned(), fields.text("label").to_owned());
    let forced = fields.yes("forced")?;
    let track = sidecars.add_subtitles(video, NewSubtitles { file: fields.file, language, label, forced }).await?;
    Ok(HttpResponse::Accepted().json(SubtitlesAccepted { track: track.to_string(), status: "waiting" }))
}

/// Remove added subtitles
///
/// Those of the film's own file stay with it.
#[utoipa::path(delete, path = "/api/videos/{id}/subtitles/{track}", tag = "videos", params(
    ("id" = Uuid, Path, description = "The film"), ("track" = String, Path, description = "The track, such as s512")), responses(
    (status = 204, description = "Nobody finds them any more"),
    (status = 404, description = "There is no such film, or no such added track", body = ProblemView),
))]
pub(super) async fn remove_subtitles(
    _: Grant,
    sidecars: web::Data<Sidecars>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    sidecars.remove_subtitles(address::video(&path.0)?, address::track(&path.1)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
