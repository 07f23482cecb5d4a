//! Plain HTTP or HTTPS. This server speaks plain HTTP; a proxy on the same machine may end TLS for
//! it and says so in `X-Forwarded-Proto`, which is believed only when the owner configured a proxy.
//!
//! Programs beside the server come without a proxy and without TLS. Those that watch it ask a few
//! addresses; a command shows its token instead, which no page and no visitor has.

use super::auth::AdminToken;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Browsers keep to HTTPS for half a year.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=15768000");

/// Paths that what watches the server asks without a proxy.
const EXEMPT: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// How requests come in, from the configuration. Registered as `web::Data`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transport {
    /// Whether plain HTTP is sent to HTTPS.
    pub force_https: bool,
    /// Whether a proxy on this machine is believed.
    pub behind_proxy: bool,
}

/// Middleware: sends plain requests to HTTPS if that is wanted. Stands inside `origin::guard`, so
/// that only a name this server answers to gets into the address.
///
/// # Errors
/// Those of the inner service.
pub async fn force<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let transport = request.app_data::<web::Data<Transport>>().map(|transport| ***transport).unwrap_or_default();
    if !transport.force_https || EXEMPT.contains(&request.path()) || is_command(&request) {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    if transport.behind_proxy && came_by_tls(&request) {
        let mut response = next.call(request).await?;
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
        return Ok(response.map_into_left_body());
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let address = format!("https://{host}{}", request.uri().path_and_query().map_or("/", |path| path.as_str()));
    let answer = HttpResponse::PermanentRedirect().insert_header((header::LOCATION, address)).finish();
    Ok(request.into_response(answer).map_into_right_body())
}

/// Whether a command beside the server asks: it shows the token from the data folder.
fn is_command(request: &ServiceRequest) -> bool {
    let admin = request.app_data::<web::Data<AdminToken>>();
    admin.is_some_and(|admin| admin.check(request.request()).is_ok())
}

/// What the nearest proxy says: the last word of the last field.
fn came_by_tls(request: &ServiceRequest) -> bool {
    let last = request.headers().get_all(FORWARDED_PROTO).last().and_then(|field| field.to_str().ok());
    last.and_then(|words| words.rsplit(',').next()).is_some_and(|word| word.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::middleware::from_fn;
    use actix_web::{App, test};

    async fn answer(transport: Transport, path: &str, proto: Option<&str>) -> (u16, Option<String>) {
        let request = test::TestRequest::get().uri(path);
        answer_to(
            transport,
            proto.into_iter().fold(request, |request, proto| request.insert_header((FORWARDED_PROTO, proto))),
        )
        .await
    }

    async fn answer_to(transport: Transport, request: test::TestRequest) -> (u16, Option<String>) {
        let app = App::new()
            .app_data(web::Data::new(transport))
            .app_data(web::Data::new(AdminToken::new("s3cret").unwrap()))
            .wrap(from_fn(force))
            .default_service(web::to(HttpResponse::Ok));
        let app = test::init_service(app).await;
        let request = request.insert_header((header::HOST, "films.example")).to_request();
        let response = test::call_service(&app, request).await;
        let location = response.headers().get(header::LOCATION).map(|place| place.to_str().unwrap().to_owned());
        (response.status().as_u16(), location)
    }

    #[actix_web::test]
    async fn plain_requests_are_sent_to_https_only_where_that_is_wanted() {
        let forced = Transport { force_https: true, behind_proxy: true };
        let moved = (308, Some("https://films.example/watch?x=1".to_owned()));
        assert_eq!(answer(forced, "/watch?x=1", None).await, moved);
        assert_eq!(answer(forced, "/watch?x=1", Some("http")).await, moved);
        assert_eq!(answer(forced, "/watch?x=1", Some("https, http")).await, moved);
        assert_eq!(answer(forced, "/watch?x=1", Some("https")).await, (200, None));
        for watched in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(answer(forced, watched, None).await, (200, None), "{watched}");
        }
        assert_eq!(answer(Transport::default(), "/watch?x=1", None).await, (200, None));
    }

    #[actix_web::test]
    async fn a_command_that_shows_the_token_needs_no_tls_and_a_wrong_token_helps_nobody() {
        let forced = Transport { force_https: true, behind_proxy: true };
        for (token, status) in [("Bearer s3cret", 200), ("Bearer guess", 308)] {
            let order = test::TestRequest::post().uri("/api/imports").insert_header((header::AUTHORIZATION, token));
            assert_eq!(answer_to(forced, order).await.0, status, "{token}");
        }
    }

    #[actix_web::test]
    async fn a_proxy_nobody_configured_is_not_believed() {
        let alone = Transport { force_https: true, behind_proxy: false };
        assert_eq!(answer(alone, "/", Some("https")).await.0, 308);
    }
}
