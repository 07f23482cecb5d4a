//! The server itself: the routes, what lies around them, and how long anybody may take.

use super::assets::Assets;
use super::auth::{self, AdminToken};
use super::https::{self, Transport};
use super::origin::{self, Trusted};
use super::texts::Texts;
use super::upload::Limits;
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
use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, HttpServer, web};
use std::io;
use std::net::TcpListener;
use std::time::Duration;

/// How long the head of a request may take.
const HEAD_WAIT: Duration = Duration::from_secs(15);

/// How long a connection may be idle between two requests.
const IDLE: Duration = Duration::from_secs(75);

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
}

/// The parts, and what all workers share besides.
#[derive(Clone)]
pub(super) struct Site {
    parts: Parts,
    assets: web::Data<Assets>,
    texts: web::Data<Texts>,
}

impl Site {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, assets: web::Data::new(Assets::load()), texts: web::Data::new(Texts::new()) }
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
            .wrap(from_fn(https::force))
            .wrap(from_fn(origin::guard))
            .wrap(from_fn(auth::admit))
            .wrap(from_fn(problem::shape))
            .wrap(from_fn(cors::share))
            .wrap(from_fn(secure::headers))
            .wrap(from_fn(trace::request))
    }
}

/// Answers what comes to `listener` until its handle stops it. Signals are the caller's business.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(parts: Parts, listener: TcpListener) -> io::Result<Server> {
    let workers = parts.workers.max(1);
    let site = Site::new(parts);
    let server = HttpServer::new(move || site.app())
        .workers(workers)
        .client_request_timeout(HEAD_WAIT)
        .keep_alive(IDLE)
        .h1_write_buffer_size(WRITE_BUFFER)
        .tcp_nodelay(true)
        .shutdown_timeout(LAST_WAIT_S)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

#[cfg(test)]
mod tests;
