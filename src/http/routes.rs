//! Every address the server answers.

use super::body::get_or_head;
use super::{assets, bots, events, health, imports, openapi, pages, playback, system, upload, videos};
use actix_web::web::{ServiceConfig, delete, get, patch, post, resource, to};

/// The whole table. What is not in it is a page that says so, or a problem under `/api`.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/").route(get_or_head().to(pages::library)))
        .service(resource("/watch/{id}").route(get_or_head().to(pages::watch)))
        .service(resource("/system").route(get_or_head().to(pages::system)))
        .service(resource("/api/docs").route(get_or_head().to(pages::api)))
        .service(resource(assets::ROUTE).route(get_or_head().to(assets::serve)))
        .service(resource("/favicon.svg").route(get_or_head().to(assets::favicon)))
        .service(resource("/hls/{video}/master.m3u8").route(get_or_head().to(playback::master_playlist)))
        .service(resource("/hls/{video}/{track}/playlist.m3u8").route(get_or_head().to(playback::media_playlist)))
        .service(resource("/hls/{video}/{track}/{segment}").route(get_or_head().to(playback::segment)))
        .service(resource("/media/{video}/poster.jpg").route(get_or_head().to(playback::poster)))
        .service(resource("/api/upload").route(post().to(upload::upload_video)))
        .service(resource("/api/upload/{id}/progress").route(get().to(upload::upload_progress)))
        .service(resource("/api/imports").route(get().to(imports::check_token)).route(post().to(imports::import_video)))
        .service(resource("/api/videos").route(get().to(videos::list_videos)))
        .service(
            resource("/api/videos/{id}")
                .route(get().to(videos::show_video))
                .route(patch().to(videos::change_video))
                .route(delete().to(videos::delete_video)),
        )
        .service(resource("/api/videos/{id}/status").route(get().to(videos::video_status)))
        .service(resource("/api/videos/{id}/restore").route(post().to(videos::restore_video)))
        .service(resource("/api/videos/{id}/retry").route(post().to(videos::retry_video)))
        .service(resource("/api/videos/{id}/cancel").route(post().to(videos::cancel_video)))
        .service(resource("/api/system/status").route(get().to(system::system_status)))
        .service(resource("/api/system/cache/stats").route(get().to(system::cache_stats)))
        .service(resource("/api/system/cache/clear").route(post().to(system::clear_cache)))
        .service(resource("/api/system/bots/status").route(get().to(bots::bots_status)))
        .service(resource("/api/system/bots/test").route(post().to(bots::test_bots)))
        .service(resource("/api/system/migrate").route(get().to(bots::migration)).route(post().to(bots::migrate)))
        .service(resource("/api/events").route(get().to(events::listen)))
        .service(resource("/api/openapi.json").route(get_or_head().to(openapi::describe_api)))
        .service(resource("/healthz").route(get_or_head().to(health::alive)))
        .service(resource("/readyz").route(get_or_head().to(health::ready)))
        .service(resource("/metrics").route(get().to(health::metrics)))
        .default_service(to(pages::not_found));
}

#[cfg(test)]
pub(super) mod tests;
