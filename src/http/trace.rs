//! Every request gets a name, a span and a place in the counters.

use super::route::pattern;
use crate::telemetry::metrics::Metrics;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tracing::Instrument as _;
use tracing::field::Empty;
use uuid::{Builder, Uuid};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware: names the request in the answer (`X-Request-Id`) and in every log line about it, and
/// counts it under the pattern of its route: paths hold ids and are never written down.
///
/// # Errors
/// Those of the inner service.
pub async fn request<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let began = Instant::now();
    let (id, method) = (next_id(), method_label(request.method()));
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let span = tracing::info_span!("request", request.id = %id, method, route = Empty);
    let mut response = next.call(request).instrument(span.clone()).await?;
    let route = pattern(response.request()).unwrap_or("none");
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

/// A name no other request has. Nobody has to be unable to guess it, so that the system is asked for chance only once.
fn next_id() -> Uuid {
    static RUN: LazyLock<u128> = LazyLock::new(|| Uuid::new_v4().as_u128() << 32);
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let bits = *RUN | u128::from(NUMBER.fetch_add(1, Ordering::Relaxed));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let [.., a, b, c, d, e, f, g, h, i, j] = bits.to_be_bytes();
    Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_requests_have_one_name_and_it_says_when_they_came() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| next_id()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        let (seconds, _) = ids[0].get_timestamp().expect("version 7 has a time").to_unix();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(now.abs_diff(seconds) < 60);
    }
}
