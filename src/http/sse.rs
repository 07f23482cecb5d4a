//! Server-sent events (HTML Living Standard, 9.2): a stream of named texts that lasts until its
//! source or the program ends. A comment every few seconds keeps proxies from closing it, and
//! finds out that the listener left.

use actix_web::http::header;
use actix_web::{Error, HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use std::time::Duration;
use tokio::time::{Instant, Interval, interval_at};
use tokio_util::sync::CancellationToken;

/// How often a listener hears something, be it nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Sent first, so that the listener knows it is heard, and how soon to come back after a break.
const GREETING: Bytes = Bytes::from_static(b"retry: 2000\n\n");

const COMMENT: Bytes = Bytes::from_static(b": still here\n\n");

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its name.
    pub(super) name: &'static str,
    /// One line of text.
    pub(super) data: String,
}

/// Whether the caller asks for events and not for a single answer.
pub(super) fn is_wanted(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim_start().starts_with("text/event-stream"))
}

/// The answer that sends `frames` until they or the program end.
pub(super) fn answer(frames: impl Stream<Item = Frame> + 'static, end: CancellationToken) -> HttpResponse {
    let beat = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    let body = stream::once(async { GREETING }).chain(kept_alive(frames, beat)).take_until(end.cancelled_owned());
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body.map(Ok::<_, Error>))
}

fn kept_alive(frames: impl Stream<Item = Frame> + 'static, beat: Interval) -> impl Stream<Item = Bytes> {
    stream::unfold((Box::pin(frames), beat), |(mut frames, mut beat)| async {
        let bytes = tokio::select! {
            frame = frames.next() => written(&frame?),
            _ = beat.tick() => COMMENT,
        };
        Some((bytes, (frames, beat)))
    })
}

fn written(frame: &Frame) -> Bytes {
    format!("event: {}\ndata: {}\n\n", frame.name, frame.data).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::{MessageBody as _, to_bytes};
    use actix_web::test::TestRequest;
    use futures::FutureExt as _;
    use std::future::poll_fn;
    use std::pin::pin;

    #[actix_web::test]
    async fn events_are_named_lines_after_a_greeting() {
        let frames = stream::iter([Frame { name: "video", data: "{}".into() }]);
        let body = to_bytes(answer(frames, CancellationToken::new()).into_body()).await.ok().unwrap();
        assert_eq!(body, "retry: 2000\n\nevent: video\ndata: {}\n\n");
    }

    #[actix_web::test]
    async fn a_silent_stream_ends_with_the_program() {
        let end = CancellationToken::new();
        let mut body = pin!(answer(stream::pending(), end.clone()).into_body());
        assert_eq!(poll_fn(|context| body.as_mut().poll_next(context)).await.unwrap().ok(), Some(GREETING));
        assert!(poll_fn(|context| body.as_mut().poll_next(context)).now_or_never().is_none());
        end.cancel();
        assert!(poll_fn(|context| body.as_mut().poll_next(context)).await.is_none());
    }

    #[tokio::test]
    async fn a_silent_stream_is_kept_alive() {
        let mut body = Box::pin(kept_alive(stream::pending(), tokio::time::interval(Duration::from_millis(1))));
        assert_eq!((body.next().await, body.next().await), (Some(COMMENT), Some(COMMENT)));
    }

    #[test]
    fn events_are_sent_to_those_who_ask_for_them() {
        for (accept, wanted) in
            [("text/event-stream", true), ("text/html, text/event-stream;q=0.5", true), ("*/*", false), ("", false)]
        {
            let request = TestRequest::get().insert_header(("accept", accept)).to_http_request();
            assert_eq!(is_wanted(&request), wanted, "{accept}");
        }
    }
}
