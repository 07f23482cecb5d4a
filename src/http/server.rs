//! The server itself: the routes, what lies around them, and how long anybody may take.

use super::admission::{self, Admission, Settings};
use super::assets::Assets;
use super::auth::{self, AdminToken};
use super::door::SPARE;
use super::https::{self, Transport};
use super::origin::{self, Trusted};
use super::texts::Texts;
use super::upload::Limits;
use super::wire::{self, Wire};
use super::{cors, problem, routes, secure, trace};
use crate::delivery::Delivery;
use crate::events::Events;
use crate::ingest::sidecar::Sidecars;
use crate::ingest::upload::Uploads;
use crate::jobs::Jobs;
use crate::library::Library;
use crate::shutdown::Shutdown;
use crate::system::System;
use crate::telemetry::metrics::Metrics;
use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol, Request};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServiceFactory, ServiceRequest, ServiceResponse, fn_service};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpResponse, web};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Connections that the system may keep until they are accepted.
const BACKLOG: i32 = 4096;

/// How long is read on after an answer that did not wait for the whole body: closed at once, the answer could be lost.
const LINGER: Duration = Duration::from_secs(1);

/// How long answers that are under way may take once the server stops, in seconds.
const LAST_WAIT_S: u64 = 30;

/// Bytes that wait to be sent on one connection. Measured: more only costs memory.
const WRITE_BUFFER: usize = 32 * 1024;

/// Everything the handlers reach, as cheap handles. Each is registered by itself, so that a
/// handler's signature says what it touches.
#[derive(Clone)]
pub struct Parts {
    /// What people do with their films.
    pub library: Library,
    /// What players ask for.
    pub delivery: Delivery,
    /// What comes in.
    pub uploads: Uploads,
    /// What is added to films.
    pub sidecars: Sidecars,
    /// Who does what is queued.
    pub jobs: Jobs,
    /// How the server is.
    pub system: System,
    /// What changes.
    pub events: Events,
    /// What is counted.
    pub metrics: Metrics,
    /// When it ends.
    pub shutdown: Shutdown,
    /// Pages of other origins that may read and write.
    pub trusted: Trusted,
    /// How requests come in.
    pub transport: Transport,
    /// The token of commands beside the server.
    pub admin: AdminToken,
    /// What an upload may be.
    pub limits: Limits,
    /// Threads that answer, at least 1.
    pub workers: usize,
    /// How much at the same time, and how long is waited.
    pub settings: Settings,
}

/// The parts, and what all workers share besides.
#[derive(Clone)]
pub(super) struct Site {
    parts: Parts,
    assets: web::Data<Assets>,
    texts: web::Data<Texts>,
    admission: Arc<Admission>,
}

impl Site {
    pub(super) fn new(parts: Parts) -> Self {
        let admission = Arc::new(Admission::new(parts.settings, parts.transport, parts.metrics.clone()));
        Self { parts, assets: web::Data::new(Assets::load()), texts: web::Data::new(Texts::new()), admission }
    }

    /// The application of one worker. What is wrapped last lies outermost.
    pub(super) fn app(
        &self,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<impl MessageBody + use<>>,
            Error = Error,
            InitError = (),
        > + use<>,
    > {
        let parts = self.parts.clone();
        App::new()
            .app_data(self.assets.clone())
            .app_data(self.texts.clone())
            .app_data(web::Data::from(Arc::clone(&self.admission)))
            .app_data(web::Data::new(parts.library))
            .app_data(web::Data::new(parts.delivery))
            .app_data(web::Data::new(parts.uploads))
            .app_data(web::Data::new(parts.sidecars))
            .app_data(web::Data::new(parts.jobs))
            .app_data(web::Data::new(parts.system))
            .app_data(web::Data::new(parts.events))
            .app_data(web::Data::new(parts.metrics))
            .app_data(web::Data::new(parts.shutdown))
            .app_data(web::Data::new(parts.trusted))
            .app_data(web::Data::new(parts.transport))
            .app_data(web::Data::new(parts.admin))
            .app_data(web::Data::new(parts.limits))
            .configure(problem::extractors)
            .configure(routes::configure)
            .wrap(from_fn(admission::admit))
            .wrap(from_fn(https::force))
            .wrap(from_fn(origin::guard))
            .wrap(from_fn(auth::admit))
            .wrap(from_fn(problem::shape))
            .wrap(from_fn(cors::share))
            .wrap(from_fn(secure::headers))
            .wrap(from_fn(trace::request))
            .wrap(from_fn(wire::follow))
    }

    /// What serves the connections of one worker until `ending` says that the server stops.
    fn connections<E, F>(
        &self,
        ending: E,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<E, F>
    where
        E: Fn() -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let app = self.app().into_factory().map_err(|error| error.error_response());
        over_wires(map_config(app, |()| AppConfig::default()), Arc::clone(&self.admission), ending)
    }
}

/// An application, which `wire::follow` wraps, on connections that send by themselves what goes past the framework.
pub(super) fn over_wires<A, B, E, F>(
    app: A,
    admission: Arc<Admission>,
    ending: E,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    A: ServiceFactory<Request, Config = (), Response = ServiceResponse<B>, Error = HttpResponse, InitError = ()>
        + 'static,
    B: MessageBody + 'static,
    E: Fn() -> F + 'static,
    F: Future<Output = ()> + 'static,
{
    let http = HttpService::build()
        .client_request_timeout(admission.patience.head)
        .client_disconnect_timeout(LINGER)
        // Between two requests the wire watches.
        .keep_alive(KeepAlive::Os)
        .h1_write_buffer_size(WRITE_BUFFER)
        .graceful_shutdown_signal(ending)
        .on_connect_ext(|wire: &Wire, data| drop(data.insert(wire.link())))
        .finish(app);
    fn_service(move |io: TcpStream| {
        let peer = io.peer_addr().ok();
        let wire = Wire::new(io, Arc::clone(&admission));
        async move { Ok::<_, DispatchError>((wire?, Protocol::Http1, peer)) }
    })
    .and_then(http)
}

/// Answers what comes to `listener` until its handle stops it. Signals are the caller's business.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(parts: Parts, listener: TcpListener) -> io::Result<Server> {
    // It listens already, for fewer.
    rustix::net::listen(&listener, BACKLOG)?;
    let workers = parts.workers.max(1);
    let most = parts.settings.capacity.connections.saturating_add(SPARE);
    let site = Site::new(parts);
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(most.div_ceil(workers))
        .shutdown_timeout(LAST_WAIT_S)
        .disable_signals();
    let signal = builder.graceful_shutdown_signal();
    let connections = move || {
        let signal = signal.clone();
        site.connections(move || {
            let signal = signal.clone();
            async move { signal.notified().await }
        })
    };
    Ok(builder.listen("web", listener, connections)?.run())
}

#[cfg(test)]
mod tests;
