//! The pages: small shells rendered here, filled by the modules of `web/app` through `/api`.
//!
//! A page knows the theme the visitor chose (a cookie, so that no flash and no inline script is needed)
//! and the addresses of its files, and no data at all: what it shows it asks for, like any other client.
//! Every page carries the same strict policy: nothing inline, nothing from elsewhere, no frames.

use crate::http::assets::Assets;
use crate::media::id::VideoId;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

#[cfg(test)]
mod tests;

/// What a page may load. `blob:` is for the media a script feeds to the player, `data:` for the empty text tracks
/// that it fills with subtitles.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; media-src 'self' blob: data:; worker-src 'self'; \
    style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Which entry of the navigation is lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Library,
    System,
    Api,
    Elsewhere,
}

/// What all pages share.
#[derive(Debug)]
struct Shell<'a> {
    assets: &'a Assets,
    place: Place,
    /// `dark` or `light`; without a choice the device decides.
    theme: Option<&'static str>,
}

impl<'a> Shell<'a> {
    fn new(request: &HttpRequest, assets: &'a Assets, place: Place) -> Self {
        Self { assets, place, theme: chosen_theme(request) }
    }

    fn url(&self, path: &str) -> String {
        self.assets.url(path)
    }

    fn is_at(&self, place: Place) -> bool {
        self.place == place
    }
}

#[derive(Template)]
#[template(path = "library.html")]
struct LibraryPage<'a> {
    shell: Shell<'a>,
}

#[derive(Template)]
#[template(path = "watch.html")]
struct WatchPage<'a> {
    shell: Shell<'a>,
    video: VideoId,
}

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage<'a> {
    shell: Shell<'a>,
}

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage<'a> {
    shell: Shell<'a>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: Shell<'a>,
    heading: &'a str,
    sentence: &'a str,
}

/// `GET /`: the library, and where films are added.
pub async fn library(request: HttpRequest, assets: web::Data<Assets>) -> HttpResponse {
    answer(StatusCode::OK, &LibraryPage { shell: Shell::new(&request, &assets, Place::Library) })
}

/// `GET /watch/{id}`: the player and what is known of one video. What is not an id is answered with 404;
/// whether the video exists is told by the page, which asks the API.
pub async fn watch(request: HttpRequest, assets: web::Data<Assets>, id: web::Path<String>) -> HttpResponse {
    match id.parse() {
        Ok(video) => {
            let shell = Shell::new(&request, &assets, Place::Elsewhere);
            answer(StatusCode::OK, &WatchPage { shell, video })
        }
        Err(_) => not_found(request, assets).await,
    }
}

/// `GET /system`: how the server is, what it works on, what it uses.
pub async fn system(request: HttpRequest, assets: web::Data<Assets>) -> HttpResponse {
    answer(StatusCode::OK, &SystemPage { shell: Shell::new(&request, &assets, Place::System) })
}

/// `GET /api/docs`: the API, readable.
pub async fn api(request: HttpRequest, assets: web::Data<Assets>) -> HttpResponse {
    answer(StatusCode::OK, &ApiPage { shell: Shell::new(&request, &assets, Place::Api) })
}

/// The page for an address where nothing is: 404.
pub async fn not_found(request: HttpRequest, assets: web::Data<Assets>) -> HttpResponse {
    let page = ErrorPage {
        shell: Shell::new(&request, &assets, Place::Elsewhere),
        heading: "Nothing is shown here",
        sentence: "The address may be mistyped, or the film behind it was deleted.",
    };
    answer(StatusCode::NOT_FOUND, &page)
}

fn answer(status: StatusCode, page: &impl Template) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::VARY, "Cookie"))
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"));
    match page.render() {
        Ok(html) => response.body(html),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            response.status(StatusCode::INTERNAL_SERVER_ERROR).body("This page could not be shown.")
        }
    }
}

/// The cookie `theme`, when it holds a theme there is. Browsers may send several `Cookie` headers (HTTP/2).
fn chosen_theme(request: &HttpRequest) -> Option<&'static str> {
    let headers = request.headers().get_all(header::COOKIE);
    let mut pairs = headers.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.find_map(|pair| match pair.trim() {
        "theme=dark" => Some("dark"),
        "theme=light" => Some("light"),
        _ => None,
    })
}
