//! Headers that tell browsers to be strict with what we send.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;

/// Everything comes from this server; players make `blob:` media and workers; styles of custom
/// elements stand inline, scripts never do; nobody frames our pages.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; \
     media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

/// Middleware: no guessing of types and no addresses told to other sites; on pages, the content
/// policy. What a handler set itself stays.
///
/// # Errors
/// Those of the inner service.
pub async fn headers<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut set = |name: HeaderName, value: HeaderValue| {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    };
    set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if is_page {
        set(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpResponse, test, web};

    #[actix_web::test]
    async fn everything_is_taken_for_what_it_says_and_pages_run_no_foreign_script() {
        let page = || async { HttpResponse::Ok().content_type("text/html; charset=utf-8").body("x") };
        let app = App::new().wrap(from_fn(headers)).route("/", web::get().to(page));
        let app = test::init_service(app).await;
        let page = test::call_service(&app, test::TestRequest::get().uri("/").to_request()).await;
        let policy = page.headers().get("content-security-policy").unwrap().to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
        let none = test::call_service(&app, test::TestRequest::get().uri("/none").to_request()).await;
        assert_eq!(none.headers().get("x-content-type-options").unwrap(), "nosniff");
        assert!(!none.headers().contains_key("content-security-policy"));
    }
}
