//! Plain HTTP or HTTPS. This server speaks plain HTTP; a proxy on the same machine may end TLS for
//! it and says so in `X-Forwarded-Proto`, which is believed only when the owner configured a proxy.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Browsers keep to HTTPS for half a year.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=15768000");

/// Paths that a supervisor on this machine asks without a proxy.
const EXEMPT: [&str; 2] = ["/healthz", "/readyz"];

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
    if !transport.force_https || EXEMPT.contains(&request.path()) {
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
        let app = App::new()
            .app_data(web::Data::new(transport))
            .wrap(from_fn(force))
            .default_service(web::to(HttpResponse::Ok));
        let app = test::init_service(app).await;
        let mut request = test::TestRequest::get().uri(path).insert_header((header::HOST, "films.example"));
        if let Some(proto) = proto {
            request = request.insert_header((FORWARDED_PROTO, proto));
        }
        let response = test::call_service(&app, request.to_request()).await;
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
        assert_eq!(answer(forced, "/healthz", None).await, (200, None));
        assert_eq!(answer(Transport::default(), "/watch?x=1", None).await, (200, None));
    }

    #[actix_web::test]
    async fn a_proxy_nobody_configured_is_not_believed() {
        let alone = Transport { force_https: true, behind_proxy: false };
        assert_eq!(answer(alone, "/", Some("https")).await.0, 308);
    }
}
