//! The whole table over real records and real stored bytes; only ffmpeg is not in it.

mod library;
mod play;
mod table;
mod tus;
mod upload;

use crate::delivery::Delivery;
use crate::ffmpeg::{self, Encoders, Ffmpeg, Preference};
use crate::http::auth::AdminToken;
use crate::http::https::Transport;
use crate::http::origin::Trusted;
use crate::http::server::Site;
use crate::http::{Capacity, Limits, Parts, Patience, Settings as Admission};
use crate::ingest::Foresight;
use crate::ingest::sidecar::Sidecars;
use crate::ingest::upload::{Parts as UploadParts, Uploads};
use crate::library::{Library, Settings};
use crate::system::{Parts as SystemParts, System};
use crate::telegram::{Fleet, FleetMemory, FleetSettings};
use crate::telemetry::metrics::Metrics;
use crate::tests::Sample;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use bytes::Bytes;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

const TOKEN: &str = "the token";

/// Longest file in bytes.
const LIMIT: u64 = 1_000_000;

struct Bench {
    sample: Sample,
    site: Site,
}

/// An answer, read to its end.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Bench {
    async fn new() -> Self {
        let sample = Sample::new().await;
        let site = Site::new(parts(&sample));
        Self { sample, site }
    }

    async fn ask(&self, request: TestRequest) -> Answer {
        self.ask_from("127.0.0.1:9", request).await
    }

    async fn ask_from(&self, peer: &str, request: TestRequest) -> Answer {
        let app = init_service(self.site.app()).await;
        let peer: SocketAddr = peer.parse().unwrap();
        let request = request.insert_header(("host", "localhost:5050")).peer_addr(peer).to_request();
        let response = call_service(&app, request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: read_body(response).await }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(TestRequest::get().uri(path)).await
    }

    async fn send(&self, method: Method, path: &str) -> Answer {
        self.ask(TestRequest::default().method(method).uri(path)).await
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{:?}", self.body);
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

/// Everything the handlers reach, over a sample.
pub(in crate::http) fn parts(sample: &Sample) -> Parts {
    let Sample { catalog, spool, cache, jobs, events, clock, shutdown, .. } = sample;
    let settings = Settings { trash_keep: Duration::from_secs(60), replicas: 1 };
    let ffmpeg = Ffmpeg::new(ffmpeg::Settings::new("telecine".into(), sample.folder.path().into())).unwrap();
    let uploads = UploadParts {
        catalog: catalog.clone(),
        spool: spool.clone(),
        foresight: Foresight::new(ffmpeg.clone(), shutdown.clone()),
        jobs: jobs.clone(),
        events: events.clone(),
        clock: clock.clone(),
        shutdown: shutdown.clone(),
        max_bytes: LIMIT,
        expires: Duration::from_secs(60),
    };
    let sidecars = Sidecars {
        catalog: catalog.clone(),
        ffmpeg: ffmpeg.clone(),
        spool: spool.clone(),
        jobs: jobs.clone(),
        events: events.clone(),
        clock: clock.clone(),
        shutdown: shutdown.clone(),
    };
    let system = SystemParts {
        data_dir: sample.folder.path().to_path_buf(),
        catalog: catalog.clone(),
        cache: cache.clone(),
        spool: spool.clone(),
        events: events.clone(),
        clock: clock.clone(),
        jobs: jobs.clone(),
        fleet: Fleet::new(FleetSettings::default(), &FleetMemory::default(), clock.clone(), events.clone()).unwrap(),
        home: sample.store.channels(),
        on_disk: sample.store.channels(),
        replicas: 1,
        shutdown: shutdown.clone(),
        encoders: Encoders::new(ffmpeg, Preference { hardware_enabled: false, preferred: None }),
    };
    Parts {
        library: Library::new(catalog.clone(), jobs.clone(), events.clone(), clock.clone(), settings),
        delivery: Delivery::new(catalog.clone(), cache.clone(), shutdown.clone()),
        uploads: Uploads::new(uploads),
        sidecars,
        jobs: jobs.clone(),
        system: System::new(system),
        events: events.clone(),
        metrics: Metrics::new(),
        shutdown: shutdown.clone(),
        trusted: Trusted::default(),
        transport: Transport::default(),
        admin: AdminToken::new(TOKEN).unwrap(),
        limits: Limits { upload_max_bytes: LIMIT },
        workers: 1,
        settings: Admission { capacity: Capacity::of(4 << 30, 20_000), patience: Patience::default() },
    }
}
