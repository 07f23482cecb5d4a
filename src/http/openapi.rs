//! The API's own description, made from the handlers: `/api/openapi.json`.

use super::admission::Kind;
use super::auth::Grant;
use super::conditional::Freshness;
use super::text::Text;
use super::{
    bots, download, events, health, imports, jobs, playback, posters, problem, subtitles, system, tus, upload, videos,
};
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use std::sync::LazyLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi, ToSchema};

/// Why a request failed (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemView {
    /// Names the kind of problem.
    r#type: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What happened, why, and what to do; for people.
    detail: String,
    /// Stable word for machines.
    code: String,
    /// The film it is about, with `already_in_library`.
    video_id: Option<String>,
    /// Most bytes accepted, with `too_large`.
    limit: Option<u64>,
    /// Seconds to wait, with `busy` and `too_many_requests`.
    retry_after_s: Option<u64>,
}

/// Everything there is but the pages and their files.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Telecine",
        description = "Films come in by upload or import, are prepared for players, and are played over HLS. \
            Times are in seconds, sizes in bytes. Every error is problem JSON with a stable `code`."
    ),
    tags(
        (name = "videos", description = "The library."),
        (name = "upload", description = "Films coming in."),
        (name = "playback", description = "What players ask for."),
        (name = "system", description = "How the server is."),
        (name = "health", description = "For machines that watch the server."),
    ),
    paths(
        videos::list_videos, videos::show_video, videos::change_video, videos::delete_video, videos::video_status,
        videos::restore_video, videos::retry_video, videos::cancel_video,
        subtitles::add_subtitles, subtitles::remove_subtitles, posters::list_posters, posters::set_poster,
        upload::upload_video, upload::upload_progress, imports::check_token, imports::import_video,
        tus::describe, tus::create, tus::offset, tus::append, tus::terminate, tus::override_method,
        playback::master_playlist, playback::master_with_mp3, playback::media_playlist, playback::growing_master_playlist, playback::growing_media_playlist, playback::i_frame_playlist, playback::thumbnails,
        playback::segment, playback::poster, playback::chapters, playback::chapters_as_json, download::original,
        jobs::pause_job, jobs::resume_job, jobs::prioritise_job, system::system_status, system::cache_stats, system::clear_cache, system::probe_encoders,
        bots::bots_status, bots::test_bots, bots::migrate, bots::migration, bots::affected, events::listen, describe_api,
        health::alive, health::ready, health::metrics,
    ),
    modifiers(&AdminScheme, &TurnedAway, &TooSlow, &ProblemType),
)]
pub(super) struct Description;

/// The token of commands beside the server.
struct AdminScheme;

impl Modify for AdminScheme {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("admin", SecurityScheme::Http(bearer));
    }
}

/// What those may hear for whom there is no room.
struct TurnedAway;

impl Modify for TurnedAway {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut description.paths.paths {
            let operations = [
                (Method::GET, &mut item.get),
                (Method::POST, &mut item.post),
                (Method::PUT, &mut item.put),
                (Method::PATCH, &mut item.patch),
            ];
            for (_, operation) in operations.into_iter().filter(|(method, _)| Kind::at(path, method, true).is_some()) {
                let Some(operation) = operation else { continue };
                let why = "The server has no room for it now (`busy`), or this address has its share of it under way \
                           (`too_many_requests`); Retry-After says when";
                describe(operation, "503", why);
            }
        }
    }
}

/// What those hear that send their body too slowly.
struct TooSlow;

impl Modify for TooSlow {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut description.paths.paths {
            let operations =
                [(Method::POST, &mut item.post), (Method::PUT, &mut item.put), (Method::PATCH, &mut item.patch)];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                if operation.request_body.is_some() || Kind::at(path, &method, false) == Some(Kind::Upload) {
                    describe(operation, "408", "Too little of the body came for too long (`timed_out`)");
                }
            }
        }
    }
}

/// Unless its handler says more about it.
fn describe(operation: &mut Operation, status: &str, why: &str) {
    let content = Content::new(Some(Ref::from_schema_name("ProblemView")));
    let answer = ResponseBuilder::new().description(why).content("application/json", content).build();
    operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(answer));
}

/// The media type of every error, which goes without saying at each handler.
struct ProblemType;

impl Modify for ProblemType {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let items = description.paths.paths.values_mut();
        let operations =
            items.flat_map(|item| [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]);
        let answers = operations.flatten().flat_map(|operation| &mut operation.responses.responses);
        for (_, answer) in answers.filter(|(status, _)| status.starts_with(['4', '5'])) {
            if let RefOr::T(answer) = answer
                && let Some(content) = answer.content.shift_remove("application/json")
            {
                answer.content.insert(problem::MEDIA_TYPE.to_owned(), content);
            }
        }
    }
}

static TEXT: LazyLock<Text> = LazyLock::new(|| {
    Text::new(Description::openapi().to_json().expect("a description made of strings and maps is JSON"))
});

/// Describe this API
///
/// There is a page for reading it at `/api/docs`.
#[utoipa::path(get, path = "/api/openapi.json", tag = "system", responses(
    (status = 200, description = "This description", body = Object),
))]
pub(super) async fn describe_api(_: Grant, request: HttpRequest) -> HttpResponse {
    TEXT.answer(&request, "application/json", Freshness::Revalidate)
}
