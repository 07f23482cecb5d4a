//! Every request gets a name, a span and a place in the counters.

use super::route::Pattern;
use crate::telemetry::metrics::Metrics;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use std::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware: names the request in the answer (`X-Request-Id`) and in every log line about it, and
/// counts it under the pattern of its route: paths hold ids and are never written down.
///
/// # Errors
/// Those of the inner service.
pub async fn request<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let began = Instant::now();
    let (id, method) = (Uuid::now_v7(), method_label(request.method()));
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let span = tracing::info_span!("request", request.id = %id, method, route = Empty);
    let mut response = next.call(request).instrument(span.clone()).await?;
    let route = response.request().app_data::<Pattern>().map_or("none", |pattern| pattern.0);
    let (status, elapsed) = (response.status().as_u16(), began.elapsed());
    span.record("route", route);
    span.in_scope(|| tracing::debug!(status, elapsed_ms = elapsed.as_millis(), "a request was answered"));
    if let Some(metrics) = metrics {
        metrics.record_request(route, method, status, elapsed);
    }
    let mut room = Uuid::encode_buffer();
    let name = id.hyphenated().encode_lower(&mut room);
    let name = HeaderValue::from_str(name).expect("a UUID is legal in a header");
    response.headers_mut().insert(REQUEST_ID, name);
    Ok(response)
}

/// Methods are outside input too: only the known ones become labels.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
