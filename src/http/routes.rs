//! Every address the server answers.

use super::route::{at, delete, get, head, options, patch, post, put, read};
use super::{
    assets, bots, download, events, health, imports, jobs, openapi, pages, playback, posters, subtitles, system, tus,
    upload, videos,
};
use actix_web::web::{ServiceConfig, to};

/// The whole table. What is not in it is a page that says so, or a problem under `/api`. Addresses are compared from the
/// top: those that players ask for all the time stand there.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(at("/hls/{video}/{track}/playlist.m3u8", [read(playback::media_playlist)]))
        .service(at("/hls/{video}/master.m3u8", [read(playback::master_playlist)]))
        .service(at("/hls/{video}/{track}/iframes.m3u8", [read(playback::i_frame_playlist)]))
        .service(at("/hls/{video}/{track}/thumbnails.vtt", [read(playback::thumbnails)]))
        .service(at("/hls/{video}/{track}/growing.m3u8", [read(playback::growing_media_playlist)]))
        .service(at("/hls/{video}/{track}/{segment}", [read(playback::segment)]))
        .service(at("/hls/{video}/mp3.m3u8", [read(playback::master_with_mp3)]))
        .service(at("/hls/{video}/chapters.vtt", [read(playback::chapters)]))
        .service(at("/hls/{video}/chapters.json", [read(playback::chapters_as_json)]))
        .service(at("/hls/{video}/growing.m3u8", [read(playback::growing_master_playlist)]))
        .service(at("/", [read(pages::library)]))
        .service(at("/watch/{id}", [read(pages::watch)]))
        .service(at("/system", [read(pages::system)]))
        .service(at("/api/docs", [read(pages::api)]))
        .service(at(assets::ROUTE, [read(assets::serve)]))
        .service(at("/favicon.svg", [read(assets::favicon)]))
        .service(at("/media/{video}/poster.jpg", [read(playback::poster)]))
        .service(at("/media/{video}/original", [read(download::original)]))
        .service(at("/api/upload", [post(upload::upload_video)]))
        .service(at("/api/upload/{id}/progress", [get(upload::upload_progress)]))
        .service(at("/api/uploads", [options(tus::describe), post(tus::create)]))
        .service(at(
            "/api/uploads/{id}",
            [head(tus::offset), patch(tus::append), delete(tus::terminate), post(tus::override_method)],
        ))
        .service(at("/api/imports", [get(imports::check_token), post(imports::import_video)]))
        .service(at("/api/videos", [get(videos::list_videos)]))
        .service(at(
            "/api/videos/{id}",
            [get(videos::show_video), patch(videos::change_video), delete(videos::delete_video)],
        ))
        .service(at("/api/videos/{id}/status", [get(videos::video_status)]))
        .service(at("/api/videos/{id}/restore", [post(videos::restore_video)]))
        .service(at("/api/videos/{id}/retry", [post(videos::retry_video)]))
        .service(at("/api/videos/{id}/cancel", [post(videos::cancel_video)]))
        .service(at("/api/videos/{id}/subtitles", [post(subtitles::add_subtitles)]))
        .service(at("/api/videos/{id}/subtitles/{track}", [delete(subtitles::remove_subtitles)]))
        .service(at("/api/videos/{id}/posters", [get(posters::list_posters)]))
        .service(at("/api/videos/{id}/poster", [put(posters::set_poster)]))
        .service(at("/api/jobs/{id}/pause", [post(jobs::pause_job)]))
        .service(at("/api/jobs/{id}/resume", [post(jobs::resume_job)]))
        .service(at("/api/jobs/{id}/priority", [post(jobs::prioritise_job)]))
        .service(at("/api/system/status", [get(system::system_status)]))
        .service(at("/api/system/cache/stats", [get(system::cache_stats)]))
        .service(at("/api/system/cache/clear", [post(system::clear_cache)]))
        .service(at("/api/system/encoders/probe", [post(system::probe_encoders)]))
        .service(at("/api/system/bots/status", [get(bots::bots_status)]))
        .service(at("/api/system/bots/test", [post(bots::test_bots)]))
        .service(at("/api/system/migrate", [get(bots::migration), post(bots::migrate)]))
        .service(at("/api/system/affected", [get(bots::affected)]))
        .service(at("/api/events", [get(events::listen)]))
        .service(at("/api/openapi.json", [read(openapi::describe_api)]))
        .service(at("/healthz", [read(health::alive)]))
        .service(at("/readyz", [read(health::ready)]))
        .service(at("/metrics", [get(health::metrics)]))
        .default_service(to(pages::not_found));
}

#[cfg(test)]
pub(super) mod tests;
