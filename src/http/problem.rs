//! Problem JSON (RFC 9457): its shape, and the errors the web framework makes by itself put into
//! it, so that a caller under `/api` never has to read anything else.

use super::error::ApiError;
use super::pace::is_too_slow;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use serde_json::{Map, Value};

/// Longest JSON body in bytes; uploads are never JSON.
pub const MAX_JSON: usize = 64 * 1024;

/// Media type of every error under the API.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static(MEDIA_TYPE);

/// A problem about to be shown.
pub(super) struct Problem {
    status: StatusCode,
    fields: Map<String, Value>,
}

impl Problem {
    /// With the fields every problem has. The title is the status in words.
    pub(super) fn new(status: StatusCode, code: &str, detail: String) -> Self {
        let mut fields = Map::new();
        fields.insert("type".into(), format!("urn:telecine:problem:{code}").into());
        fields.insert("title".into(), status.canonical_reason().unwrap_or("Error").into());
        fields.insert("status".into(), status.as_u16().into());
        fields.insert("detail".into(), detail.into());
        fields.insert("code".into(), code.into());
        Self { status, fields }
    }

    /// With a field of its own kind.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    pub(super) fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        // A failure says nothing about the next attempt.
        response.insert_header((header::CONTENT_TYPE, CONTENT_TYPE)).insert_header((header::CACHE_CONTROL, "no-store"));
        response.body(Value::Object(self.fields).to_string())
    }
}

/// Makes bad JSON, query strings and path parameters fail as `ApiError`s. For `App::configure`.
pub fn extractors(config: &mut web::ServiceConfig) {
    config
        .app_data(web::JsonConfig::default().limit(MAX_JSON).error_handler(|error, _| bad_json(&error).into()))
        .app_data(web::QueryConfig::default().error_handler(|error, _| bad_query(&error).into()))
        .app_data(web::PathConfig::default().error_handler(|error, _| bad_path(&error).into()));
}

/// Middleware: gives the framework's own errors under `/api` (no route, wrong method, broken body)
/// the shape of a problem. Headers of the answer stay.
///
/// # Errors
/// Those of the inner service.
pub async fn shape<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    // As routes match it, without its escapes.
    let ours = request.match_info().as_str().starts_with("/api/");
    let response = next.call(request).await?;
    let status = response.status();
    let shaped = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == CONTENT_TYPE);
    if !ours || shaped || !(status.is_client_error() || status.is_server_error()) {
        return Ok(response.map_into_left_body());
    }
    let (_, body) = of_status(status).into_parts();
    let mut response = response.map_body(|_, _| EitherBody::right(body));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().remove(header::CONTENT_ENCODING);
    response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
    Ok(response)
}

fn of_status(status: StatusCode) -> HttpResponse {
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => {
            ("not_found".into(), "there is nothing at this address; /api/openapi.json lists what there is".into())
        }
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed".into(), ApiError::MethodNotAllowed.to_string()),
        other => (format!("http_{}", other.as_u16()), "the request could not be handled".into()),
    };
    let code: String = code;
    Problem::new(status, &code, detail).into_response()
}

fn bad_json(error: &JsonPayloadError) -> ApiError {
    match error {
        JsonPayloadError::OverflowKnownLength { limit, .. } | JsonPayloadError::Overflow { limit } => {
            ApiError::TooLarge { limit: *limit as u64 }
        }
        JsonPayloadError::ContentType => {
            ApiError::UnsupportedMedia("the body must be JSON; send `Content-Type: application/json`".into())
        }
        JsonPayloadError::Deserialize(why) => {
            ApiError::BadRequest(format!("the body is not the JSON expected here: {why}").into())
        }
        JsonPayloadError::Payload(error) if is_too_slow(error) => ApiError::TimedOut,
        _ => ApiError::BadRequest("the body could not be read to its end".into()),
    }
}

fn bad_query(error: &QueryPayloadError) -> ApiError {
    match error {
        QueryPayloadError::Deserialize(why) => {
            ApiError::BadRequest(format!("the query string is not what is expected here: {why}").into())
        }
        _ => ApiError::BadRequest("the query string could not be read".into()),
    }
}

/// A name that cannot be one names nothing.
fn bad_path(_: &PathError) -> ApiError {
    ApiError::NotFound("there is nothing at this address; its name is malformed".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::id::VideoId;
    use actix_web::middleware::from_fn;
    use actix_web::{App, test};

    async fn echo(body: web::Json<Vec<u32>>) -> String {
        format!("{:?}", body.0)
    }

    /// Status, `code` and media type of the answer.
    async fn asked(request: test::TestRequest) -> (u16, String, String) {
        let app = App::new()
            .wrap(from_fn(shape))
            .configure(extractors)
            .service(web::resource("/api/echo").route(web::post().to(echo)))
            .service(web::resource("/api/videos/{id}").route(web::get().to(|_: web::Path<VideoId>| async { "video" })))
            .service(
                web::resource("/api/broken").route(web::get().to(|| async { HttpResponse::BadGateway().body("x") })),
            )
            .service(
                web::resource("/api/ours").route(web::get().to(|| async { Err::<&str, _>(ApiError::no_such_video()) })),
            );
        let app = test::init_service(app).await;
        let response = test::call_service(&app, request.to_request()).await;
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(&test::read_body(response).await).unwrap_or_default();
        (status, body["code"].as_str().unwrap_or_default().to_owned(), kind.unwrap_or_default())
    }

    #[actix_web::test]
    async fn every_error_under_api_is_a_problem() {
        let json = |text: String| {
            test::TestRequest::post()
                .uri("/api/echo")
                .insert_header(("content-type", "application/json"))
                .set_payload(text)
        };
        for (request, status, code) in [
            (test::TestRequest::get().uri("/api/none"), 404, "not_found"),
            (test::TestRequest::get().uri("/api/echo"), 405, "method_not_allowed"),
            (test::TestRequest::get().uri("/api/videos/..%2f..%2fetc"), 404, "not_found"),
            (test::TestRequest::get().uri("/api/videos/%00"), 404, "not_found"),
            (test::TestRequest::get().uri("/api/broken"), 502, "http_502"),
            (test::TestRequest::get().uri("/api/ours"), 404, "not_found"),
            (json("{".into()), 400, "bad_request"),
            (json("[".repeat(60_000)), 400, "bad_request"),
            (json(format!("[{}1]", "1,".repeat(MAX_JSON))), 413, "too_large"),
            (test::TestRequest::post().uri("/api/echo").set_payload("[1]"), 415, "unsupported_media"),
        ] {
            let kind = "application/problem+json".to_owned();
            assert_eq!(asked(request).await, (status, code.to_owned(), kind), "{code}");
        }
    }

    #[actix_web::test]
    async fn what_is_not_an_error_or_not_under_api_stays() {
        let good = test::TestRequest::post().uri("/api/echo").set_json([1, 2]);
        assert_eq!(asked(good).await, (200, String::new(), "text/plain; charset=utf-8".into()));
        assert_eq!(asked(test::TestRequest::get().uri("/page")).await, (404, String::new(), String::new()));
    }
}
