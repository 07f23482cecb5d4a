//! What browsers are told about pages of other origins: those configured may play, read and write.
//!
//! Nothing is said to anybody else, so a browser keeps the answer from the page that asked. Whether
//! a write is carried out at all is decided in `origin`.

use super::origin::Trusted;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

/// Headers of an answer that a page on another origin needs to see.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Range, Content-Length, ETag, Accept-Ranges, Retry-After, X-Request-Id, Location, Tus-Resumable, \
     Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, \
     Upload-Defer-Length, Upload-Metadata, Upload-Concat, Upload-Expires",
);

/// Methods of all routes.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// Headers a page may send along.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Upload-Id, Range, If-Range, If-None-Match, Tus-Resumable, Upload-Offset, Upload-Length, \
     Upload-Defer-Length, Upload-Metadata, Upload-Concat, Upload-Checksum, X-HTTP-Method-Override",
);

/// Seconds for which a browser need not ask again; more than two hours none of them keeps.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Middleware: lets configured origins use `/hls`, `/media` and `/api`, and answers their
/// preflights.
///
/// # Errors
/// Those of the inner service.
pub async fn share<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let trusted = request.app_data::<web::Data<Trusted>>().filter(|trusted| !trusted.origins.is_empty());
    // Routes match the path without its escapes.
    let path = request.match_info().as_str();
    let shared = ["/hls/", "/media/", "/api/"].iter().any(|folder| path.starts_with(folder));
    let Some(trusted) = trusted.filter(|_| shared) else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let origin = request.headers().get(header::ORIGIN).filter(|origin| trusted.admits(origin)).cloned();
    if let Some(origin) = origin.as_ref().filter(|_| is_preflight(&request)) {
        let answer = preflight(origin);
        return Ok(request.into_response(answer).map_into_right_body());
    }
    let mut response = next.call(request).await?;
    permit(response.headers_mut(), origin.as_ref());
    Ok(response.map_into_left_body())
}

fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(origin: &HeaderValue) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    permit(headers, Some(origin));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// The answer differs by origin even when none came, or a cache would give one page's to another.
fn permit(headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::middleware::from_fn;
    use actix_web::{App, test};

    const FRIEND: &str = "https://app.example";

    /// The answer to a request for `path` from a page of `origin`.
    async fn asked(origins: &[&str], request: test::TestRequest) -> ServiceResponse<impl MessageBody> {
        let origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        let app = App::new().app_data(web::Data::new(Trusted { origins })).wrap(from_fn(share)).default_service(
            web::to(|| async { HttpResponse::Ok().insert_header(("vary", "Accept-Encoding")).body("x") }),
        );
        test::call_service(&test::init_service(app).await, request.to_request()).await
    }

    fn from(origin: &str, method: Method, path: &str) -> test::TestRequest {
        test::TestRequest::default().method(method).uri(path).insert_header(("origin", origin))
    }

    fn value(headers: &HeaderMap, name: &str) -> String {
        headers.get_all(name).map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ")
    }

    #[actix_web::test]
    async fn a_configured_origin_reads_and_writes_and_sees_what_a_page_needs() {
        for (method, path) in [
            (Method::GET, "/hls/x/master.m3u8"),
            (Method::GET, "/media/x/poster.jpg"),
            (Method::GET, "/%6Dedia/x/poster.jpg"),
            (Method::GET, "/api/videos"),
            (Method::POST, "/api/upload"),
            (Method::PATCH, "/api/videos/x"),
            (Method::DELETE, "/api/videos/x"),
        ] {
            let response = asked(&[FRIEND], from(FRIEND, method, path)).await;
            let headers = response.headers();
            assert_eq!(value(headers, "access-control-allow-origin"), FRIEND);
            assert_eq!(value(headers, "access-control-expose-headers"), EXPOSED.to_str().unwrap());
            assert_eq!(value(headers, "vary"), "Accept-Encoding, Origin");
            assert_eq!(value(headers, "access-control-allow-credentials"), "");
        }
    }

    #[actix_web::test]
    async fn nobody_else_is_told_anything() {
        for (origins, origin, path) in [
            (&[FRIEND][..], "https://evil.example", "/hls/x/master.m3u8"),
            (&[FRIEND], "null", "/api/videos"),
            (&[FRIEND], FRIEND, "/watch/x"),
            (&[], FRIEND, "/hls/x/master.m3u8"),
        ] {
            for method in [Method::GET, Method::POST, Method::OPTIONS] {
                let request = from(origin, method, path).insert_header(("access-control-request-method", "GET"));
                let response = asked(origins, request).await;
                let said = response.headers().keys().any(|name| name.as_str().starts_with("access-control"));
                assert!(!said, "{origin} {path}");
            }
        }
        let response = asked(&[FRIEND], test::TestRequest::get().uri("/api/videos")).await;
        assert_eq!(value(response.headers(), "vary"), "Accept-Encoding, Origin");
        let response = asked(&[], test::TestRequest::get().uri("/api/videos")).await;
        assert_eq!(value(response.headers(), "vary"), "Accept-Encoding");
    }

    #[actix_web::test]
    async fn a_preflight_allows_parts_of_segments_and_uploads_with_a_name() {
        for (path, method) in [
            ("/hls/x/v0/1.m4s", "GET"),
            ("/api/upload", "POST"),
            ("/api/uploads/x", "PATCH"),
            ("/api/videos/x", "DELETE"),
        ] {
            let request = from(FRIEND, Method::OPTIONS, path);
            let response = asked(&[FRIEND], request.insert_header(("access-control-request-method", method))).await;
            assert_eq!(response.status(), 204);
            let headers = response.headers();
            assert_eq!(value(headers, "access-control-allow-origin"), FRIEND);
            assert_eq!(value(headers, "access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
            let allowed = value(headers, "access-control-allow-headers");
            for name in
                ["Content-Type", "Upload-Id", "Range", "If-Range", "If-None-Match", "Tus-Resumable", "Upload-Offset"]
            {
                assert!(allowed.split(", ").any(|allowed| allowed == name), "{name} is not in {allowed}");
            }
        }
    }
}
