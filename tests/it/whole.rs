//! A Bot API that answers every download with the whole file: right bytes, and what was not asked for is kept.

use crate::harness::bots::{Telegram, forget_what_is_cached, watched};
use crate::harness::clip;
use std::collections::BTreeSet;
use telegram_sim::{Ranges, Settings};

#[tokio::test]
async fn over_a_bot_api_that_ignores_ranges_one_download_brings_the_whole_pack() {
    let telegram = Telegram::of(Settings { ranges: Ranges::Ignored, ..Settings::bots(3) });
    let mut world = telegram.folder();
    world.set(
        [("HLS_SEGMENT_DURATION", "2s"), ("ENABLE_ABR", "false")].map(|(name, value)| (name.into(), value.into())),
    );
    world.resume().await;
    let film = clip::h264_aac(32);
    let video = world.published(&film).await;
    world.protected(&video).await;
    let downloads = || {
        let counters = telegram.bots().into_iter().map(|bot| telegram.world().counters(bot.id));
        counters.map(|counters| counters.requests_of("download")).sum::<u64>()
    };
    let packs: BTreeSet<String> =
        telegram.messages().into_iter().map(|message| message.document.unwrap().blake3).collect();
    forget_what_is_cached(&world).await;
    let before = downloads();

    let seen = watched(&world, &video).await;

    let segments: usize = seen.iter().map(|reel| reel.segments.len()).sum();
    let downloaded = downloads() - before;
    assert!(segments > packs.len(), "{segments} segments in {} packs", packs.len());
    assert!(downloaded <= packs.len() as u64, "{downloaded} downloads for {} packs", packs.len());

    let ranged = Telegram::with(3);
    let mut other = ranged.folder();
    other.set([("HLS_SEGMENT_DURATION".to_owned(), "2s".to_owned())]);
    other.resume().await;
    let twin = other.published(&film).await;
    for (seen, wanted) in seen.iter().zip(&watched(&other, &twin).await) {
        assert!(seen.segments == wanted.segments && seen.init == wanted.init, "not the film that went in");
    }
}
