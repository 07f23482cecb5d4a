//! What a person does with jobs: `/api/jobs`.

use super::auth::Grant;
use super::error::ApiError;
use super::openapi::ProblemView;
use crate::jobs::Jobs;
use crate::media::id::JobId;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// The highest and, below zero, the lowest priority.
const HIGHEST: i8 = 10;

/// Which jobs a job goes before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Priority {
    /// From -10 to 10; the higher number goes first, and 0 is what every job begins with.
    priority: i8,
}

/// Hold a job up
///
/// Until it is resumed, also over a restart. A running one stops at its next safe point and goes on from there.
#[utoipa::path(post, path = "/api/jobs/{id}/pause", tag = "system", params(("id" = i64, Path, description = "The job")), responses(
    (status = 204, description = "It waits"),
    (status = 404, description = "There is no such job", body = ProblemView),
    (status = 409, description = "It is over, or it removes a film", body = ProblemView),
))]
pub(super) async fn pause_job(
    _: Grant,
    jobs: web::Data<Jobs>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    done(jobs.pause(job(&id)?).await?)
}

/// Let a job go on
#[utoipa::path(post, path = "/api/jobs/{id}/resume", tag = "system", params(("id" = i64, Path, description = "The job")), responses(
    (status = 204, description = "It is in line, if it was paused"),
    (status = 404, description = "There is no such job", body = ProblemView),
))]
pub(super) async fn resume_job(
    _: Grant,
    jobs: web::Data<Jobs>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    done(jobs.resume(job(&id)?).await?)
}

/// Put a job before others of its kind
///
/// One that runs has its next turn by it. The first seconds of films that cannot be played yet are made before all.
#[utoipa::path(post, path = "/api/jobs/{id}/priority", tag = "system", request_body = Priority,
    params(("id" = i64, Path, description = "The job")), responses(
    (status = 204, description = "It is so"),
    (status = 400, description = "The priority is not from -10 to 10", body = ProblemView),
    (status = 404, description = "There is no such job", body = ProblemView),
))]
pub(super) async fn prioritise_job(
    _: Grant,
    jobs: web::Data<Jobs>,
    id: web::Path<String>,
    wanted: web::Json<Priority>,
) -> Result<HttpResponse, ApiError> {
    if !(-HIGHEST..=HIGHEST).contains(&wanted.priority) {
        return Err(ApiError::BadRequest("a priority is a number from -10 to 10".into()));
    }
    done(jobs.prioritise(job(&id)?, wanted.priority).await?)
}

fn job(text: &str) -> Result<JobId, ApiError> {
    text.parse().map(JobId).map_err(|_| no_such_job())
}

fn done(is_known: bool) -> Result<HttpResponse, ApiError> {
    if is_known { Ok(HttpResponse::NoContent().finish()) } else { Err(no_such_job()) }
}

fn no_such_job() -> ApiError {
    ApiError::NotFound("there is no such job; it may have been removed with its film".into())
}
