//! Which names this server answers to, and which pages may make a browser write to it.
//!
//! A page of a stranger can send requests here from the owner's browser. Writes therefore need an
//! origin we know. And a stranger's name can be made to point at this machine (DNS rebinding),
//! which would make that page our own: so requests for unknown names are refused altogether.

use super::error::ApiError;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::uri::Authority;
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a page comes from: scheme, host and port, in a browser's spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    text: String,
    host: String,
}

/// The text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin like https://example.org or http://localhost:8080 (no path, no *)")]
pub struct NotAnOrigin;

/// Whom this server trusts, from the configuration. Registered as `web::Data`.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    /// Pages that may read from and write to it, be they elsewhere or this server's own under a
    /// public name. Their hosts are names the server answers to: a page that is trusted anyway gains
    /// nothing by pointing its name here.
    pub origins: Vec<Origin>,
}

impl FromStr for Origin {
    type Err = NotAnOrigin;
    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let text = text.trim().to_ascii_lowercase();
        let (scheme, place) = text.split_once("://").ok_or(NotAnOrigin)?;
        let authority: Authority = place.trim_end_matches('/').parse().map_err(|_| NotAnOrigin)?;
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(NotAnOrigin),
        };
        let place = authority.as_str();
        if place.contains(['@', '*']) || authority.host().is_empty() {
            return Err(NotAnOrigin);
        }
        // Browsers never write the port that goes without saying.
        let text = format!("{scheme}://{}", place.strip_suffix(default_port).unwrap_or(place));
        Ok(Self { text, host: authority.host().to_owned() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(out)
    }
}

impl Trusted {
    /// Whether a page of this origin may read from and write to the server.
    pub fn admits(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|known| known.text.as_bytes() == origin.as_bytes())
    }

    /// Whether the server has this name: one of this machine's, or that of a trusted origin.
    fn answers_to(&self, authority: &Authority) -> bool {
        let host = authority.host().trim_end_matches('.');
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let lower = host.to_ascii_lowercase();
        let near = address.is_ok_and(|address| address.is_loopback())
            // Browsers resolve all of these to this machine by themselves.
            || lower == "localhost"
            || lower.ends_with(".localhost");
        let named = || self.origins.iter().any(|known| known.host == lower);
        !authority.as_str().contains('@') && (near || named())
    }

    fn check(&self, request: &ServiceRequest) -> Result<(), ApiError> {
        let asked = authorities(request).ok_or(ApiError::Misdirected)?;
        if asked.is_empty() || !asked.iter().all(|authority| self.answers_to(authority)) {
            return Err(ApiError::Misdirected);
        }
        if request.method().is_safe() {
            return Ok(());
        }
        let origins: Vec<&HeaderValue> = request.headers().get_all(header::ORIGIN).collect();
        if !origins.is_empty() && origins.iter().all(|origin| self.admits(origin)) {
            return Ok(());
        }
        // Programs send no origin; browsers that hide it still say that it is another one.
        let own = origins.iter().all(|origin| is_own(origin, &asked));
        let cross_site = request.headers().get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site");
        if own && !cross_site { Ok(()) } else { Err(refused()) }
    }
}

/// Middleware: 421 for names that are not this server's, 403 for writes from pages of strangers.
///
/// # Errors
/// Those of the inner service.
pub async fn guard<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let verdict = match request.app_data::<web::Data<Trusted>>() {
        Some(trusted) => trusted.check(&request),
        None => Trusted::default().check(&request),
    };
    match verdict {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(error) => Ok(request.into_response(error.error_response()).map_into_right_body()),
    }
}

/// Every name the request was sent to: HTTP/2 and proxies put it in the address, others in `Host`.
/// `None` when one of them is not a name.
fn authorities(request: &ServiceRequest) -> Option<Vec<Authority>> {
    let mut all: Vec<Authority> = request.uri().authority().cloned().into_iter().collect();
    for host in request.headers().get_all(header::HOST) {
        all.push(Authority::try_from(host.as_bytes()).ok()?);
    }
    Some(all)
}

/// Whether the page came from this server. The scheme is not compared: behind a proxy that ends TLS
/// only the browser knows it.
fn is_own(origin: &HeaderValue, asked: &[Authority]) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|text| text.parse::<Origin>().ok()) else {
        return false;
    };
    let place = origin.text.split_once("://").map_or("", |(_, place)| place);
    asked.iter().all(|authority| {
        let own = authority.as_str().to_ascii_lowercase();
        own == place || own == format!("{place}:80") || own == format!("{place}:443")
    })
}

fn refused() -> ApiError {
    ApiError::Forbidden("a page of another origin may not do this; list it in CORS_ALLOWED_ORIGINS to allow it".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::Method;
    use actix_web::test::TestRequest;

    fn trusted() -> Trusted {
        Trusted { origins: ["https://app.example", "https://films.example"].map(|text| text.parse().unwrap()).into() }
    }

    fn status(method: &Method, headers: &[(&'static str, &str)]) -> u16 {
        let mut request = TestRequest::default().method(method.clone()).uri("/api/upload");
        for header in headers {
            request = request.append_header(*header);
        }
        trusted()
            .check(&request.to_srv_request())
            .map_or_else(|error| error.error_response().status().as_u16(), |()| 200)
    }

    #[test]
    fn the_server_answers_to_its_own_names_only() {
        for (host, expected) in [
            ("localhost:5050", 200),
            ("LOCALHOST", 200),
            ("films.localhost:5050", 200),
            ("127.0.0.1:5050", 200),
            ("127.9.9.9", 200),
            ("[::1]:5050", 200),
            ("films.example:443", 200),
            ("Films.Example.", 200),
            ("evil.example", 421),
            ("localhost.evil.example", 421),
            ("evillocalhost", 421),
            ("127.0.0.1.evil.example", 421),
            ("127.0.0.1@evil.example", 421),
            ("evil@localhost", 421),
            ("192.168.1.5:5050", 421),
            ("a b", 421),
            ("", 421),
        ] {
            assert_eq!(status(&Method::GET, &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status(&Method::GET, &[]), 421);
        assert_eq!(status(&Method::GET, &[("host", "localhost"), ("host", "evil.example")]), 421);
        assert_eq!(status(&Method::GET, &[("host", "evil.example"), ("x-forwarded-host", "localhost")]), 421);
    }

    #[test]
    fn pages_of_strangers_cannot_write() {
        let host = ("host", "localhost:5050");
        for (headers, expected) in [
            (vec![], 200),
            (vec![("origin", "http://localhost:5050")], 200),
            (vec![("origin", "https://localhost:5050"), ("sec-fetch-site", "same-origin")], 200),
            (vec![("origin", "https://app.example"), ("sec-fetch-site", "cross-site")], 200),
            (vec![("origin", "http://localhost:5051"), ("sec-fetch-site", "same-site")], 403),
            (vec![("origin", "http://localhost")], 403),
            (vec![("origin", "https://evil.example")], 403),
            (vec![("origin", "https://app.example.evil")], 403),
            (vec![("origin", "https://app.example"), ("origin", "https://evil.example")], 403),
            (vec![("origin", "null")], 403),
            (vec![("origin", "")], 403),
            (vec![("sec-fetch-site", "cross-site")], 403),
            (vec![("origin", "http://localhost:5050"), ("sec-fetch-site", "cross-site")], 403),
        ] {
            let headers = [vec![host], headers].concat();
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(status(&method, &headers), expected, "{method} {headers:?}");
            }
            assert_eq!(status(&Method::GET, &headers), 200, "reading is for cors to settle: {headers:?}");
        }
    }

    #[test]
    fn a_server_on_the_default_port_knows_its_own_pages() {
        for host in ["localhost", "LocalHost:443", "localhost:80"] {
            assert_eq!(status(&Method::POST, &[("host", host), ("origin", "https://localhost")]), 200, "{host}");
        }
    }

    #[test]
    fn an_origin_is_read_in_a_browsers_spelling() {
        for (text, origin) in [
            ("https://App.Example:443/", "https://app.example"),
            ("http://localhost:80", "http://localhost"),
            (" http://[::1]:8080 ", "http://[::1]:8080"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), origin);
        }
        for wrong in [
            "",
            "*",
            "null",
            "https://*",
            "https://a.example/path",
            "ftp://a.example",
            "a.example",
            "https://u@a",
            "https://",
        ] {
            assert_eq!(wrong.parse::<Origin>(), Err(NotAnOrigin), "{wrong}");
        }
    }
}
