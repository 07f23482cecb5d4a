//! Two servers under the same load, in turns.

use crate::Plan;
use crate::load::{Load, Measured, Request};
use crate::stage::report::{Spread, short};
use crate::stage::{cpu_seconds, median};
use std::net::SocketAddr;

/// One of the two.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub address: SocketAddr,
    /// The process whose time counts.
    pub pid: u32,
    pub requests: &'a [Request],
}

impl Side<'_> {
    pub fn under(&self, load: Load) -> Measured {
        load.run(self.address, self.requests, || cpu_seconds(self.pid))
    }
}

/// What came of it, turn by turn.
pub struct Turns(pub Vec<(Measured, Measured)>);

impl Turns {
    /// Puts one after the other under load; who comes first changes.
    pub fn of(plan: &Plan, connections: usize, ours: Side<'_>, theirs: Side<'_>) -> Self {
        let load = Load { connections, time: plan.time, core: plan.client_core };
        let turns = (0..plan.rounds).map(|round| {
            if round % 2 == 0 {
                let ours = ours.under(load);
                (ours, theirs.under(load))
            } else {
                let theirs = theirs.under(load);
                (ours.under(load), theirs)
            }
        });
        Self(turns.collect())
    }

    /// The ratios of ours to theirs.
    pub fn ratio(&self, figure: impl Fn(&Measured) -> f64) -> Spread {
        Spread::of(self.0.iter().map(|(ours, theirs)| figure(ours) / figure(theirs)))
    }

    /// Such as `2.10 beside 2.30 GB/s`.
    pub fn seen(&self, figure: impl Fn(&Measured) -> f64, unit: &str) -> String {
        let (ours, theirs) = self.0.iter().map(|(ours, theirs)| (figure(ours), figure(theirs))).unzip();
        format!("{} beside {} {unit}", short(median(ours)), short(median(theirs)))
    }

    /// The time of processor, and how long answers took.
    pub fn aside(&self, cost: impl Fn(&Measured) -> f64, unit: &str) -> String {
        let quick = |measured: &Measured| measured.latency.0;
        let slow = |measured: &Measured| measured.latency.1;
        format!(
            "{}; CPU {}; half of the answers within {}, 99 of 100 within {}",
            self.busy(),
            self.seen(cost, unit),
            self.seen(quick, "ms"),
            self.seen(slow, "ms")
        )
    }

    /// How busy the two cores were: where one was not, the client was the limit.
    fn busy(&self) -> String {
        let share = |measured: &Measured| measured.cpu / measured.seconds;
        format!("of its core {}", self.seen(share, "in use"))
    }
}
