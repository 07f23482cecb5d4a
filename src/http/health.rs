//! For machines that watch the server: does it live, can it work, what does it count.

use super::auth::Grant;
use super::error::ApiError;
use crate::shutdown::Shutdown;
use crate::system::System;
use crate::telemetry::metrics::{CONTENT_TYPE, Metrics};
use actix_web::http::header;
use actix_web::{HttpResponse, web};

/// Tell that the server lives
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "It lives", body = String)))]
pub(super) async fn alive() -> HttpResponse {
    said("alive\n")
}

/// Tell whether the server can work
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "It can", body = String),
    (status = 503, description = "It is stopping, or its records do not answer"),
))]
pub(super) async fn ready(system: web::Data<System>, shutdown: web::Data<Shutdown>) -> Result<HttpResponse, ApiError> {
    if shutdown.token().is_cancelled() || system.check().await.is_err() {
        return Err(ApiError::Busy { retry_after_s: 5 });
    }
    Ok(said("ready\n"))
}

/// Show what the server counts
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "In OpenMetrics format, for Prometheus", content_type = "application/openmetrics-text", body = String),
))]
pub(super) async fn metrics(
    _: Grant,
    system: web::Data<System>,
    metrics: web::Data<Metrics>,
) -> Result<HttpResponse, ApiError> {
    system.measure(&metrics).await?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(metrics.encode()))
}

fn said(word: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store")).content_type("text/plain; charset=utf-8").body(word)
}
