//! One connection: its bytes.
//!
//! The framework watches the head of the first request only, and no writing at all. What is closed here: later heads
//! that do not come to an end, connections on which nothing is asked, and those that do not take their answers. A player
//! that is paused stops reading, too. It keeps its connection for minutes, until others need the room, and comes back with
//! a `Range` as it would from any other server. Only blocked writes count, so a quiet event stream is never cut.

use super::admission::Admission;
use super::incoming;
use super::link::Link;
use super::outgoing::Step;
use super::pace::{Alarm, Pace, paced};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use bytes::Bytes;
use socket2::SockRef;
use std::error::Error as StdError;
use std::io;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Bytes that the system keeps of an answer before it can send them. Without a bound it takes up to 4 MB for everybody
/// who does not read; what is on its way comes on top. It asks for more when half of them are gone: with a quarter of
/// this, a segment costs a quarter more time of processor.
const NOT_SENT: u32 = 1024 * 1024;

/// The bytes of one connection.
pub(super) struct Wire {
    io: TcpStream,
    link: Rc<Link>,
    pace: Pace,
    alarm: Alarm,
    /// Whether something came that the framework has not looked at.
    has_news: bool,
    /// Whether nothing more will come.
    is_at_end: bool,
}

impl Wire {
    /// # Errors
    /// When the connection is gone already.
    pub(super) fn new(io: TcpStream, admission: Arc<Admission>) -> io::Result<Self> {
        io.set_nodelay(true)?;
        // Where it is not known, the system keeps more.
        _ = SockRef::from(&io).set_tcp_notsent_lowat(NOT_SENT);
        let link = Rc::new(Link::new(admission));
        Ok(Self { io, link, pace: Pace::default(), alarm: Alarm::default(), has_news: false, is_at_end: false })
    }

    pub(super) fn link(&self) -> Rc<Link> {
        Rc::clone(&self.link)
    }

    /// Whether to wait no longer for a request; else the task is woken when it is time.
    fn is_given_up(&mut self, context: &mut Context<'_>) -> bool {
        let has_news = mem::take(&mut self.has_news);
        if self.link.is_waiting() && self.link.seat.is_given_away(context.waker()) {
            // What has just come may be a request, which is answered.
            if has_news {
                context.waker().wake_by_ref();
            }
            return !has_news;
        }
        let Some((due, reason)) = self.link.due() else { return false };
        let is_late = self.alarm.poll_at(due, context).is_ready();
        if let (true, Some(reason)) = (is_late, reason) {
            self.record_cut_off(reason);
        }
        is_late
    }

    /// Whether whoever should read has not done so for too long; else the task is woken to look again.
    fn is_stuck(&mut self, context: &mut Context<'_>) -> bool {
        let admission = Arc::clone(&self.link.admission);
        let (patience, haste) = (admission.patience.reader, admission.patience.haste);
        let now = Instant::now();
        let waited = self.pace.wait(now);
        if waited >= patience || waited >= haste && admission.is_pressed(now) {
            return true;
        }
        let until = admission.patience.until_look(waited);
        if self.alarm.poll_at(now + until, context).is_ready() {
            context.waker().wake_by_ref();
        }
        false
    }

    /// The system takes no more now.
    ///
    /// # Errors
    /// When that has been so for too long.
    fn bear_with(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.is_stuck(context) {
            return Ok(());
        }
        self.record_cut_off("slow_reader");
        // What was not taken would lie in the system's memory for minutes more. Where the option is refused, the
        // connection is gone already.
        _ = self.io.set_zero_linger();
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Sends what goes past the framework, which is woken when that is done.
    fn poll_outgoing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = Rc::clone(&self.link);
        let mut sending = link.outgoing.borrow_mut();
        let Some(outgoing) = &mut *sending else { return Poll::Ready(Ok(())) };
        loop {
            match outgoing.step(&self.io, context)? {
                Step::Sent(count) => self.pace.moved(count, Instant::now()),
                Step::Waiting => return Poll::Pending,
                Step::Blocked => {
                    self.bear_with(context)?;
                    return Poll::Pending;
                }
                Step::Done => {
                    *sending = None;
                    context.waker().wake_by_ref();
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    fn record_cut_off(&self, reason: &'static str) {
        self.link.admission.metrics.admission.record_cut_off(reason);
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.link.has_plenty(context) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = match this.link.incoming.poll_read(&mut this.io, context) {
            Some(end) => end.map(Ok),
            None => Pin::new(&mut this.io).poll_read(context, buffer),
        };
        match read {
            Poll::Ready(Ok(())) if buffer.filled().len() > before && this.link.heard() => {
                this.record_cut_off("slow_head");
                buffer.set_filled(before);
                read
            }
            Poll::Ready(Ok(())) => {
                this.link.hand(buffer.filled().len() - before);
                this.has_news = buffer.filled().len() > before;
                this.is_at_end |= !this.has_news;
                read
            }
            // Nothing read means the end, after which the framework closes in good order.
            Poll::Pending if this.is_given_up(context) => Poll::Ready(Ok(())),
            Poll::Pending | Poll::Ready(Err(_)) => read,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match &mut *this.link.outgoing.borrow_mut() {
            Some(outgoing) => outgoing.poll_head(&this.io, context, bytes),
            None => Pin::new(&mut this.io).poll_write(context, bytes),
        };
        match &written {
            Poll::Ready(Ok(count)) => this.pace.moved(*count, Instant::now()),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => this.bear_with(context)?,
        }
        written
    }

    /// Only called when everything was written. An upload that came whole is taken though its sender left; but a player
    /// that left, perhaps while bytes are fetched for it, keeps nothing.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_at_end && this.link.is_answering_for_caller() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(this.poll_outgoing(context))?;
        ready!(Pin::new(&mut this.io).poll_flush(context))?;
        if this.link.sent() {
            this.pace = Pace::default();
            if this.link.is_full() {
                // What came meanwhile was not read.
                context.waker().wake_by_ref();
            }
            if this.is_given_up(context) {
                context.waker().wake_by_ref();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

/// The body of an answer; tells its connection when it is made.
pub(super) struct Followed {
    body: BoxBody,
    link: Option<Rc<Link>>,
}

impl MessageBody for Followed {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(context)
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            link.end();
        }
    }
}

/// Middleware, the outermost: lets a connection know what happens on it, and bounds the wait for bodies.
///
/// # Errors
/// Those of the inner service.
pub(super) async fn follow<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Followed>, Error> {
    let link = request.conn_data::<Rc<Link>>().cloned();
    if let Some(link) = &link {
        link.begin();
        let body = request.take_payload();
        if matches!(body, Payload::None) {
            request.set_payload(body);
        } else {
            link.expect_body();
            let admission = &link.admission;
            let body = incoming::past(&request, body, link);
            request.set_payload(paced(body, admission.patience.body, admission.metrics.clone()));
        }
    }
    match next.call(request).await {
        Ok(mut response) => {
            if link.as_ref().is_some_and(|link| link.is_crowded()) {
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            Ok(response.map_body(|_, body| Followed { body: body.boxed(), link }))
        }
        Err(error) => {
            if let Some(link) = &link {
                link.end();
            }
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests;
