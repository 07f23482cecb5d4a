use super::*;
use std::future::poll_fn;
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

/// A connection of which the framework reads, as long as it may.
struct Connection {
    incoming: Incoming,
    io: DuplexStream,
}

impl Connection {
    fn new() -> (Self, DuplexStream) {
        let (io, sender) = duplex(4 * BUFFER);
        (Self { incoming: Incoming::default(), io }, sender)
    }

    /// What reading comes to in place of the framework.
    async fn read(&mut self) -> Option<Poll<()>> {
        poll_fn(|context| Poll::Ready(self.incoming.poll_read(&mut self.io, context))).await
    }

    async fn is_held(&self) -> bool {
        poll_fn(|context| Poll::Ready(self.incoming.hold(context))).await
    }

    /// What the reader of the body gets at once.
    async fn next(&self) -> Poll<Option<Result<Bytes, PayloadError>>> {
        poll_fn(|context| Poll::Ready(self.incoming.poll_next(context))).await
    }

    async fn bytes(&self) -> Bytes {
        match self.next().await {
            Poll::Ready(Some(Ok(bytes))) => bytes,
            other => panic!("there are no bytes but {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_framework_has_nothing_left_only_when_it_asked_since_it_was_held() {
    let (mut connection, _sender) = Connection::new();
    assert!(connection.read().await.is_none(), "it is its turn");
    // However often its reader looks meanwhile.
    assert!(!connection.is_held().await && !connection.is_held().await);
    assert_eq!(connection.read().await, Some(Poll::Pending));
    assert!(connection.is_held().await);
    // Whoever did not go on gives it back.
    connection.incoming.end();
    assert!(connection.read().await.is_none());
}

#[tokio::test]
async fn a_body_is_read_to_its_last_byte_and_what_comes_behind_it_is_thrown_away() {
    let (mut connection, mut sender) = Connection::new();
    let sent: Vec<u8> = (0..BUFFER * 2 + 100).map(|at| (at % 251) as u8).collect();
    connection.incoming.begin(sent.len() as u64 - 7);
    sender.write_all(&sent).await.unwrap();
    let mut came = Vec::new();
    while connection.read().await == Some(Poll::Pending) && came.len() < sent.len() - 7 {
        let bytes = connection.bytes().await;
        assert!(bytes.len() <= BUFFER);
        came.extend_from_slice(&bytes);
    }
    assert!(came == sent[..sent.len() - 7]);
    assert!(matches!(connection.next().await, Poll::Ready(None)));
    drop(sender);
    assert_eq!(connection.read().await, Some(Poll::Ready(())));
    assert!(matches!(connection.next().await, Poll::Ready(None)), "the body was whole");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_handed_on_as_far_as_it_came() {
    let (mut connection, mut sender) = Connection::new();
    connection.incoming.begin(100);
    sender.write_all(&[7; 99]).await.unwrap();
    drop(sender);
    assert_eq!(connection.read().await, Some(Poll::Ready(())));
    assert_eq!(connection.bytes().await.len(), 99);
    assert!(matches!(connection.next().await, Poll::Ready(Some(Err(PayloadError::Incomplete(_))))));
}

#[tokio::test]
async fn no_more_is_read_than_one_buffer_until_it_is_taken() {
    let (mut connection, mut sender) = Connection::new();
    connection.incoming.begin(u64::MAX);
    sender.write_all(&vec![7; 3 * BUFFER]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(connection.read().await, Some(Poll::Pending));
        assert_eq!(connection.read().await, Some(Poll::Pending));
        assert_eq!(connection.bytes().await.len(), BUFFER);
        assert!(connection.next().await.is_pending());
    }
}

#[tokio::test]
async fn buffers_are_used_again() {
    let (mut connection, mut sender) = Connection::new();
    connection.incoming.begin(u64::MAX);
    let mut places = std::collections::HashSet::new();
    for _ in 0..10 * IN_USE {
        sender.write_all(&[7; BUFFER]).await.unwrap();
        assert_eq!(connection.read().await, Some(Poll::Pending));
        places.insert(connection.bytes().await.as_ptr());
    }
    assert!(places.len() <= IN_USE + 1, "{} buffers", places.len());
}

#[tokio::test]
async fn what_is_left_of_a_body_that_nobody_wants_is_thrown_away() {
    let (mut connection, mut sender) = Connection::new();
    connection.incoming.begin(1000);
    sender.write_all(&[7; 500]).await.unwrap();
    assert_eq!(connection.read().await, Some(Poll::Pending));
    connection.incoming.end();
    sender.write_all(&[7; 500]).await.unwrap();
    assert_eq!(connection.read().await, Some(Poll::Pending), "the framework gets nothing of it");
    drop(sender);
    assert_eq!(connection.read().await, Some(Poll::Ready(())));
}
