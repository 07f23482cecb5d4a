//! Posters that a person chooses or sends: `/api/videos/{id}/posters` and `/poster`.

use super::address;
use super::auth::Grant;
use super::error::ApiError;
use super::fields;
use super::openapi::ProblemView;
use super::problem::MAX_JSON;
use crate::ingest::sidecar::{Choice, MAX_PICTURE, Sidecars, Still};
use crate::media::id::VideoId;
use crate::media::rendition::TrackName;
use actix_web::http::header;
use actix_web::{HttpRequest, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media types of pictures that may be sent.
const PICTURES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];

/// The posters that a film has and could have.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PostersView {
    /// Stills of the film, in its order; none before they are made.
    candidates: Vec<CandidateView>,
    /// Whether the present poster is none of these: it was found by itself, or sent.
    other: bool,
}

/// A still of a film.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CandidateView {
    /// Its number.
    candidate: u32,
    /// About where in the film it is.
    seconds: f64,
    /// The still (JPEG).
    url: String,
    /// Whether it is the poster.
    in_use: bool,
}

/// Which still to use.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PosterOrder {
    /// Its number.
    candidate: u32,
}

impl PostersView {
    fn of(video: VideoId, choice: Choice) -> Self {
        let view = |still: Still| CandidateView {
            candidate: still.number,
            seconds: still.second,
            url: format!("/hls/{video}/{}/{}.jpg", TrackName::STILLS, still.number),
            in_use: still.chosen,
        };
        Self { candidates: choice.stills.into_iter().map(view).collect(), other: choice.other }
    }
}

/// List the stills that can be a film's poster
#[utoipa::path(get, path = "/api/videos/{id}/posters", tag = "videos", params(("id" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The stills", body = PostersView),
    (status = 404, description = "There is no such film, or it is in the trash", body = ProblemView),
))]
pub(super) async fn list_posters(
    _: Grant,
    sidecars: web::Data<Sidecars>,
    id: web::Path<String>,
) -> Result<web::Json<PostersView>, ApiError> {
    let video = address::video(&id)?;
    Ok(web::Json(PostersView::of(video, sidecars.posters(video).await?)))
}

/// Set a film's poster
///
/// One of its stills, as JSON, or a picture of at most 16 MiB and 64 million pixels, which is made a JPEG of at
/// most 1280 by 1280. It is shown at once.
#[utoipa::path(put, path = "/api/videos/{id}/poster", tag = "videos", params(("id" = Uuid, Path, description = "The film")),
    request_body(content((PosterOrder = "application/json"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))), responses(
    (status = 200, description = "The stills, and which is in use now", body = PostersView),
    (status = 404, description = "There is no such film or still", body = ProblemView),
    (status = 413, description = "The picture is longer than is accepted", body = ProblemView),
    (status = 415, description = "It is neither JSON nor a picture that is taken", body = ProblemView),
    (status = 422, description = "The picture is damaged or has too many pixels", body = ProblemView),
))]
pub(super) async fn set_poster(
    _: Grant,
    request: HttpRequest,
    sidecars: web::Data<Sidecars>,
    id: web::Path<String>,
    body: web::Payload,
) -> Result<web::Json<PostersView>, ApiError> {
    let video = address::video(&id)?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let choice = match kind.as_str() {
        "application/json" => {
            let order: PosterOrder = order(&fields::body(&request, body, MAX_JSON as u64).await?)?;
            sidecars.choose_still(video, order.candidate).await?
        }
        picture if PICTURES.contains(&picture) => {
            sidecars.send_poster(video, fields::body(&request, body, MAX_PICTURE).await?).await?
        }
        _ => {
            return Err(ApiError::UnsupportedMedia(
                "send a JPEG, PNG or WebP picture, or JSON with a candidate".into(),
            ));
        }
    };
    Ok(web::Json(PostersView::of(video, choice)))
}

fn order(body: &[u8]) -> Result<PosterOrder, ApiError> {
    serde_json::from_slice(body)
        .map_err(|why| ApiError::BadRequest(format!("the body is not the JSON expected here: {why}").into()))
}
