//! Messages of sends whose answer was lost: one that comes late, and one beside litter.

use super::mending::Ward;
use crate::catalog::{Doubt, JobLease, NotRemoved};
use crate::media::extent::ChannelId;
use crate::store::tests::ticket_for;
use std::time::Duration;
use telegram_sim::{Fault, Operation, Trouble};

impl Ward {
    /// Makes a lost copy again while the first send to each channel has this trouble, and answers what is in doubt
    /// afterwards.
    async fn mended_through(&self, trouble: &Trouble) -> (JobLease, ChannelId, Doubt) {
        let lost = &self.blob.copies[0];
        self.miss(lost).await;
        self.delete_by_hand(lost);
        let lease = self.job().await;
        self.sim.world().fault_all(&Fault::once(Operation::Send, trouble.clone()));
        self.mend(lease).await;
        self.sim.world().bots().iter().for_each(|bot| self.sim.world().clear_faults(bot.id));
        let mut doubts = self.doubts().await;
        assert_eq!(doubts.len(), 1, "{doubts:?}");
        let (channel, doubt) = doubts.remove(0);
        (lease, channel, doubt)
    }

    async fn doubts(&self) -> Vec<(ChannelId, Doubt)> {
        let doubts = self.sample.catalog.doubts().await.unwrap();
        doubts.into_iter().flat_map(|(channel, all)| all.into_iter().map(move |one| (channel.clone(), one))).collect()
    }
}

#[tokio::test]
async fn a_message_that_comes_after_its_channel_was_searched_is_found_and_removed() {
    let ward = Ward::new().await;
    let (_, channel, doubt) = ward.mended_through(&Trouble::Status { code: 502 }).await;
    ward.round_after(Duration::ZERO).await;
    assert_eq!(ward.doubts().await.len(), 1, "it may come yet");
    let before = ward.messages();

    let scratch = tempfile::tempdir().unwrap();
    let (mut late, file) = ticket_for(scratch.path(), b"late", &channel);
    late.caption = format!("telecine/1 a pack b {}", doubt.copy.imprint);
    ward.sample.store.put(&late, &file).await.unwrap();
    assert_ne!(ward.messages(), before);
    ward.round_after(Duration::from_secs(60)).await;

    assert_eq!(ward.messages(), before);
    assert!(ward.doubts().await.is_empty(), "it was found");
}

#[tokio::test]
async fn what_never_came_is_not_looked_for_for_ever() {
    let ward = Ward::new().await;
    ward.mended_through(&Trouble::Status { code: 502 }).await;
    ward.round_after(Duration::from_secs(299)).await;
    assert_eq!(ward.doubts().await.len(), 1);
    ward.round_after(Duration::from_secs(400)).await;
    assert!(ward.doubts().await.is_empty());
}

#[tokio::test]
async fn litter_is_not_taken_for_the_message_that_nobody_heard_of() {
    let ward = Ward::new().await;
    let before: usize = ward.messages().iter().sum();
    let (lease, channel, _) = ward.mended_through(&Trouble::LoseAnswer).await;
    let (catalog, store, now) = (&ward.sample.catalog, &ward.sample.store, ward.sample.clock.now());
    let named = catalog.copies_on(channel.clone()).await.unwrap();
    store.find(&channel, &[], &named).await.unwrap();
    // The second message, which has the same imprint, is not needed any more, and cannot be removed now.
    let record = catalog.blob_to_store(lease, ward.blob.id).await.unwrap().unwrap();
    let again = record.copies.iter().find(|copy| copy.channel == channel).unwrap();
    let locator = again.locator.clone().unwrap();
    catalog.discard_copies(lease, ward.blob.id, vec![locator.clone()], now).await.unwrap();
    catalog.litter_kept(vec![locator.clone()], NotRemoved::Failed, now).await.unwrap();
    assert_eq!(ward.messages().iter().sum::<usize>(), before + 1, "the lost one, its double, and one less by hand");

    ward.round_after(Duration::ZERO).await;

    assert_eq!(ward.messages().iter().sum::<usize>(), before, "the one that nobody knew of is gone");
    assert!(ward.is_there(&locator), "and not the one that is known, whose time has not come");
    assert!(ward.doubts().await.is_empty());
}
