//! Counters and gauges, read by `/metrics` in the `OpenMetrics` text format.
//!
//! Labels have few values: routes as patterns, never paths, so that no id or file name becomes one.

mod admission;
mod bots;

pub use admission::AdmissionMetrics;
pub use bots::BotNumbers;
pub use prometheus_client::metrics::gauge::Gauge;

use bots::BotMetrics;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Duration;

/// Content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything the program counts. Clones share the numbers.
#[derive(Clone)]
pub struct Metrics {
    /// Segments found in memory.
    pub cache_hits: Counter,
    /// Segments that were not.
    pub cache_misses: Counter,
    /// Bytes of segments in memory now.
    pub cache_bytes: Gauge,
    /// Chunks brought ahead of a player that asked for them afterwards.
    pub cache_ahead_useful: Counter,
    /// Chunks brought ahead that went before anybody asked.
    pub cache_ahead_wasted: Counter,
    /// Segments found on disk, of those that were not in memory.
    pub cache_disk_hits: Counter,
    /// Bytes of segments on disk now.
    pub cache_disk_bytes: Gauge,
    /// Bytes of source files taken in.
    pub ingested_bytes: Counter,
    /// Bytes of packs verified in the store, every copy counted.
    pub stored_bytes: Counter,
    /// Uploads whose body is arriving now.
    pub uploads_open: Gauge,
    /// Who is connected, and who was turned away.
    pub admission: AdmissionMetrics,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    uploads: Family<OutcomeLabels, Counter>,
    jobs: Family<StateLabels, Gauge>,
    tasks: Family<NameLabels, Gauge>,
    bots: BotMetrics,
    registry: Arc<Registry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabels {
    name: &'static str,
}

/// From 1 ms, a segment out of memory, to 33 s, a long upload's last byte.
fn request_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

impl Metrics {
    /// All numbers at zero.
    pub fn new() -> Self {
        let requests = Family::default();
        let request_seconds = Family::new_with_constructor(request_histogram as fn() -> Histogram);
        let (uploads, jobs, tasks) = (Family::default(), Family::default(), Family::default());
        let (cache_hits, cache_misses, cache_bytes) = (Counter::default(), Counter::default(), Gauge::default());
        let (cache_ahead_useful, cache_ahead_wasted) = (Counter::default(), Counter::default());
        let (cache_disk_hits, cache_disk_bytes) = (Counter::default(), Gauge::default());
        let (ingested_bytes, stored_bytes, uploads_open) = (Counter::default(), Counter::default(), Gauge::default());
        let mut registry = Registry::with_prefix("telecine");
        registry.register("http_requests", "Answered requests", requests.clone());
        registry.register("http_request_seconds", "Time until the answer began", request_seconds.clone());
        registry.register("cache_hits", "Segments found in memory", cache_hits.clone());
        registry.register("cache_misses", "Segments that were not", cache_misses.clone());
        registry.register("cache_bytes", "Bytes of segments in memory", cache_bytes.clone());
        registry.register("cache_ahead_useful", "Pieces read ahead that were asked for", cache_ahead_useful.clone());
        registry.register("cache_ahead_wasted", "Pieces read ahead that were not", cache_ahead_wasted.clone());
        registry.register("cache_disk_hits", "Segments found on disk", cache_disk_hits.clone());
        registry.register("cache_disk_bytes", "Bytes of segments on disk", cache_disk_bytes.clone());
        registry.register("jobs", "Jobs by state", jobs.clone());
        registry.register("tasks", "Tasks under way by name", tasks.clone());
        registry.register("ingested_bytes", "Bytes of source files taken in", ingested_bytes.clone());
        registry.register("stored_bytes", "Bytes of verified copies", stored_bytes.clone());
        registry.register("uploads", "Ended uploads by outcome", uploads.clone());
        registry.register("uploads_open", "Uploads that arrive now", uploads_open.clone());
        let admission = AdmissionMetrics::registered(&mut registry);
        let bots = BotMetrics::registered(&mut registry);
        let registry = Arc::new(registry);
        Self {
            cache_hits,
            cache_misses,
            cache_bytes,
            cache_ahead_useful,
            cache_ahead_wasted,
            cache_disk_hits,
            cache_disk_bytes,
            ingested_bytes,
            stored_bytes,
            uploads_open,
            admission,
            requests,
            request_seconds,
            uploads,
            jobs,
            tasks,
            bots,
            registry,
        }
    }

    /// Counts an answer. `route` is the pattern that matched (`/api/videos/{id}`), `elapsed` the
    /// time until the answer began.
    pub fn record_request(&self, route: &'static str, method: &'static str, status: u16, elapsed: Duration) {
        self.request_seconds.get_or_create(&RouteLabels { route, method }).observe(elapsed.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
    }

    /// Counts an upload that ended as `outcome` (`received`, `broken`, `refused`).
    pub fn record_upload(&self, outcome: &'static str) {
        self.uploads.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Says how many jobs are in `state` now.
    pub fn set_jobs(&self, state: &'static str, count: i64) {
        self.jobs.get_or_create(&StateLabels { state }).set(count);
    }

    /// Says how many tasks of this name are under way now.
    pub fn set_tasks(&self, name: &'static str, count: i64) {
        self.tasks.get_or_create(&NameLabels { name }).set(count);
    }

    /// Says what the bot under `slot` does now.
    pub fn set_bot(&self, slot: u8, bot: BotNumbers) {
        self.bots.set(slot, bot);
    }

    /// All numbers as text of type [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut page = String::new();
        text::encode(&mut page, &self.registry).expect("writing to a string cannot fail");
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_on_the_page() {
        let metrics = Metrics::new();
        metrics.record_request("/api/videos/{id}", "GET", 200, Duration::from_millis(3));
        metrics.record_request("/api/videos/{id}", "GET", 200, Duration::from_millis(5));
        metrics.clone().cache_hits.inc_by(7);
        metrics.record_upload("received");
        metrics.set_jobs("running", 2);
        metrics.set_tasks("segment flight", 4);
        let bot = BotNumbers {
            state: "resting",
            pace: 0.5,
            in_flight: 1,
            messages: 20,
            errors: 3,
            bytes_up: 1000,
            bytes_down: 40,
        };
        metrics.set_bot(8, BotNumbers { messages: 19, state: "healthy", ..bot });
        metrics.set_bot(8, bot);
        let page = metrics.encode();
        for line in [
            r#"telecine_http_requests_total{route="/api/videos/{id}",method="GET",status="200"} 2"#,
            r#"telecine_http_request_seconds_count{route="/api/videos/{id}",method="GET"} 2"#,
            "telecine_cache_hits_total 7",
            r#"telecine_uploads_total{outcome="received"} 1"#,
            r#"telecine_jobs{state="running"} 2"#,
            r#"telecine_tasks{name="segment flight"} 4"#,
            r#"telecine_bot_state{slot="8",state="resting"} 1"#,
            r#"telecine_bot_state{slot="8",state="healthy"} 0"#,
            r#"telecine_bot_pace{slot="8"} 0.5"#,
            r#"telecine_bot_messages_total{slot="8"} 20"#,
            r#"telecine_bot_bytes_total{slot="8",direction="down"} 40"#,
            "# EOF",
        ] {
            assert!(page.lines().any(|found| found == line), "no {line} in\n{page}");
        }
    }
}
