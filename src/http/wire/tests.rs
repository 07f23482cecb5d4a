use super::super::admission::{Capacity, Kind, Patience, Settings};
use super::super::https::Transport;
use super::*;
use crate::telemetry::metrics::Metrics;
use std::future::poll_fn;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

fn admission() -> Arc<Admission> {
    let settings = Settings { capacity: Capacity::of(16 << 30, 100_000), patience: Patience::default() };
    Arc::new(Admission::new(settings, Transport::default(), Metrics::new()))
}

fn answers_under_way(admission: &Admission) -> bool {
    admission.metrics.encode().contains("telecine_http_under_way{kind=\"answers\"} 1")
}

#[tokio::test]
async fn a_place_is_kept_until_its_bytes_are_sent_and_not_only_until_the_next_request() {
    let admission = admission();
    let link = Link::new(Arc::clone(&admission));
    link.begin();
    link.hold(admission.enter(Kind::Answer, None).await.unwrap());
    link.end();
    // One that needs no place, while the connection does not take the answer before.
    link.begin();
    assert!(answers_under_way(&admission));
    link.end();
    assert!(link.sent());
    assert!(!answers_under_way(&admission));
}

/// What the framework gets when it reads once: so many bytes, or `None` where there are none yet.
async fn read(wire: &mut Wire) -> Option<usize> {
    let mut room = [0; 1024];
    poll_fn(|context| {
        let mut buffer = ReadBuf::new(&mut room);
        Poll::Ready(match Pin::new(&mut *wire).poll_read(context, &mut buffer) {
            Poll::Ready(read) => read.map(|()| Some(buffer.filled().len())).unwrap(),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_head_that_came_before_its_connection_makes_way_is_looked_at() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut player = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut wire = Wire::new(listener.accept().await.unwrap().0, admission()).unwrap();
    player.write_all(b"POST /api/upload HTTP/1.1\r\n").await.unwrap();
    wire.io.readable().await.unwrap();
    wire.link.seat.give_away();
    assert_eq!(read(&mut wire).await, Some(27));
    assert_eq!(read(&mut wire).await, None, "the framework decodes what it has");
    assert_eq!(read(&mut wire).await, Some(0), "it was no request");
}
