//! What is known of the requests on one connection.

use super::admission::{Admission, Permit};
use super::door::{Seat, Turn, Welcome};
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::Context;
use tokio::time::Instant;

/// Bytes of requests that the framework gets before it has decoded them; it takes heads of up to four times as many.
const PLENTY: usize = 32 * 1024;

/// What a connection and its requests know of each other.
pub(super) struct Link {
    pub(super) admission: Arc<Admission>,
    pub(super) seat: Arc<Seat>,
    is_crowded: Cell<bool>,
    phase: Cell<Phase>,
    permit: Cell<Option<Permit>>,
    /// Whether what is under way is of use only to whoever waits for it.
    is_for_caller: Cell<bool>,
    /// Bytes that the framework got since it last was found to wait for more, bodies left out.
    handed: Cell<usize>,
    /// Whether it could look at them since.
    had_a_look: Cell<bool>,
    /// Whether the present request has a body, which is read while it is answered.
    has_body: Cell<bool>,
    /// What the connection reads by itself of the present request.
    pub(super) incoming: Incoming,
    /// What the connection sends by itself behind the head.
    pub(super) outgoing: RefCell<Option<Outgoing>>,
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
    pub(super) fn new(admission: Arc<Admission>) -> Self {
        let seat = Arc::new(Seat::default());
        let (turn, welcome) = admission.door.enter(&seat, Instant::now());
        admission.metrics.admission.connections.inc();
        let link = Self {
            admission,
            seat,
            is_crowded: Cell::new(false),
            phase: Cell::new(Phase::First(turn)),
            permit: Cell::new(None),
            is_for_caller: Cell::new(false),
            handed: Cell::new(0),
            had_a_look: Cell::new(false),
            has_body: Cell::new(false),
            incoming: Incoming::default(),
            outgoing: RefCell::new(None),
        };
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

    /// Whether whoever waits for what is under way is all that it is for.
    pub(super) fn is_answering_for_caller(&self) -> bool {
        self.is_for_caller.get() && matches!(self.phase.get(), Phase::Answering)
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

    /// Sends this behind what the framework has of the present answer.
    pub(super) fn send(&self, outgoing: Outgoing) {
        *self.outgoing.borrow_mut() = Some(outgoing);
    }

    /// Whether some of that is still to be sent.
    pub(super) fn is_sending(&self) -> bool {
        self.outgoing.borrow().is_some()
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.phase.get(), Phase::First(_) | Phase::Between { .. })
    }

    fn turn(&self) -> Option<Turn> {
        match self.phase.get() {
            Phase::First(turn) => Some(turn),
            Phase::Between { turn, .. } => turn,
            Phase::Answering | Phase::Sending => None,
        }
    }

    pub(super) fn begin(&self) {
        if let Some(turn) = self.turn() {
            self.admission.door.work(turn);
        }
        if self.is_crowded() {
            self.received(self.admission.door.enter_late(Instant::now()));
        }
        self.is_for_caller.set(false);
        self.has_body.set(false);
        self.had_a_look.set(false);
        self.phase.set(Phase::Answering);
    }

    pub(super) fn end(&self) {
        self.phase.set(Phase::Sending);
    }

    /// The present request has a body.
    pub(super) fn expect_body(&self) {
        self.has_body.set(true);
    }

    /// The framework got so many bytes.
    pub(super) fn hand(&self, bytes: usize) {
        if self.is_waiting() || !self.has_body.get() {
            self.handed.set(self.handed.get() + bytes);
        }
    }

    /// Whether bytes may be waiting that the framework was not given.
    pub(super) fn is_full(&self) -> bool {
        self.handed.get() >= PLENTY
    }

    /// Whether the framework has enough to go on with: requests that come together wait until those before them are
    /// answered. While it holds more than it can decode, it would wake itself over and over.
    pub(super) fn has_plenty(&self, context: &Context<'_>) -> bool {
        let is_waiting = self.is_waiting();
        if !self.is_full() || !is_waiting && self.has_body.get() {
            return false;
        }
        if !is_waiting {
            return true;
        }
        if !self.had_a_look.replace(true) {
            context.waker().wake_by_ref();
            return true;
        }
        // It looked, and waits for more.
        self.had_a_look.set(false);
        self.handed.set(0);
        false
    }

    /// The system has every byte; whether an answer ended with that.
    pub(super) fn sent(&self) -> bool {
        let Phase::Sending = self.phase.get() else { return false };
        self.let_go();
        let turn = if self.is_crowded() { None } else { self.admission.door.wait(&self.seat) };
        self.phase.set(Phase::Between { turn, since: Instant::now(), heard: None });
        true
    }

    /// Something came. Whether it came too late.
    pub(super) fn heard(&self) -> bool {
        let Phase::Between { turn, since, heard } = self.phase.get() else { return false };
        let now = Instant::now();
        let heard = heard.unwrap_or(now);
        self.phase.set(Phase::Between { turn, since, heard: Some(heard) });
        now.duration_since(heard) >= self.admission.patience.head
    }

    /// When a connection is closed on which nothing more comes, and what that is called.
    pub(super) fn due(&self) -> Option<(Instant, Option<&'static str>)> {
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
