//! One stream of everything that changes: `/api/events`.

use super::auth::Grant;
use super::sse;
use crate::events::{Event, Events};
use crate::shutdown::Shutdown;
use actix_web::{HttpResponse, web};
use futures::stream;

/// Listen to what changes
///
/// Events named `video`, `job`, `upload` and `system`, each with a JSON object. A listener that is
/// too slow is told so by `missed`, and the stream ends: come back, and ask for everything again.
#[utoipa::path(get, path = "/api/events", tag = "system", responses(
    (status = 200, description = "Until the listener leaves", content_type = "text/event-stream", body = String),
))]
pub(super) async fn listen(_: Grant, events: web::Data<Events>, shutdown: web::Data<Shutdown>) -> HttpResponse {
    let frames = stream::unfold(Some(events.subscribe()), |listening| async {
        let mut listening = listening?;
        let event = listening.next().await?;
        let data = serde_json::to_string(&event).ok()?;
        let frame = sse::Frame { name: name(&event), data };
        Some((frame, (!matches!(event, Event::Missed { .. })).then_some(listening)))
    });
    sse::answer(frames, shutdown.token())
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Video { .. } => "video",
        Event::Job { .. } => "job",
        Event::Upload { .. } => "upload",
        Event::System => "system",
        Event::Missed { .. } => "missed",
    }
}
