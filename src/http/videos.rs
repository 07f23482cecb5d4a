//! The library: `/api/videos`.

use super::address;
use super::auth::Grant;
use super::error::ApiError;
use super::openapi::ProblemView;
use super::view::{VideoDetails, VideoPageView, VideoStatus, VideoView, read_cursor, write_cursor};
use crate::catalog::Sort;
use crate::delivery::Delivery;
use crate::library::{Deletion, Library, Listing};
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Longest search in characters.
const MAX_WORDS: usize = 200;

const PAGE: u32 = 60;

/// Which films to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Words that all occur in title or description, as beginnings of words; at most 200 characters.
    #[serde(default)]
    q: String,
    /// `newest`, `oldest`, `title` or `longest`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "newest")]
    sort: Sort,
    /// Most films of the page, 1 to 200.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// The trash instead of the library.
    #[serde(default)]
    trash: bool,
}

/// When to remove for good.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// At once, and not when its time in the trash is over.
    #[serde(default)]
    now: bool,
}

/// What to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VideoChanges {
    /// New title, cut to 200 characters.
    title: Option<String>,
    /// New description, at most 10,000 characters.
    description: Option<String>,
}

/// List films
#[utoipa::path(get, path = "/api/videos", tag = "videos", params(ListQuery), responses(
    (status = 200, description = "One page", body = VideoPageView),
    (status = 400, description = "A parameter is wrong", body = ProblemView),
))]
pub(super) async fn list_videos(
    _: Grant,
    library: web::Data<Library>,
    query: web::Query<ListQuery>,
) -> Result<web::Json<VideoPageView>, ApiError> {
    let query = query.into_inner();
    if query.q.chars().count() > MAX_WORDS {
        return Err(ApiError::BadRequest(format!("a search may have at most {MAX_WORDS} characters").into()));
    }
    let cursor = query.cursor.as_deref().map(read_cursor).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, 200);
    let page = library.list(Listing { words: query.q, sort: query.sort, trash: query.trash, limit, cursor }).await?;
    Ok(web::Json(VideoPageView {
        videos: page.videos.into_iter().map(VideoView::from).collect(),
        next_cursor: page.next.as_ref().map(write_cursor).transpose()?,
        total: page.total,
    }))
}

/// Show a film with its tracks
#[utoipa::path(get, path = "/api/videos/{id}", tag = "videos", params(("id" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The film", body = VideoDetails),
    (status = 404, description = "There is no such film, or it is in the trash", body = ProblemView),
))]
pub(super) async fn show_video(
    _: Grant,
    library: web::Data<Library>,
    delivery: web::Data<Delivery>,
    id: web::Path<String>,
) -> Result<web::Json<VideoDetails>, ApiError> {
    let details = library.details(address::video(&id)?).await?;
    let download = delivery.download(details.video.id).await?;
    Ok(web::Json(VideoDetails::of(details, download.as_deref())))
}

/// Tell where a film is on its way
#[utoipa::path(get, path = "/api/videos/{id}/status", tag = "videos", params(("id" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "Where it is", body = VideoStatus),
    (status = 404, description = "There is no such film, or it is in the trash", body = ProblemView),
))]
pub(super) async fn video_status(
    _: Grant,
    library: web::Data<Library>,
    id: web::Path<String>,
) -> Result<web::Json<VideoStatus>, ApiError> {
    Ok(web::Json(library.video(address::video(&id)?).await?.into()))
}

/// Change title or description
#[utoipa::path(patch, path = "/api/videos/{id}", tag = "videos", params(("id" = Uuid, Path, description = "The film")),
    request_body = VideoChanges, responses(
    (status = 200, description = "The film as it is now", body = VideoView),
    (status = 404, description = "There is no such film, or it is in the trash", body = ProblemView),
    (status = 422, description = "The title is empty or the description too long", body = ProblemView),
))]
pub(super) async fn change_video(
    _: Grant,
    library: web::Data<Library>,
    id: web::Path<String>,
    changes: web::Json<VideoChanges>,
) -> Result<web::Json<VideoView>, ApiError> {
    let id = address::video(&id)?;
    let video = library.describe(id, changes.title.as_deref(), changes.description.as_deref()).await?;
    Ok(web::Json(video.into()))
}

/// Delete a film
///
/// Its preparation is stopped, and it is gone for every reader at once. It can be restored until its
/// time in the trash is over; with `now=true` it is removed for good right away.
#[utoipa::path(delete, path = "/api/videos/{id}", tag = "videos", params(("id" = Uuid, Path, description = "The film"), DeleteQuery), responses(
    (status = 204, description = "It is in the trash, or being removed"),
    (status = 404, description = "There is no such film", body = ProblemView),
))]
pub(super) async fn delete_video(
    _: Grant,
    library: web::Data<Library>,
    id: web::Path<String>,
    query: web::Query<DeleteQuery>,
) -> Result<HttpResponse, ApiError> {
    let when = if query.now { Deletion::Now } else { Deletion::Later };
    library.delete(address::video(&id)?, when).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Take a film out of the trash
#[utoipa::path(post, path = "/api/videos/{id}/restore", tag = "videos", params(("id" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The film as it is now", body = VideoView),
    (status = 404, description = "There is no such film", body = ProblemView),
    (status = 409, description = "It is being removed already", body = ProblemView),
))]
pub(super) async fn restore_video(
    _: Grant,
    library: web::Data<Library>,
    id: web::Path<String>,
) -> Result<web::Json<VideoView>, ApiError> {
    Ok(web::Json(library.restore(address::video(&id)?).await?.into()))
}

/// Prepare a failed or stopped film again, or make again what could not be made of one that plays
#[utoipa::path(post, path = "/api/videos/{id}/retry", tag = "videos", params(("id" = Uuid, Path, description = "The film")), responses(
    (status = 202, description = "It is in line", body = VideoView),
    (status = 404, description = "There is no such film", body = ProblemView),
    (status = 409, description = "It did not fail", body = ProblemView),
))]
pub(super) async fn retry_video(
    _: Grant,
    library: web::Data<Library>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let video = library.retry(address::video(&id)?).await?;
    Ok(HttpResponse::Accepted().json(VideoView::from(video)))
}

/// Stop preparing a film
///
/// What is there is kept, and `retry` goes on from it.
#[utoipa::path(post, path = "/api/videos/{id}/cancel", tag = "videos", params(("id" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The film as it is now", body = VideoView),
    (status = 404, description = "There is no such film", body = ProblemView),
    (status = 409, description = "Nothing of it is being prepared", body = ProblemView),
))]
pub(super) async fn cancel_video(
    _: Grant,
    library: web::Data<Library>,
    id: web::Path<String>,
) -> Result<web::Json<VideoView>, ApiError> {
    Ok(web::Json(library.cancel(address::video(&id)?).await?.into()))
}
