mod search;

use super::*;
use crate::media::id::BlobId;
use crate::store::tests as contract;
use crate::store::tests::{pattern, stored, ticket_for};
use crate::store::{LocalSettings, LocalStore, RoutedStore, read_verified};
use crate::tests::fleet_of;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use telegram_sim::{Fault as Mischief, Membership, Operation, Ranges, Settings, Simulator, Trouble};
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
    sim: Simulator,
    store: TelegramStore,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings { bots: 2, ..Settings::default() })
    }

    fn with(settings: Settings) -> Self {
        let sim = Simulator::start(settings).unwrap();
        let store = TelegramStore::new(fleet_of(&sim));
        Self { folder: tempfile::tempdir().unwrap(), sim, store }
    }

    fn bot(&self, number: usize) -> telegram_sim::Bot {
        self.sim.world().bots()[number].clone()
    }

    fn ticket(&self, bytes: &[u8], channel: usize) -> (PutTicket, PathBuf) {
        ticket_for(self.folder.path(), bytes, &self.store.channels()[channel])
    }

    fn messages(&self, channel: usize) -> usize {
        self.sim.world().messages(self.bot(channel).channel).len()
    }
}

#[tokio::test]
async fn the_contract_holds() {
    contract_holds(&Bench::new()).await;
}

#[tokio::test]
async fn the_contract_holds_over_a_bot_api_that_ignores_ranges() {
    contract_holds(&Bench::with(Settings { bots: 2, ranges: Ranges::Ignored, ..Settings::default() })).await;
}

async fn contract_holds(bench: &Bench) {
    let (store, scratch) = (&bench.store, bench.folder.path());
    contract::every_channel_keeps_what_was_put(store, scratch).await;
    contract::a_range_is_exact(store, scratch).await;
    contract::a_removed_copy_is_absent_and_removing_it_again_succeeds(store, scratch).await;
    contract::removing_one_copy_leaves_the_other(store, scratch).await;
    contract::a_file_that_is_not_what_the_ticket_says_is_refused(store, scratch).await;
    contract::a_foreign_locator_is_refused(store).await;
    contract::a_copy_is_read_back_chunk_by_chunk(store, scratch).await;
    contract::unheard_copies_are_found_together_and_named_ones_are_not(store, scratch).await;
}

#[tokio::test]
async fn a_wire_without_ranges_gives_the_whole_copy_and_says_so() {
    let bench = Bench::with(Settings { bots: 1, ranges: Ranges::Ignored, ..Settings::default() });
    let bytes = pattern(600_001);
    let (ticket, file) = bench.ticket(&bytes, 0);
    let copy = bench.store.put(&ticket, &file).await.unwrap();
    let blob = stored(BlobId(1), &bytes, vec![copy.clone()]);
    let mut chunks = read_verified(&bench.store, &copy, &blob, 1..2, Purpose::Playback).await.unwrap();
    let mut all = Vec::new();
    for position in 0..3 {
        assert_eq!(chunks.position(), position);
        all.extend(chunks.next().await.unwrap().unwrap());
    }
    assert_eq!(chunks.next().await.unwrap(), None);
    assert_eq!(all, bytes);
}

#[tokio::test]
async fn damage_before_what_was_asked_for_spoils_nothing_of_a_whole_answer() {
    let bench = Bench::with(Settings { bots: 1, ranges: Ranges::Ignored, ..Settings::default() });
    let bytes = pattern(600_001);
    let (ticket, file) = bench.ticket(&bytes, 0);
    let copy = bench.store.put(&ticket, &file).await.unwrap();
    let blob = stored(BlobId(1), &bytes, vec![copy.clone()]);
    for (asked, flipped, chunks) in [(1..3, 99, [1, 2]), (1..2, 600_000, [0, 1]), (0..1, 300_000, [0, 2])] {
        bench.sim.world().fault(bench.bot(0).id, Mischief::once(Operation::Download, Trouble::FlipBit { at: flipped }));
        let mut reading = read_verified(&bench.store, &copy, &blob, asked.clone(), Purpose::Playback).await.unwrap();
        for chunk in chunks {
            let (begin, end) = (chunk * 262_144, (chunk + 1) * 262_144);
            assert_eq!(reading.next().await.unwrap().unwrap(), bytes[begin..end.min(600_001)], "{asked:?}: {chunk}");
            assert_eq!(reading.position(), chunk as u64 + 1);
        }
        assert_eq!(reading.next().await.unwrap(), None);
    }
    bench.sim.world().fault(bench.bot(0).id, Mischief::once(Operation::Download, Trouble::FlipBit { at: 99 }));
    let mut reading = read_verified(&bench.store, &copy, &blob, 0..1, Purpose::Playback).await.unwrap();
    assert_eq!(reading.next().await.unwrap_err().fault, Fault::Corrupt, "what was asked for is not passed over");
}

#[tokio::test]
async fn a_lost_answer_leaves_a_message_that_can_be_found_and_a_refusal_leaves_none() {
    let bench = Bench::new();
    let (first, file) = bench.ticket(b"before", 0);
    let after = bench.store.put(&first, &file).await.unwrap();
    bench.sim.world().fault(bench.bot(0).id, Mischief::once(Operation::Send, Trouble::LoseAnswer));
    let (lost, file) = bench.ticket(&pattern(100_000), 0);
    let error = bench.store.put(&lost, &file).await.unwrap_err();
    assert!(error.fault == Fault::Unreachable && error.may_be_there(), "{error:?}");
    let (next, file) = bench.ticket(b"next", 0);
    let next = bench.store.put(&next, &file).await.unwrap();
    let messages = bench.messages(0);

    let unheard = [UnheardCopy { imprint: lost.nonce, after: Some(after.clone()) }];
    let named = [after, next];
    let search = bench.store.find(&lost.channel, &unheard, &named).await.unwrap();
    let [stray] = &search.strays[..] else { panic!("it is in the channel: {search:?}") };
    assert!(!named.contains(stray));
    let read = bench.store.read(stray, ByteRange::at(0, 100_000).unwrap(), Purpose::Upkeep).await;
    assert!(read.is_ok(), "what was found can be read");
    assert_eq!(bench.store.remove(&search.strays).await.unwrap(), []);
    assert_eq!(bench.messages(0), messages - 1, "looking left nothing behind");
    assert_eq!(bench.store.find(&lost.channel, &unheard, &named).await.unwrap().strays, []);

    let forbidden = Trouble::Status { code: 400 };
    bench.sim.world().fault(bench.bot(1).id, Mischief::once(Operation::Send, forbidden));
    let (refused, file) = bench.ticket(b"bytes", 1);
    let error = bench.store.put(&refused, &file).await.unwrap_err();
    assert!(!error.may_be_there(), "{error:?}");
    assert_eq!(bench.messages(1), 0);
}

#[tokio::test]
async fn looking_for_a_copy_leaves_other_peoples_words_alone() {
    let bench = Bench::new();
    let bot = bench.bot(0);
    let words = [("chat_id", bot.channel.to_string()), ("text", "films of the house".to_owned())];
    let said = reqwest::Client::new()
        .post(format!("{}/bot{}/sendMessage", bench.sim.url(), bot.token))
        .json(&words.into_iter().collect::<std::collections::BTreeMap<_, _>>());
    assert!(said.send().await.unwrap().status().is_success());
    let channel = bench.store.channels()[0].clone();
    let unheard = [UnheardCopy { imprint: Uuid::new_v4(), after: None }];
    assert_eq!(bench.store.find(&channel, &unheard, &[]).await.unwrap().strays, []);
    assert_eq!(bench.messages(0), 1, "it stands there once");
}

#[tokio::test]
async fn a_flood_is_a_wait_and_a_revoked_token_is_no_answer() {
    let bench = Bench::new();
    let (ticket, file) = bench.ticket(b"bytes", 0);
    let copy = bench.store.put(&ticket, &file).await.unwrap();
    bench.sim.world().fault(bench.bot(0).id, Mischief::once(Operation::Any, Trouble::Flood { seconds: 600 }));
    for _ in 0..2 {
        let range = ByteRange::at(0, 5).unwrap();
        let error = bench.store.read(&copy, range, Purpose::Playback).await.err().expect("the bot rests");
        assert_eq!(error.fault, Fault::Throttled);
        let wait = error.retry_after.unwrap();
        assert!(wait > Duration::from_secs(500) && wait <= Duration::from_secs(600), "{wait:?}");
    }
    let (ticket, file) = bench.ticket(b"bytes", 1);
    bench.sim.world().revoke(bench.bot(1).id).unwrap();
    let error = bench.store.put(&ticket, &file).await.unwrap_err();
    assert_eq!((error.fault, error.may_be_there()), (Fault::Unreachable, false));
}

#[tokio::test]
async fn what_is_too_old_to_be_deleted_is_said_to_stay() {
    let bench = Bench::new();
    let mut copies = Vec::new();
    for bytes in [b"old", b"new"] {
        if bytes == b"new" {
            bench.sim.world().advance(Duration::from_secs(49 * 3600)).unwrap();
        }
        let (ticket, file) = bench.ticket(bytes, 0);
        copies.push(bench.store.put(&ticket, &file).await.unwrap());
    }
    assert_eq!(bench.store.remove(&copies).await.unwrap(), copies[..1]);
    assert_eq!(bench.messages(0), 1);
}

#[tokio::test]
async fn a_member_of_its_channel_rescues_the_copy_of_a_bot_that_is_out() {
    let bench = Bench::with(Settings { bots: 2, membership: Membership::EveryChannel, ..Settings::default() });
    let bytes = pattern(300_000);
    let (ticket, file) = bench.ticket(&bytes, 0);
    let copy = bench.store.put(&ticket, &file).await.unwrap();
    bench.sim.world().revoke(bench.bot(0).id).unwrap();
    let range = ByteRange::at(0, 300_000).unwrap();
    assert!(bench.store.read(&copy, range, Purpose::Upkeep).await.is_err());

    let (again, _) = bench.ticket(&bytes, 1);
    let rescued = bench.store.put_again(&again, &copy).await.unwrap();

    let blob = stored(BlobId(1), &bytes, vec![rescued.clone()]);
    let mut chunks = read_verified(&bench.store, &rescued, &blob, 0..2, Purpose::Upkeep).await.unwrap();
    assert!(chunks.next().await.unwrap().is_some() && chunks.next().await.unwrap().is_some());
}

#[tokio::test]
async fn a_library_may_lie_in_both_stores() {
    let bench = Bench::new();
    let local = LocalStore::open(LocalSettings { root: bench.folder.path().join("local") }).await.unwrap();
    let (ticket, file) = ticket_for(bench.folder.path(), b"here", &local.channels()[0]);
    let here = local.put(&ticket, &file).await.unwrap();
    let both = RoutedStore::new(Arc::new(bench.store.clone()), vec![Arc::new(local)]);
    let (ticket, file) = bench.ticket(b"there", 0);
    let there = both.put(&ticket, &file).await.unwrap();
    for copy in [&here, &there] {
        assert_eq!(both.probe(copy).await.unwrap(), Presence::Present);
    }
    assert_eq!(both.channels(), bench.store.channels());
    assert_eq!(both.remove(&[here.clone(), there.clone()]).await.unwrap(), []);
    for copy in [&here, &there] {
        assert_eq!(both.probe(copy).await.unwrap(), Presence::Absent);
    }
    contract::a_foreign_locator_is_refused(&both).await;
}
