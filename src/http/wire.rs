//! One connection: its bytes, and what is known of the requests on it.
//!
//! The framework watches the head of the first request only, and no writing at all. What is closed here: later heads
//! that do not come to an end, connections on which nothing is asked, and those that do not take their answers. A player
//! that is paused stops reading, too. It keeps its connection for minutes, until others need the room, and comes back with
//! a `Range` as it would from any other server. Only blocked writes count, so a quiet event stream is never cut.

use super::admission::{Admission, Permit};
use super::door::{Seat, Turn, Welcome};
use super::incoming::{self, Incoming};
use super::pace::{Alarm, Pace, paced};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use bytes::Bytes;
use socket2::SockRef;
use std::cell::Cell;
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
/// who does not read; what is on its way comes on top.
const NOT_SENT: u32 = 256 * 1024;

/// What a connection and its requests know of each other.
pub(super) struct Link {
    admission: Arc<Admission>,
    seat: Arc<Seat>,
    is_crowded: Cell<bool>,
    phase: Cell<Phase>,
    permit: Cell<Option<Permit>>,
    /// Whether what is under way is of use only to whoever waits for it.
    is_for_caller: Cell<bool>,
    /// What the connection reads by itself of the present request.
    pub(super) incoming: Incoming,
}

#[derive(Clone, Copy)]
enum Phase {
    /// The framework waits for the first head, and says 408.
    First(Turn),
    /// Between two requests; `heard`: when the next one began. No turn has one that is closed anyway.
    Between { turn: Option<Turn>, since: Instant, heard: Option<Instant> },
    /// A request is answered.
    Answering,
    /// The answer is made, and perhaps not yet sent.
    Sending,
}

impl Link {
    fn new(admission: Arc<Admission>) -> Self {
        let seat = Arc::new(Seat::default());
        let (turn, welcome) = admission.door.enter(&seat, Instant::now());
        admission.metrics.admission.connections.inc();
        let (phase, permit, is_for_caller) = (Cell::new(Phase::First(turn)), Cell::new(None), Cell::new(false));
        let incoming = Incoming::default();
        let link = Self { admission, seat, is_crowded: Cell::new(false), phase, permit, is_for_caller, incoming };
        link.received(welcome);
        link
    }

    fn received(&self, welcome: Welcome) {
        if welcome == Welcome::InPlaceOfAnother {
            self.admission.metrics.admission.record_cut_off("made_way");
        }
        self.is_crowded.set(welcome == Welcome::Crowded);
    }

    /// Whether the server has no room for this connection.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_crowded.get()
    }

    /// The present request is of use only to its caller: it ends when that one leaves.
    pub(super) fn end_with_caller(&self) {
        self.is_for_caller.set(true);
    }

    /// Keeps the permit of the present request until its answer has been sent.
    pub(super) fn hold(&self, permit: Permit) {
        self.permit.set(Some(permit));
    }

    /// Gives back what an earlier request holds whose answer may not be sent yet: requests that came together each take
    /// a place of their own, one after the other, and none waits for the one before it.
    pub(super) fn let_go(&self) {
        drop(self.permit.take());
    }

    fn is_waiting(&self) -> bool {
        matches!(self.phase.get(), Phase::First(_) | Phase::Between { .. })
    }

    fn turn(&self) -> Option<Turn> {
        match self.phase.get() {
            Phase::First(turn) => Some(turn),
            Phase::Between { turn, .. } => turn,
            Phase::Answering | Phase::Sending => None,
        }
    }

    fn begin(&self) {
        if let Some(turn) = self.turn() {
            self.admission.door.work(turn);
        }
        if self.is_crowded() {
            self.received(self.admission.door.enter_late(Instant::now()));
        }
        self.is_for_caller.set(false);
        self.phase.set(Phase::Answering);
    }

    fn end(&self) {
        self.phase.set(Phase::Sending);
    }

    /// The system has every byte; whether an answer ended with that.
    fn sent(&self) -> bool {
        let Phase::Sending = self.phase.get() else { return false };
        self.let_go();
        let turn = if self.is_crowded() { None } else { self.admission.door.wait(&self.seat) };
        self.phase.set(Phase::Between { turn, since: Instant::now(), heard: None });
        true
    }

    /// Something came. Whether it came too late.
    fn heard(&self) -> bool {
        let Phase::Between { turn, since, heard } = self.phase.get() else { return false };
        let now = Instant::now();
        let heard = heard.unwrap_or(now);
        self.phase.set(Phase::Between { turn, since, heard: Some(heard) });
        now.duration_since(heard) >= self.admission.patience.head
    }

    /// When a connection is closed on which nothing more comes, and what that is called.
    fn due(&self) -> Option<(Instant, Option<&'static str>)> {
        let Phase::Between { since, heard, .. } = self.phase.get() else { return None };
        let patience = &self.admission.patience;
        Some(match heard {
            Some(heard) => (heard + patience.head, Some("slow_head")),
            None => (since + patience.idle, None),
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.admission.door.leave(self.turn(), self.is_crowded());
        self.admission.metrics.admission.connections.dec();
    }
}

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

    fn record_cut_off(&self, reason: &'static str) {
        self.link.admission.metrics.admission.record_cut_off(reason);
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
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
        let written = Pin::new(&mut this.io).poll_write(context, bytes);
        match &written {
            Poll::Ready(Ok(count)) => this.pace.moved(*count, Instant::now()),
            Poll::Ready(Err(_)) => {}
            Poll::Pending if this.is_stuck(context) => {
                this.record_cut_off("slow_reader");
                // What was not taken would lie in the system's memory for minutes more. Where the option is
                // refused, the connection is gone already.
                _ = this.io.set_zero_linger();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => {}
        }
        written
    }

    /// Only called when everything was written. An upload that came whole is taken though its sender left; but a player
    /// that left, perhaps while bytes are fetched for it, keeps nothing.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_at_end && this.link.is_for_caller.get() && matches!(this.link.phase.get(), Phase::Answering) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(Pin::new(&mut this.io).poll_flush(context))?;
        if this.link.sent() {
            this.pace = Pace::default();
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
