use super::{api, library, not_found, system, watch};
use crate::http::assets::Assets;
use actix_web::dev::ServiceResponse;
use actix_web::http::{StatusCode, header};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};

async fn page(path: &str, cookie: &str) -> ServiceResponse {
    let app = init_service(
        App::new()
            .app_data(web::Data::new(Assets::load()))
            .route("/", web::get().to(library))
            .route("/watch/{id}", web::get().to(watch))
            .route("/system", web::get().to(system))
            .route("/api/docs", web::get().to(api))
            .default_service(web::to(not_found)),
    )
    .await;
    call_service(&app, TestRequest::get().uri(path).insert_header((header::COOKIE, cookie)).to_request()).await
}

async fn html(path: &str, cookie: &str) -> String {
    String::from_utf8(read_body(page(path, cookie).await).await.to_vec()).unwrap()
}

#[actix_web::test]
async fn every_page_carries_the_policy() {
    for path in ["/", "/watch/0198c0de-0000-7000-8000-000000000000", "/system", "/api/docs", "/nowhere"] {
        let answer = page(path, "").await;
        let header = |name| answer.headers().get(name).unwrap().to_str().unwrap();
        let policy = header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(header(header::REFERRER_POLICY), "same-origin", "{path}");
    }
}

#[actix_web::test]
async fn the_chosen_theme_is_in_the_first_byte_sent() {
    assert!(html("/", "a=b; theme=light").await.contains("data-theme=\"light\""));
    assert!(html("/", "theme=dark").await.contains("data-theme=\"dark\""));
    assert!(!html("/", "theme=\"><script>").await.contains("data-theme"));
}

#[actix_web::test]
async fn an_address_that_names_no_video_is_not_found() {
    let answer = page("/watch/%3Cscript%3E", "").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert!(!String::from_utf8_lossy(&read_body(answer).await).contains("<script>"));
}

#[actix_web::test]
async fn the_watch_page_names_its_video() {
    let id = "0198c0de-0000-7000-8000-000000000000";
    assert!(html(&format!("/watch/{id}"), "").await.contains(&format!("data-video=\"{id}\"")));
}

#[actix_web::test]
async fn nothing_is_inline() {
    for path in ["/", "/watch/0198c0de-0000-7000-8000-000000000000", "/system", "/api/docs", "/nowhere"] {
        let html = html(path, "").await;
        assert!(!html.contains(" style=") && !html.contains("<style"), "{path} has an inline style");
        assert!(!html.contains(" onclick=") && !html.contains("javascript:"), "{path} has an inline handler");
        let scripts = html.matches("<script").count();
        assert_eq!(scripts, html.matches("<script type=\"module\" src=\"/assets/").count(), "{path}");
    }
}
