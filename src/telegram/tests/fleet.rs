//! Leases: who gets one, who waits, and what passes through them.

use super::{NonZeroUsize, Scene, document, kind, noise, range, read_all, until};
use crate::telegram::error::Kind;
use crate::telegram::fleet::Purpose;
use crate::telegram::gate::GateSettings;
use crate::telegram::id::{BotId, ChatId};
use crate::telegram::pace::PaceSettings;
use futures::StreamExt;
use std::time::Duration;
use telegram_sim::{Fault, Operation, Settings, Trouble};

#[tokio::test]
async fn bots_are_found_by_their_channels() {
    let scene = Scene::bots(3);
    assert_eq!(scene.fleet.bots().iter().map(|bot| bot.slot).collect::<Vec<_>>(), [1, 2, 3]);
    for bot in scene.fleet.bots() {
        assert_eq!(scene.fleet.by_channel(bot.channel), Some(bot));
    }
    assert_eq!(scene.fleet.by_channel(ChatId(-1)), None);
    let stranger = scene.fleet.lease(BotId(1), Purpose::Playback).await.map(drop);
    assert_eq!(kind(&stranger), Some(Kind::UnknownBot));
}

#[tokio::test]
async fn what_a_bot_did_is_on_its_status() {
    let scene = Scene::bots(2);
    let sent = scene.send(0, noise(500_000)).await.unwrap();
    assert_eq!(scene.read(0, &sent, range(100, 400_100)).await.unwrap(), noise(500_000)[100..400_100]);
    assert!(scene.read(0, &sent, range(0, 500_001)).await.is_err());
    let [status, idle] = scene.fleet.status().try_into().unwrap();
    let shown = status.reading;
    assert_eq!((shown.in_flight, shown.messages, shown.bytes_up), (0, 1, 500_000));
    assert_eq!((shown.bytes_down, shown.errors), (400_000, 1));
    assert!(shown.latency_p50_ms.is_some() && shown.latency_p50_ms <= shown.latency_p95_ms);
    assert_eq!((idle.slot, idle.reading.messages, idle.reading.latency_p50_ms), (2, 0, None));
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!((&json["state"], &json["bytes_up"]), (&"healthy".into(), &500_000.into()));
}

#[tokio::test]
async fn playback_is_served_while_every_deposit_hangs() {
    let scene = Scene::with(Settings::bots(1), |settings| {
        settings.gate = GateSettings { slots: 3, playback: 1, deposit: 0 };
    });
    let sent = scene.send(0, noise(1000)).await.unwrap();
    scene.sim.world().fault(scene.twin(0).id, Fault::standing(Operation::Send, Trouble::Hang));
    let deposits = futures::future::join_all((0..5).map(|_| scene.send(0, noise(1000))));
    let viewer = async {
        until(|| scene.fleet.status()[0].reading.in_flight == 2).await;
        for _ in 0..3 {
            assert_eq!(scene.read(0, &sent, range(0, 1000)).await.unwrap(), noise(1000));
        }
    };
    tokio::select! {
        _ = deposits => unreachable!("they hang"),
        () = viewer => {}
    }
    assert_eq!(scene.sim.world().counters(scene.twin(0).id).sends_peak, 2);
    assert_eq!(scene.fleet.status()[0].reading.in_flight, 0, "dropped deposits have let go of their slots");
}

#[tokio::test]
async fn a_download_keeps_its_slot_until_it_is_read_or_dropped() {
    let scene = Scene::with(Settings::bots(1), |settings| {
        settings.gate = GateSettings { slots: 1, playback: 0, deposit: 0 };
        settings.waits.playback = Duration::from_millis(50);
    });
    let sent = scene.send(0, noise(2_000_000)).await.unwrap();
    for read_to_the_end in [true, false] {
        let lease = scene.fleet.lease(scene.bot(0).id, Purpose::Playback).await.unwrap();
        let mut stream = lease.download(&sent.file, range(0, 2_000_000)).await.unwrap().into_range();
        stream.next().await.unwrap().unwrap();
        assert_eq!(scene.fleet.status()[0].reading.in_flight, 1);
        let second = scene.fleet.lease(scene.bot(0).id, Purpose::Playback).await.map(drop);
        assert_eq!(kind(&second), Some(Kind::Busy));
        if read_to_the_end {
            read_all(stream).await.unwrap();
        } else {
            drop(stream);
        }
        assert_eq!(scene.fleet.status()[0].reading.in_flight, 0);
        scene.fleet.lease(scene.bot(0).id, Purpose::Playback).await.unwrap();
    }
}

#[tokio::test]
async fn a_spent_budget_is_waited_for_or_said_and_never_asked_beyond() {
    let scene = Scene::with(Settings::bots(1), |settings| {
        settings.pace = PaceSettings { channel_burst: 2, channel_per_minute: 60, ..Default::default() };
        settings.waits.patience = Duration::ZERO;
    });
    scene.send(0, noise(1)).await.unwrap();
    scene.send(0, noise(1)).await.unwrap();
    let answer = scene.send(0, noise(1)).await;
    // A second may have passed on a slow machine; the channel's budget of a minute has not.
    if let Err(error) = answer {
        assert_eq!(error.kind, Kind::Flooded);
        assert!(error.retry_after.unwrap() <= Duration::from_secs(1) && !error.may_have_been_sent());
        assert_eq!(scene.requests(0, "sendDocument"), 2);
    }
    let patient = Scene::with(Settings::bots(1), |settings| {
        settings.pace = PaceSettings { channel_burst: 1, channel_per_minute: 60, ..Default::default() };
        settings.waits.patience = Duration::from_secs(60);
    });
    for _ in 0..2 {
        patient.send(0, noise(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_is_rescued_by_a_bot_that_is_in_its_channel() {
    let scene = Scene::with(Settings::bots(3), |_| {});
    let bytes = noise(70_000);
    let sent = scene.send(0, bytes.clone()).await.unwrap();
    let (lost, via, stranger) = (scene.bot(0), scene.bot(1), scene.bot(2));
    let everything = telegram_sim::Standing::Administrator(telegram_sim::Rights::ALL);
    scene.sim.world().set_standing(scene.twin(0).channel, scene.twin(1).id, everything).unwrap();
    scene.sim.world().revoke(scene.twin(0).id).unwrap();
    assert_eq!(kind(&scene.read(0, &sent, range(0, 1)).await), Some(Kind::Unauthorized));

    let lease = scene.fleet.lease(stranger.id, Purpose::Upkeep).await.unwrap();
    let rescue = lease.forward(lost.channel, sent.message).await;
    assert_eq!(kind(&rescue), Some(Kind::Forbidden));
    assert_eq!(serde_json::to_value(&scene.fleet.status()[2]).unwrap()["state"], "healthy");

    let lease = scene.fleet.lease(via.id, Purpose::Upkeep).await.unwrap();
    let copy = lease.forward(lost.channel, sent.message).await.unwrap();
    assert_eq!(scene.read(1, &copy, range(0, 70_000)).await.unwrap(), bytes);
    let there = scene.sim.world().messages(scene.twin(1).channel);
    assert_eq!(there.iter().map(|message| message.id.0).collect::<Vec<_>>(), [copy.message.0]);
    assert_eq!(lease.delete(via.channel, &[copy.message]).await.unwrap(), []);
}

#[tokio::test]
async fn links_beyond_the_remembered_ones_are_asked_for_again() {
    let scene = Scene::with(Settings::bots(1), |settings| settings.api.links_max = NonZeroUsize::MIN);
    let (one, two) = (scene.send(0, noise(1)).await.unwrap(), scene.send(0, noise(2)).await.unwrap());
    for (sent, asked) in [(&one, 1), (&one, 1), (&two, 2), (&one, 3)] {
        scene.read(0, sent, range(0, 1)).await.unwrap();
        assert_eq!(scene.requests(0, "getFile"), asked);
    }
    let lease = scene.fleet.lease(scene.bot(0).id, Purpose::Deposit).await.unwrap();
    lease.send_document(document(noise(3))).await.unwrap();
    assert_eq!(lease.bot(), scene.bot(0));
}
