//! How many jobs of each kind are done at the same time.

use crate::catalog::JobKind;
use crate::config::Config;
use crate::ingest::Slots;
use crate::jobs;
use std::time::Duration;

/// Films that are looked into while all slots are taken.
const BEGINNINGS: usize = 6;

/// The part of the spool that films in line may keep: half of what uploads never have.
const LEFT_IN_LINE: u64 = 8;

/// The settings of the engine, for so many encodes and copies.
pub(super) fn settings(config: &Config, slots: &Slots) -> jobs::Settings {
    jobs::Settings {
        workers: vec![
            // All others only wait, and make way for films that cannot be played yet.
            (JobKind::Ingest, slots.count() + BEGINNINGS),
            (JobKind::Refine, 1),
            (JobKind::Attach, 1),
            (JobKind::Forget, 1),
            (JobKind::Mend, 1),
            (JobKind::Move, 1),
        ],
        most_left: config.storage.spool_max_bytes / LEFT_IN_LINE,
        lease: Duration::from_secs(60),
        beat: Duration::from_secs(1),
        grace: Duration::from_secs(10),
    }
}
