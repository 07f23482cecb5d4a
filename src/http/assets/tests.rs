use super::{Assets, ROUTE, Web, favicon, media_type, serve};
use actix_web::dev::ServiceResponse;
use actix_web::http::{StatusCode, header};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

async fn fetch(request: TestRequest) -> ServiceResponse {
    let app = init_service(
        App::new()
            .app_data(web::Data::new(Assets::load()))
            .route(ROUTE, web::get().to(serve))
            .route("/favicon.svg", web::get().to(favicon)),
    )
    .await;
    call_service(&app, request.to_request()).await
}

fn header_of(answer: &ServiceResponse, name: header::HeaderName) -> &str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn text(path: &str) -> String {
    String::from_utf8(Web::get(path).unwrap_or_else(|| panic!("{path} is missing")).data.into_owned()).unwrap()
}

/// What stands between `before` and the next `after`, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(found, _)| found).collect()
}

fn templates() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

fn modules() -> Vec<(String, String)> {
    let names = Web::iter().filter(|name| name.starts_with("app/"));
    names.map(|name| (name.to_string(), text(&name))).collect()
}

#[test]
fn the_set_hash_is_stable() {
    assert_eq!(Assets::load().set_hash(), Assets::load().set_hash());
    assert_eq!(Assets::load().set_hash().len(), 16);
}

#[test]
fn media_types_are_what_browsers_insist_on() {
    for (name, wanted) in [
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.none", "application/octet-stream"),
    ] {
        assert_eq!(media_type(name).replace("application/javascript", "text/javascript"), wanted);
    }
}

#[test]
fn every_file_a_template_names_exists() {
    let assets = Assets::load();
    for (template, html) in templates() {
        for path in between(&html, "shell.url(\"", "\")") {
            assert!(assets.contains(path), "{template} names {path}");
        }
    }
}

#[test]
fn every_module_a_module_imports_exists() {
    let assets = Assets::load();
    for (module, script) in modules() {
        for path in between(&script, "from './", "'").into_iter().chain(between(&script, "import('./", "'")) {
            assert!(assets.contains(&format!("app/{path}")), "{module} imports {path}");
        }
    }
}

#[test]
fn every_icon_that_is_named_is_in_the_sprite() {
    let sprite = text("icons.svg");
    let known: BTreeSet<&str> = between(&sprite, "<symbol id=\"", "\"").into_iter().collect();
    for (template, html) in templates() {
        for icon in between(&html, "icons.svg\") }}#", "\"") {
            assert!(known.contains(icon), "{template} names {icon}");
        }
    }
    for (module, script) in modules() {
        for icon in between(&script, "icon('", "'").into_iter().chain(between(&script, "icon: '", "'")) {
            assert!(known.contains(icon), "{module} names {icon}");
        }
    }
}

#[test]
fn markup_is_never_made_from_strings() {
    for (module, script) in modules() {
        for banned in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!script.contains(banned), "{module} uses {banned}");
        }
    }
}

#[test]
fn requests_have_one_home() {
    for (module, script) in modules().into_iter().filter(|(module, _)| module != "app/api.js") {
        for banned in [" fetch(", "XMLHttpRequest", "new EventSource"] {
            assert!(!script.contains(banned), "{module} uses {banned}");
        }
    }
}

#[actix_web::test]
async fn a_file_of_the_set_may_be_kept_for_ever() {
    let answer = fetch(TestRequest::get().uri(&Assets::load().url("css/tokens.css"))).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header_of(&answer, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(header_of(&answer, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(header_of(&answer, header::CONTENT_ENCODING), "");
    assert_eq!(read_body(answer).await, text("css/tokens.css"));
}

#[actix_web::test]
async fn text_is_sent_compressed_to_who_takes_it() {
    let request = TestRequest::get().uri(&Assets::load().url("css/tokens.css"));
    let answer = fetch(request.insert_header((header::ACCEPT_ENCODING, "br;q=0, gzip"))).await;
    assert_eq!(header_of(&answer, header::CONTENT_ENCODING), "gzip");
    assert_eq!(header_of(&answer, header::VARY), "Accept-Encoding");
    let mut plain = String::new();
    GzDecoder::new(&read_body(answer).await[..]).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, text("css/tokens.css"));
}

#[actix_web::test]
async fn a_known_tag_is_answered_without_the_file() {
    let first = fetch(TestRequest::get().uri("/favicon.svg")).await;
    assert_eq!(first.status(), StatusCode::OK);
    let tag = header_of(&first, header::ETAG).to_owned();
    let second = fetch(TestRequest::get().uri("/favicon.svg").insert_header((header::IF_NONE_MATCH, tag))).await;
    assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    assert!(read_body(second).await.is_empty());
}

#[actix_web::test]
async fn another_sets_hash_finds_nothing() {
    for path in ["/assets/0123456789abcdef/css/tokens.css".to_owned(), Assets::load().url("css/../../Cargo.toml")] {
        assert_eq!(fetch(TestRequest::get().uri(&path)).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
