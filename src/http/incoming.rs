//! A long body goes past the framework, which reads in small pieces and copies them together.
//!
//! Whoever reads the body has the framework held (nothing more goes to it), takes what it has, and then has the
//! connection read the rest into buffers of its own, which are used again. The framework has nothing left when it asked
//! for more after it was held, got nothing, and still had nothing for the reader: it hands on all that it has before it
//! comes to the reader again. Of the connection so many bytes are read as are left, and never one more.
//!
//! The framework knows nothing of that. To it the body was not read to its end, so it says `Connection: close`, and what
//! comes behind the body is thrown away. Only bodies go this way that are long enough for a new connection not to matter.

use super::link::Link;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::{Method, header};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::Stream;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

/// Bytes that a body has at least to go past the framework.
pub(super) const LONG: u64 = 64 * 1024 * 1024;

/// Bytes of a buffer: with those that are being written, a few stay in the processor's cache.
const BUFFER: usize = 256 * 1024;

/// Buffers that may be in use somewhere. Each is used again when it is free by the time that it is the oldest.
const IN_USE: usize = 6;

/// Room that is worth a call.
const LEAST_ROOM: usize = 32 * 1024;

/// What a connection reads by itself.
#[derive(Debug, Default)]
pub(super) struct Incoming(RefCell<State>);

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    filling: BytesMut,
    used: VecDeque<BytesMut>,
    /// Who waits for bytes.
    reader: Option<Waker>,
    /// Who waits until it may read on.
    connection: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    /// The framework reads.
    #[default]
    Framework,
    /// Nobody does. Whether the framework asked since.
    Held { asked: bool },
    /// The connection reads the body: so much of it is left.
    Body { left: u64 },
    /// The body is at its end, or given up: what comes is thrown away. Whether some of the body is missing.
    Over { is_short: bool },
}

impl Incoming {
    /// Reads in place of the framework where it should not: ready when nothing more comes. `None`: it is its turn.
    pub(super) fn poll_read<T: AsyncRead + Unpin>(&self, io: &mut T, context: &mut Context<'_>) -> Option<Poll<()>> {
        let state = &mut *self.0.borrow_mut();
        match state.stage {
            Stage::Framework => None,
            Stage::Held { .. } => {
                state.stage = Stage::Held { asked: true };
                state.connection = Some(context.waker().clone());
                Some(Poll::Pending)
            }
            Stage::Body { .. } => Some(state.fill(io, context)),
            Stage::Over { .. } => Some(state.throw_away(io, context)),
        }
    }

    /// Nothing more goes to the framework. Whether it has nothing left; else the task is woken to ask again.
    fn hold(&self, context: &Context<'_>) -> bool {
        let state = &mut *self.0.borrow_mut();
        match state.stage {
            Stage::Held { asked: true } => return true,
            Stage::Held { asked: false } => {}
            Stage::Framework => state.stage = Stage::Held { asked: false },
            // Two read one body.
            Stage::Body { .. } | Stage::Over { .. } => return false,
        }
        context.waker().wake_by_ref();
        false
    }

    /// From now on the connection reads: so much of the body is left.
    fn begin(&self, left: u64) {
        let state = &mut *self.0.borrow_mut();
        state.stage = Stage::Body { left };
        wake(&mut state.connection);
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let state = &mut *self.0.borrow_mut();
        if !state.filling.is_empty() {
            wake(&mut state.connection);
            return Poll::Ready(Some(Ok(state.filling.split().freeze())));
        }
        match state.stage {
            Stage::Over { is_short: true } => Poll::Ready(Some(Err(PayloadError::Incomplete(None)))),
            Stage::Over { is_short: false } => Poll::Ready(None),
            _ => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Nobody reads the body any more.
    fn end(&self) {
        let state = &mut *self.0.borrow_mut();
        state.stage = match state.stage {
            Stage::Framework | Stage::Held { .. } => Stage::Framework,
            Stage::Body { .. } | Stage::Over { .. } => Stage::Over { is_short: true },
        };
        (state.filling, state.used) = (BytesMut::new(), VecDeque::new());
        wake(&mut state.connection);
    }
}

impl State {
    /// Reads of the body what is there and has room.
    fn fill<T: AsyncRead + Unpin>(&mut self, io: &mut T, context: &mut Context<'_>) -> Poll<()> {
        while let Stage::Body { left } = self.stage {
            if !self.has_room() {
                self.connection = Some(context.waker().clone());
                return Poll::Pending;
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let mut room = (&mut self.filling).limit(most);
            let read = ready!(poll_read_buf(Pin::new(&mut *io), context, &mut room));
            // What came before a connection broke is handed on.
            let count = read.unwrap_or(0) as u64;
            self.stage = match left - count {
                _ if count == 0 => Stage::Over { is_short: true },
                0 => Stage::Over { is_short: false },
                left => Stage::Body { left },
            };
            wake(&mut self.reader);
            if count == 0 {
                return Poll::Ready(());
            }
        }
        self.throw_away(io, context)
    }

    /// Whether there is room to read into. What lies there is handed on before there is another buffer.
    fn has_room(&mut self) -> bool {
        let room = self.filling.capacity() - self.filling.len();
        if !self.filling.is_empty() || room >= LEAST_ROOM {
            return room > 0;
        }
        let oldest = if self.used.len() < IN_USE { None } else { self.used.pop_front() };
        let next = oldest.and_then(|mut buffer| buffer.try_reclaim(BUFFER).then_some(buffer));
        let full = mem::replace(&mut self.filling, next.unwrap_or_else(|| BytesMut::with_capacity(BUFFER)));
        self.used.push_back(full);
        true
    }

    fn throw_away<T: AsyncRead + Unpin>(&mut self, io: &mut T, context: &mut Context<'_>) -> Poll<()> {
        let mut thrown_away = BytesMut::with_capacity(LEAST_ROOM);
        loop {
            thrown_away.clear();
            if let Ok(0) | Err(_) = ready!(poll_read_buf(Pin::new(&mut *io), context, &mut thrown_away)) {
                return Poll::Ready(());
            }
        }
    }
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

/// A long body. Its reader must be part of the task that its connection is.
struct Body {
    /// What the framework has of it.
    payload: Payload,
    link: Rc<Link>,
    /// What is left of it behind that.
    left: u64,
    is_past: bool,
}

/// The body of a request, on the short way if it is long.
pub(super) fn past(request: &ServiceRequest, payload: Payload, link: &Rc<Link>) -> Payload {
    match length(request) {
        Some(left) if left >= LONG => {
            Payload::Stream { payload: Box::pin(Body { payload, link: Rc::clone(link), left, is_past: false }) }
        }
        _ => payload,
    }
}

/// How long the framework takes the body to be; `None` where another rule than a length says where it ends.
fn length(request: &ServiceRequest) -> Option<u64> {
    let headers = request.headers();
    let ends_otherwise = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.contains_key(header::UPGRADE)
        || request.method() == Method::CONNECT;
    let length = headers.get(header::CONTENT_LENGTH).filter(|_| !ends_otherwise)?;
    length.to_str().ok()?.trim().parse().ok()
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let incoming = &this.link.incoming;
        if !this.is_past {
            match Pin::new(&mut this.payload).poll_next(context) {
                Poll::Ready(next) => {
                    let bytes = next.as_ref().and_then(|next| next.as_ref().ok());
                    this.left = this.left.saturating_sub(bytes.map_or(0, Bytes::len) as u64);
                    return Poll::Ready(next);
                }
                Poll::Pending if !incoming.hold(context) => return Poll::Pending,
                Poll::Pending => {}
            }
            this.payload = Payload::None;
            this.is_past = true;
            incoming.begin(this.left);
        }
        incoming.poll_next(context)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.link.incoming.end();
    }
}

#[cfg(test)]
mod tests;
