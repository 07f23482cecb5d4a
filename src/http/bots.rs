//! The bots that are the disk, and the way of films to them: `/api/system/bots`, `/api/system/migrate` and `/api/system/affected`.

use super::auth::Grant;
use super::error::ApiError;
use super::openapi::ProblemView;
use crate::catalog::Moving;
use crate::system::{Affected, BotTests, Bots, MovesQueued, System};
use actix_web::{HttpResponse, web};

/// Tell how the bots are
#[utoipa::path(get, path = "/api/system/bots/status", tag = "system", responses(
    (status = 200, description = "Each of them now; none when films are kept on this machine", body = Bots),
))]
pub(super) async fn bots_status(_: Grant, system: web::Data<System>) -> Result<web::Json<Bots>, ApiError> {
    Ok(web::Json(system.bots().await?))
}

/// Name the films that cannot be played whole
///
/// Those of which no copy of some pack can be read now, with what has to happen.
#[utoipa::path(get, path = "/api/system/affected", tag = "system", responses(
    (status = 200, description = "They; none when everything plays", body = Affected),
))]
pub(super) async fn affected(_: Grant, system: web::Data<System>) -> Result<web::Json<Affected>, ApiError> {
    Ok(web::Json(system.affected().await?))
}

/// Test the bots
///
/// Each sends 64 KiB to its channel, reads them back, compares and deletes them. The answer comes at the end.
#[utoipa::path(post, path = "/api/system/bots/test", tag = "system", responses(
    (status = 200, description = "What was found, and what to do", body = BotTests),
    (status = 409, description = "No bot is configured, or a test is under way", body = ProblemView),
))]
pub(super) async fn test_bots(_: Grant, system: web::Data<System>) -> Result<web::Json<BotTests>, ApiError> {
    Ok(web::Json(system.test_bots().await?))
}

/// Move films to the bots' channels
///
/// For films that were put on this machine before there were bots. They play on meanwhile.
#[utoipa::path(post, path = "/api/system/migrate", tag = "system", responses(
    (status = 202, description = "The films that need it are in line", body = MovesQueued),
    (status = 409, description = "No bot is configured", body = ProblemView),
))]
pub(super) async fn migrate(_: Grant, system: web::Data<System>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Accepted().json(system.migrate().await?))
}

/// Tell what is left to move
#[utoipa::path(get, path = "/api/system/migrate", tag = "system", responses(
    (status = 200, description = "What lies elsewhere than where new films go", body = Moving),
))]
pub(super) async fn migration(_: Grant, system: web::Data<System>) -> Result<web::Json<Moving>, ApiError> {
    Ok(web::Json(system.moving().await?))
}
