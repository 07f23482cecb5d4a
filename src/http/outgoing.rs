//! Bytes of an answer that go straight to the connection.
//!
//! The framework copies what a body yields into a buffer of its own. Of a segment that copy costs more than all the
//! rest. So such a body yields nothing: it hands its bytes to the connection, which sends them once the head is out, and
//! tells the framework when that is done.

use super::link::Link;
use crate::delivery::{Slice, Source};
use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures::Stream;
use rustix::net::SendFlags;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

type Failure = Box<dyn StdError>;

/// What of an answer's body is still to be sent.
pub(super) struct Outgoing {
    slices: Pin<Box<dyn Stream<Item = Result<Slice, Failure>>>>,
    front: Option<Slice>,
    /// Bytes, those of the front among them.
    left: u64,
}

/// What came of trying to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The system took so many bytes.
    Sent(usize),
    /// It takes no more now.
    Blocked,
    /// The next bytes are not there yet.
    Waiting,
    /// It has all of them.
    Done,
}

impl Outgoing {
    /// Exactly `len` bytes; slices that end before are an answer cut short, and what comes after them is not sent.
    pub(super) fn new(len: u64, slices: impl Stream<Item = Result<Slice, Failure>> + 'static) -> Self {
        Self { slices: Box::pin(slices), front: None, left: len }
    }

    /// Whether there is something to send at once; looks for it.
    ///
    /// # Errors
    /// When it will never come. No answer can carry that any more, so it is logged here.
    fn poll_front(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.front.is_none() && self.left > 0 {
            let next = ready!(self.slices.as_mut().poll_next(context));
            let slice = next.unwrap_or_else(|| Err(Box::new(io::Error::from(io::ErrorKind::UnexpectedEof))));
            let slice = slice.map_err(|error| {
                tracing::warn!(error = &*error, "an answer was cut short");
                io::Error::other("the bytes of an answer did not come")
            })?;
            let len = slice.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.front = (len > 0).then(|| slice.slice(0..len));
        }
        Poll::Ready(Ok(self.front.is_some()))
    }

    /// Sends what the system takes of the next slice.
    ///
    /// # Errors
    /// When the connection is gone, or the bytes do not come: the answer can only be cut off.
    pub(super) fn step(&mut self, io: &TcpStream, context: &mut Context<'_>) -> io::Result<Step> {
        match self.poll_front(context)? {
            Poll::Pending => return Ok(Step::Waiting),
            Poll::Ready(false) => return Ok(Step::Done),
            Poll::Ready(true) => {}
        }
        let Some(front) = self.front.take() else { return Ok(Step::Done) };
        match try_sending(io, context, || send(io, &front)) {
            Poll::Ready(sent) => {
                let sent = sent?;
                self.left -= sent as u64;
                self.front = (sent < front.len()).then(|| front.slice(sent..front.len()));
                Ok(Step::Sent(sent))
            }
            Poll::Pending => {
                self.front = Some(front);
                Ok(Step::Blocked)
            }
        }
    }

    /// Sends a head, in one packet with what follows where that is there.
    ///
    /// # Errors
    /// As `step`.
    pub(super) fn poll_head(
        &mut self,
        io: &TcpStream,
        context: &mut Context<'_>,
        head: &[u8],
    ) -> Poll<io::Result<usize>> {
        let more = match self.poll_front(context)? {
            Poll::Ready(true) => SendFlags::MORE,
            Poll::Ready(false) | Poll::Pending => SendFlags::empty(),
        };
        try_sending(io, context, || Ok(rustix::net::send(io, head, more | SendFlags::NOSIGNAL)?))
    }
}

fn try_sending(
    io: &TcpStream,
    context: &mut Context<'_>,
    mut send: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(io.poll_write_ready(context))?;
        match io.try_io(Interest::WRITABLE, &mut send) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            sent => return Poll::Ready(sent),
        }
    }
}

fn send(io: &TcpStream, slice: &Slice) -> io::Result<usize> {
    Ok(match slice.source() {
        Source::Memory(bytes) => rustix::net::send(io, bytes, SendFlags::NOSIGNAL)?,
        Source::File(file, mut at) => rustix::fs::sendfile(io, file, Some(&mut at), slice.len())?,
    })
}

/// A body whose bytes the connection sends.
pub(super) struct PastFramework {
    link: Rc<Link>,
    outgoing: Option<Outgoing>,
}

impl PastFramework {
    /// The bytes go out over the connection that `link` is of.
    pub(super) fn new(link: Rc<Link>, outgoing: Outgoing) -> Self {
        Self { link, outgoing: Some(outgoing) }
    }
}

impl MessageBody for PastFramework {
    type Error = Infallible;

    /// The framework has nothing to count; the head names the length by itself.
    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    /// First asked for when the head is made, and again when the connection has sent everything.
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if let Some(outgoing) = self.outgoing.take() {
            self.link.send(outgoing);
        }
        if self.link.is_sending() { Poll::Pending } else { Poll::Ready(None) }
    }
}
