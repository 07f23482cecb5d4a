//! How much is done at the same time, and who has to wait: before memory grows, not after.
//!
//! Three kinds of requests cost memory for as long as they last, and each has so many places: what is sent to players,
//! what is taken in, and event streams. Who finds none free waits a moment in line, then is told when to come back.
//! Everything else (health, figures, pages, orders in JSON) is small and needs no place. Behind a proxy, no single
//! address gets more than its share, which is half of the places at most, and waits for that alike; programs on this
//! machine itself have none.

use super::door::{Door, SPARE};
use super::error::ApiError;
use super::https::Transport;
use super::link::Link;
use super::share::{Clients, Share};
use super::sse;
use crate::telemetry::metrics::{Gauge, Metrics};
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Memory that is reckoned for a player who stops reading in the middle of an answer. Measured: 15 KB of this process, and
/// 1.2 MB of the system, in pages of which most are the cache's, too.
const ANSWER_BYTES: u64 = 1024 * 1024;

/// The same of a connection on which nothing happens.
const CONNECTION_BYTES: u64 = 64 * 1024;

/// Open files that are not for connections: records, packs, children, and what the store connects to.
const OTHER_FILES: u64 = 256;

/// Open files of a connection, of which each beyond the bound only has the first: its socket, and what is read for it.
const FILES_EACH: u64 = 2;

/// How often is looked whether somebody waits.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Seconds after which there may be room again.
const SOON_S: u64 = 2;

/// The same for a connection too many: it takes longer until people leave.
const LATER_S: u64 = 5;

/// How much there may be at the same time, of each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Open connections.
    pub connections: usize,
    /// Answers to players under way.
    pub answers: usize,
    /// Bodies that are taken in. Each holds up to 4 MB.
    pub uploads: usize,
    /// Event streams.
    pub listeners: usize,
    /// Of each of those three, for one address behind a proxy; never more than half of them.
    pub client: usize,
}

impl Capacity {
    /// What a machine with so much memory, in bytes, carries, where this process may open so many files: answers to
    /// players fill at most a quarter of the memory, and idle connections an eighth.
    pub fn of(memory: u64, files: u64) -> Self {
        let by_files = files.saturating_sub(OTHER_FILES + SPARE as u64) / FILES_EACH;
        let connections = by_files.min(memory / 8 / CONNECTION_BYTES).clamp(16, 8192) as usize;
        let answers = (memory / 4 / ANSWER_BYTES).clamp(64, 4096) as usize;
        Self { connections, answers, uploads: 64, listeners: connections / 4, client: 100 }
    }

    /// The same for a number of connections that the owner chose, at least 1.
    pub fn with_connections(self, connections: usize) -> Self {
        Self { connections, listeners: (connections / 4).max(1), ..self }
    }

    /// Open files that the server may need at once.
    pub fn files(self) -> u64 {
        self.connections as u64 * FILES_EACH + OTHER_FILES + SPARE as u64
    }
}

/// How long is waited for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request, from its first byte on; of the first one from the beginning.
    pub head: Duration,
    /// For the next request on a connection.
    pub idle: Duration,
    /// For each 32 KiB of a body, or its end, as long as it is its sender who is waited for.
    pub body: Duration,
    /// For each 32 KiB of an answer to be taken. The system asks for more once it has sent half of what it keeps, so
    /// that a player is in time that takes 512 KiB in this, 1.7 KB/s; one that is paused comes back.
    pub reader: Duration,
    /// The same while others wait for a place: 26 KB/s.
    pub haste: Duration,
    /// In line for a place.
    pub line: Duration,
}

impl Patience {
    /// How long after so much waiting for a reader is looked again whether others wait: once its time is over, before
    /// they leave the line.
    pub(super) fn until_look(&self, waited: Duration) -> Duration {
        let until = if waited < self.haste { self.haste - waited } else { LOOK_AGAIN };
        until.min(self.reader.saturating_sub(waited))
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(60),
            reader: Duration::from_secs(300),
            haste: Duration::from_secs(20),
            line: Duration::from_secs(2),
        }
    }
}

/// What the web server may take, and how long it waits.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How much there may be at the same time.
    pub capacity: Capacity,
    /// How long is waited for others.
    pub patience: Patience,
}

/// What of a request costs memory as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Answer,
    Upload,
    Listener,
}

impl Kind {
    fn of(request: &ServiceRequest) -> Option<Self> {
        // Routes match the path without its escapes.
        Self::at(request.match_info().as_str(), request.method(), sse::is_wanted(request.request()))
    }

    /// `None` for what is always answered.
    pub(super) fn at(path: &str, method: &Method, wants_events: bool) -> Option<Self> {
        let brings_bytes = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
        let takes_bytes = path.starts_with("/api/upload") || path.ends_with("/subtitles") || path.ends_with("/poster");
        if path.starts_with("/hls/") || path.starts_with("/media/") {
            Some(Self::Answer)
        } else if brings_bytes && takes_bytes {
            Some(Self::Upload)
        } else if path == "/api/events" || path.starts_with("/api/upload/") && wants_events {
            Some(Self::Listener)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Answer => "answers",
            Self::Upload => "uploads",
            Self::Listener => "listeners",
        }
    }
}

/// The places, shared by all workers.
pub(super) struct Admission {
    /// The connections.
    pub(super) door: Door,
    /// How long is waited.
    pub(super) patience: Patience,
    /// Where it is counted.
    pub(super) metrics: Metrics,
    answers: Places,
    uploads: Places,
    listeners: Places,
    clients: Arc<Clients>,
    behind_proxy: bool,
}

/// The places of one kind.
struct Places {
    free: Arc<Semaphore>,
    /// How many of them one address gets.
    each: usize,
    in_line: AtomicUsize,
    under_way: Gauge,
}

impl Places {
    fn new(count: usize, client: usize, under_way: Gauge) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        let each = client.min(count / 2).max(1);
        Self { free: Arc::new(Semaphore::new(count)), each, in_line: AtomicUsize::new(0), under_way }
    }

    /// In the order of their coming, so that who was sent away once gets in after the others, and not after all.
    async fn take(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return place;
        }
        let _in_line = InLine::new(&self.in_line);
        Arc::clone(&self.free).acquire_owned().await.expect("the places are never closed")
    }
}

/// One who waits for a place, until it is dropped.
struct InLine<'a>(&'a AtomicUsize);

impl<'a> InLine<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place that is taken, until it is dropped.
pub(super) struct Permit {
    _place: OwnedSemaphorePermit,
    _share: Option<Share>,
    under_way: Gauge,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.under_way.dec();
    }
}

impl Admission {
    pub(super) fn new(settings: Settings, transport: Transport, metrics: Metrics) -> Self {
        let Settings { capacity, patience } = settings;
        let places = |count, kind: Kind| Places::new(count, capacity.client, metrics.admission.under_way(kind.name()));
        let (answers, uploads) = (places(capacity.answers, Kind::Answer), places(capacity.uploads, Kind::Upload));
        let listeners = places(capacity.listeners, Kind::Listener);
        Self {
            door: Door::new(capacity.connections),
            patience,
            metrics,
            answers,
            uploads,
            listeners,
            clients: Arc::default(),
            behind_proxy: transport.behind_proxy,
        }
    }

    /// Whether somebody waits for what players hold that do not read, or the next one would.
    pub(super) fn is_pressed(&self, now: Instant) -> bool {
        self.answers.in_line.load(Ordering::Relaxed) > 0 || self.door.is_full(now)
    }

    /// A place for a request, once there is one.
    ///
    /// # Errors
    /// `TooManyRequests` when this address has its share, `Busy` when all places are taken, both for too long.
    pub(super) async fn enter(&self, kind: Kind, client: Option<IpAddr>) -> Result<Permit, ApiError> {
        let places = match kind {
            Kind::Answer => &self.answers,
            Kind::Upload => &self.uploads,
            Kind::Listener => &self.listeners,
        };
        let end = Instant::now() + self.patience.line;
        let share = match client {
            None => None,
            Some(client) => {
                let Ok(share) = timeout_at(end, self.clients.share(client, kind, places.each)).await else {
                    self.metrics.admission.record_turned_away("client");
                    return Err(ApiError::TooManyRequests { retry_after_s: SOON_S });
                };
                Some(share)
            }
        };
        let Ok(place) = timeout_at(end, places.take()).await else {
            return Err(self.turned_away(kind.name(), SOON_S));
        };
        let under_way = places.under_way.clone();
        under_way.inc();
        Ok(Permit { _place: place, _share: share, under_way })
    }

    fn turned_away(&self, reason: &'static str, retry_after_s: u64) -> ApiError {
        self.metrics.admission.record_turned_away(reason);
        ApiError::Busy { retry_after_s }
    }
}

/// Middleware: 503 with `Retry-After` for what finds no place.
///
/// # Errors
/// Those of the inner service.
pub(super) async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let admission = request.app_data::<web::Data<Admission>>().cloned();
    let (Some(admission), Some(kind)) = (admission, Kind::of(&request)) else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let link = request.conn_data::<Rc<Link>>().cloned();
    if let Some(link) = &link {
        link.let_go();
        if kind != Kind::Upload {
            link.end_with_caller();
        }
    }
    let entered = if link.as_ref().is_some_and(|link| link.is_crowded()) {
        Err(admission.turned_away("connections", LATER_S))
    } else {
        admission.enter(kind, client(&request, admission.behind_proxy)).await
    };
    let permit = match entered {
        Ok(permit) => permit,
        Err(error) => return Ok(request.into_response(error.error_response()).map_into_right_body()),
    };
    let kept = match link {
        Some(link) => {
            link.hold(permit);
            None
        }
        None => Some(permit),
    };
    let response = next.call(request).await.map(ServiceResponse::map_into_left_body);
    drop(kept);
    response
}

/// Whose request it is; nobody's in particular when it comes from this machine and not through a proxy that the owner
/// named. Only what that proxy itself says counts, which stands last.
fn client(request: &ServiceRequest, behind_proxy: bool) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    if !peer.is_loopback() {
        return Some(network(peer));
    }
    let fields = request.headers().get_all(FORWARDED_FOR).filter(|_| behind_proxy);
    let hops: Vec<&str> =
        fields.filter_map(|field| HeaderValue::to_str(field).ok()).flat_map(|field| field.split(',')).collect();
    // Several proxies on this machine name each other.
    hops.into_iter().rev().map_while(address).find(|hop| !hop.is_loopback()).map(network)
}

fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let plain = hop.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    plain.or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip())).ok().map(|address| address.to_canonical())
}

/// One subscriber has 2^64 addresses of IPv6 at least.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests;
