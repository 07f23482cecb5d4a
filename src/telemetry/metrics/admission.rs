//! Who is connected, what is under way, and who was turned away or cut off.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The numbers of the web server's door.
#[derive(Clone, Default)]
pub struct AdmissionMetrics {
    /// Connections that are open now.
    pub connections: Gauge,
    under_way: Family<KindLabels, Gauge>,
    turned_away: Family<ReasonLabels, Counter>,
    cut_off: Family<ReasonLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

impl AdmissionMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("http_connections", "Open connections", metrics.connections.clone());
        registry.register("http_under_way", "Requests that hold memory now, by kind", metrics.under_way.clone());
        registry.register("http_turned_away", "Requests answered with come back later", metrics.turned_away.clone());
        registry.register("http_cut_off", "Connections and bodies that were ended early", metrics.cut_off.clone());
        metrics
    }

    /// How many requests of a kind (`answers`, `uploads`, `listeners`) are under way.
    pub fn under_way(&self, kind: &'static str) -> Gauge {
        self.under_way.get_or_create_owned(&KindLabels { kind })
    }

    /// Counts a request for which there was no room: `connections`, `client`, or the kind of which there were too many.
    pub fn record_turned_away(&self, reason: &'static str) {
        self.turned_away.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a connection or a body that was ended: `slow_head`, `slow_body`, `slow_reader`, or `made_way` for a newcomer.
    pub fn record_cut_off(&self, reason: &'static str) {
        self.cut_off.get_or_create(&ReasonLabels { reason }).inc();
    }
}
