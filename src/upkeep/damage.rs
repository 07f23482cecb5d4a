//! Copies that readers found missing or wrong.

use crate::cache::Damage;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::media::extent::Locator;
use crate::media::id::BlobId;
use crate::store::Fault;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Missing copies that may wait to be looked around; more are not: each look takes in a whole film.
pub const MISSING_BACKLOG: usize = 64;

/// Records every reported copy as lost and raises the alarm, until the program ends or nobody reports any more; those
/// that are `missing` are passed on. A report that cannot be recorded is dropped: the next reader will find the copy
/// again.
pub async fn record_damage(
    catalog: Catalog,
    clock: Clock,
    mut reports: mpsc::Receiver<Damage>,
    alarm: Arc<Notify>,
    missing: mpsc::Sender<(BlobId, Locator)>,
    end: CancellationToken,
) {
    while let Some(Some(damage)) = end.run_until_cancelled(reports.recv()).await {
        let Damage { blob, copy, fault } = damage;
        match catalog.copy_lost(blob, copy.clone(), clock.now()).await {
            Ok(()) => {
                tracing::warn!(blob.id = blob.0, %copy, %fault, "a copy is lost and will not be read again");
                alarm.notify_one();
                if fault == Fault::Missing {
                    // When too many wait already, one of them is of the same film, or the next reader tells.
                    let _ = missing.try_send((blob, copy));
                }
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(blob.id = blob.0, %copy, %fault, error, "a lost copy could not be recorded");
            }
        }
    }
}
