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
    /// Whether the system sends whole packets only.
    is_corked: bool,
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
        Self { slices: Box::pin(slices), front: None, left: len, is_corked: false }
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
            Poll::Pending => {
                self.cork(io, false)?;
                return Ok(Step::Waiting);
            }
            Poll::Ready(false) => {
                self.cork(io, false)?;
                return Ok(Step::Done);
            }
            Poll::Ready(true) => self.cork(io, true)?,
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

    /// Has the system put slices together into whole packets, or send what it holds back.
    ///
    /// Else the end of each slice goes out, and wakes who reads, by itself: a fifth more of processor time for 1 MB.
    fn cork(&mut self, io: &TcpStream, wanted: bool) -> io::Result<()> {
        let has_more = self.front.as_ref().is_some_and(|front| (front.len() as u64) < self.left);
        if wanted == self.is_corked || wanted && !has_more {
            return Ok(());
        }
        rustix::net::sockopt::set_tcp_cork(io, wanted)?;
        self.is_corked = wanted;
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;
    use futures::channel::mpsc;
    use futures::task::noop_waker;
    use rustix::net::sockopt::tcp_cork;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn packets_wait_for_the_next_slice_only_where_it_is_there() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (player, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (_player, (io, _)) = (player.unwrap(), accepted.unwrap());
        io.writable().await.unwrap();
        let (come, coming) = mpsc::unbounded::<&[u8]>();
        let slices = coming.map(|bytes| Ok(Bytes::from(bytes).into()));
        let mut outgoing = Outgoing::new(7, slices);
        let waker = noop_waker();
        let mut step = || {
            let step = outgoing.step(&io, &mut Context::from_waker(&waker)).unwrap();
            (step, tcp_cork(&io).unwrap())
        };
        assert_eq!(step(), (Step::Waiting, false));
        come.unbounded_send(b"one").unwrap();
        assert_eq!(step(), (Step::Sent(3), true));
        assert_eq!(step(), (Step::Waiting, false), "the next slice may take long");
        come.unbounded_send(b"two").unwrap();
        come.unbounded_send(b"!").unwrap();
        assert_eq!(step(), (Step::Sent(3), true));
        assert_eq!(step(), (Step::Sent(1), true));
        assert_eq!(step(), (Step::Done, false));
    }
}
