//! Copies that readers found missing or wrong.

use crate::cache::Damage;
use crate::catalog::Catalog;
use crate::clock::Clock;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Records every reported copy as lost and raises the alarm, until the program ends or nobody reports any more. A
/// report that cannot be recorded is dropped: the next reader will find the copy again.
pub async fn record_damage(
    catalog: Catalog,
    clock: Clock,
    mut reports: mpsc::Receiver<Damage>,
    alarm: Arc<Notify>,
    end: CancellationToken,
) {
    while let Some(Some(damage)) = end.run_until_cancelled(reports.recv()).await {
        let Damage { blob, copy, fault } = damage;
        match catalog.copy_lost(blob, copy.clone(), clock.now()).await {
            Ok(()) => {
                tracing::warn!(blob.id = blob.0, %copy, %fault, "a copy is lost and will not be read again");
                alarm.notify_one();
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(blob.id = blob.0, %copy, %fault, error, "a lost copy could not be recorded");
            }
        }
    }
}
