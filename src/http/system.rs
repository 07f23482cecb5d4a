//! The owner's view of the server: `/api/system`.

use super::auth::Grant;
use super::error::ApiError;
use crate::system::{CacheStats, Encoder, Status, System};
use actix_web::{HttpResponse, web};

/// Tell how the server is
#[utoipa::path(get, path = "/api/system/status", tag = "system", responses(
    (status = 200, description = "How it is now", body = Status),
))]
pub(super) async fn system_status(_: Grant, system: web::Data<System>) -> Result<web::Json<Status>, ApiError> {
    Ok(web::Json(system.status().await?))
}

/// Tell what the cache of segments did
#[utoipa::path(get, path = "/api/system/cache/stats", tag = "system", responses(
    (status = 200, description = "Since the start", body = CacheStats),
))]
pub(super) async fn cache_stats(_: Grant, system: web::Data<System>) -> web::Json<CacheStats> {
    web::Json(system.cache_stats())
}

/// Try the encoders anew
///
/// After a driver was installed or a device was given to the server, for example. Takes up to ten seconds for each.
#[utoipa::path(post, path = "/api/system/encoders/probe", tag = "system", responses(
    (status = 200, description = "What became of each, best first", body = Vec<Encoder>),
))]
pub(super) async fn probe_encoders(_: Grant, system: web::Data<System>) -> web::Json<Vec<Encoder>> {
    web::Json(system.probe_encoders().await)
}

/// Empty the cache of segments, in memory and on disk
#[utoipa::path(post, path = "/api/system/cache/clear", tag = "system", responses(
    (status = 204, description = "It is empty; the next segments come from the store"),
))]
pub(super) async fn clear_cache(_: Grant, system: web::Data<System>) -> Result<HttpResponse, ApiError> {
    system.clear_cache().await.map_err(ApiError::internal)?;
    Ok(HttpResponse::NoContent().finish())
}
