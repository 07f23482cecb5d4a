//! Bots that are flooded, silent or thrown out, and how they come back.

use super::{Scene, kind, noise, range, until};
use crate::clock::Clock;
use crate::events::Events;
use crate::telegram::circuit::{CircuitState, OutReason, RestReason};
use crate::telegram::error::Kind;
use crate::telegram::fleet::{Fleet, FleetMemory, Purpose};
use std::time::Duration;
use telegram_sim::{Fault, Operation, Rights, Settings, Standing, Trouble};
use tokio_util::sync::CancellationToken;

const FLOOD: Duration = Duration::from_secs(600);

fn state(scene: &Scene, number: usize) -> CircuitState {
    scene.fleet.status()[number].state
}

fn is_out(scene: &Scene, number: usize, expected: OutReason) -> bool {
    matches!(state(scene, number), CircuitState::Out { reason, .. } if reason == expected)
}

#[tokio::test]
async fn a_flooded_bot_is_left_alone_to_the_second_and_over_a_restart() {
    let scene = Scene::bots(2);
    let sent = scene.send(0, noise(100)).await.unwrap();
    let mut changes = scene.fleet.subscribe();
    changes.mark_unchanged();
    scene.sim.world().fault(scene.twin(0).id, Fault::once(Operation::Send, Trouble::Flood { seconds: 600 }));

    let error = scene.send(0, noise(100)).await.unwrap_err();

    assert_eq!((error.kind, error.retry_after), (Kind::Flooded, Some(FLOOD)));
    assert!(matches!(state(&scene, 0), CircuitState::Resting { reason: RestReason::Flood, .. }));
    assert!((scene.fleet.status()[0].pace - 0.5).abs() < 1e-9, "its channel is sent to half as often");
    assert!(changes.has_changed().unwrap());
    let memory = changes.borrow_and_update().clone();
    assert_eq!((memory.rests.len(), memory.rests[0].bot), (1, scene.bot(0).id));
    assert_eq!((memory.paces.len(), memory.paces[0].bot, memory.paces[0].share), (1, scene.bot(0).id, 4));

    let asked = scene.sim.world().counters(scene.twin(0).id);
    scene.pass(Duration::from_secs(200));
    let restarted = scene.restarted(&memory);
    assert!((restarted.status()[0].pace - 0.5).abs() < 1e-9, "and so it stays");
    for fleet in [&scene.fleet, &restarted] {
        for purpose in [Purpose::Playback, Purpose::Deposit, Purpose::Upkeep] {
            let error = fleet.lease(scene.bot(0).id, purpose).await.map(drop).unwrap_err();
            assert_eq!((error.kind, error.retry_after), (Kind::Flooded, Some(Duration::from_secs(400))));
        }
        fleet.lease(scene.bot(1).id, Purpose::Playback).await.unwrap();
    }
    assert_eq!(scene.sim.world().counters(scene.twin(0).id), asked, "nobody asked it anything");

    scene.pass(Duration::from_secs(400));
    scene.sim.world().advance(FLOOD).unwrap();
    assert_eq!(scene.read(0, &sent, range(0, 100)).await.unwrap(), noise(100));
    scene.send(0, noise(100)).await.unwrap();
    restarted.lease(scene.bot(0).id, Purpose::Playback).await.unwrap();
    assert_eq!(scene.fleet.memory().rests, []);
    let (bot, other) = (scene.restarted(&memory).status()[0].pace, scene.restarted(&memory).status()[1].pace);
    assert!((bot - 0.75).abs() < 1e-9 && (other - 1.0).abs() < 1e-9, "ten minutes gave two eighths back: {bot}");
}

#[tokio::test]
async fn a_lease_taken_before_a_flood_does_not_send_into_it() {
    let scene = Scene::bots(1);
    let early = scene.fleet.lease(scene.bot(0).id, Purpose::Deposit).await.unwrap();
    scene.sim.world().fault(scene.twin(0).id, Fault::once(Operation::Send, Trouble::Flood { seconds: 600 }));
    assert!(scene.send(0, noise(1)).await.is_err());
    let error = early.send_document(super::document(noise(1))).await.unwrap_err();
    assert_eq!((error.kind, error.retry_after), (Kind::Flooded, Some(FLOOD)));
    assert_eq!(scene.requests(0, "sendDocument"), 1);
    let test = scene.fleet.test(scene.bot(0).id).await.unwrap();
    assert!(test.failures[0].advice.contains("600 seconds"), "{test:?}");
    assert_eq!(scene.requests(0, "getMe"), 0, "a test leaves it alone, too");
}

#[tokio::test]
async fn a_deposit_sits_out_a_short_flood_and_a_viewer_does_not() {
    let scene = Scene::bots(1);
    // The machine's clock: the rest is really waited for.
    let fleet = Fleet::new(scene.settings.clone(), &FleetMemory::default(), Clock::system(), Events::new()).unwrap();
    let bot = scene.bot(0).id;
    scene.sim.world().fault(scene.twin(0).id, Fault::once(Operation::Send, Trouble::Flood { seconds: 3 }));
    let first = fleet.lease(bot, Purpose::Deposit).await.unwrap();
    assert_eq!(kind(&first.send_document(super::document(noise(1))).await), Some(Kind::Flooded));
    drop(first);
    let viewer = fleet.lease(bot, Purpose::Playback).await.map(drop).unwrap_err();
    assert!(viewer.kind == Kind::Flooded && viewer.retry_after.unwrap() <= Duration::from_secs(3));
    let lease = fleet.lease(bot, Purpose::Deposit).await.unwrap();
    lease.send_document(super::document(noise(1))).await.unwrap();
}

#[tokio::test]
async fn a_silent_bot_rests_and_is_asked_again() {
    let scene = Scene::bots(1);
    let sent = scene.send(0, noise(100_000)).await.unwrap();
    scene.read(0, &sent, range(0, 1)).await.unwrap();
    for trouble in [Trouble::Status { code: 502 }, Trouble::Reset, Trouble::DropAfter { bytes: 10 }] {
        scene.sim.world().fault(scene.twin(0).id, Fault::times(3, Operation::Download, trouble.clone()));
        for _ in 0..3 {
            assert_eq!(state(&scene, 0), CircuitState::Healthy, "{trouble:?}");
            let error = scene.read(0, &sent, range(0, 50_000)).await.unwrap_err();
            assert!(matches!(error.kind, Kind::ServerFault | Kind::Unreachable), "{trouble:?}: {error}");
        }
        assert!(matches!(state(&scene, 0), CircuitState::Resting { reason: RestReason::Unreachable, .. }));
        let error = scene.read(0, &sent, range(0, 1)).await.unwrap_err();
        assert_eq!((error.kind, error.retry_after), (Kind::Unreachable, Some(Duration::from_secs(1))));
        scene.pass(Duration::from_secs(1));
        scene.read(0, &sent, range(0, 50_000)).await.unwrap();
    }
    assert_eq!(scene.fleet.status()[0].reading.errors, 9);
}

#[tokio::test]
async fn a_bot_that_begins_every_answer_and_hangs_comes_to_rest() {
    let scene = Scene::with(Settings::bots(1), |settings| settings.api.stall = Duration::from_secs(1));
    let sent = scene.send(0, noise(3_000_000)).await.unwrap();
    scene
        .sim
        .world()
        .fault(scene.twin(0).id, Fault::standing(Operation::Download, Trouble::Slow { bytes_per_second: 1 }));
    for _ in 0..3 {
        assert_eq!(kind(&scene.read(0, &sent, range(0, 3_000_000)).await), Some(Kind::Unreachable));
    }
    assert!(matches!(state(&scene, 0), CircuitState::Resting { reason: RestReason::Unreachable, .. }));
}

#[tokio::test]
async fn a_bot_that_readers_leave_for_want_of_an_answer_comes_to_rest() {
    let scene = Scene::bots(1);
    let sent = scene.send(0, noise(1000)).await.unwrap();
    scene.sim.world().fault(scene.twin(0).id, Fault::standing(Operation::Download, Trouble::Hang));
    let left_after = async |wait| {
        assert!(tokio::time::timeout(wait, scene.read(0, &sent, range(0, 1000))).await.is_err());
    };
    for _ in 0..4 {
        left_after(Duration::from_millis(50)).await;
    }
    assert_eq!(state(&scene, 0), CircuitState::Healthy, "they left too soon to tell");
    for _ in 0..3 {
        left_after(Duration::from_millis(1100)).await;
    }
    assert!(matches!(state(&scene, 0), CircuitState::Resting { reason: RestReason::Unreachable, .. }));
    assert!(scene.fleet.status()[0].is_silent);
}

#[tokio::test]
async fn a_bot_thrown_out_sends_nothing_more_and_still_reads() {
    let scene = Scene::bots(1);
    let (bot, twin) = (scene.bot(0), scene.twin(0));
    let sent = scene.send(0, noise(100)).await.unwrap();
    for (standing, reason) in [
        (Standing::Banned, OutReason::Forbidden),
        (Standing::Member, OutReason::Forbidden),
        (Standing::Administrator(Rights { post: false, ..Rights::ALL }), OutReason::Forbidden),
    ] {
        scene.sim.world().set_standing(twin.channel, twin.id, standing).unwrap();
        assert_eq!(kind(&scene.send(0, noise(100)).await), Some(Kind::Forbidden), "{standing:?}");
        assert!(is_out(&scene, 0, reason));
        let asked = scene.requests(0, "sendDocument");
        let lease = scene.fleet.lease(bot.id, Purpose::Deposit).await.map(drop).unwrap_err();
        assert_eq!((lease.kind, lease.retry_after), (Kind::Forbidden, None));
        let upkeep = scene.fleet.lease(bot.id, Purpose::Upkeep).await.unwrap();
        assert_eq!(kind(&upkeep.send_document(super::document(noise(1))).await), Some(Kind::Forbidden));
        assert_eq!(scene.requests(0, "sendDocument"), asked, "it is not even tried");
        drop(upkeep);
        assert_eq!(scene.read(0, &sent, range(0, 100)).await.unwrap(), noise(100));
        assert!(is_out(&scene, 0, reason), "reading repairs nothing");

        scene.sim.world().set_standing(twin.channel, twin.id, Standing::Administrator(Rights::ALL)).unwrap();
        watch_until(&scene, || state(&scene, 0) == CircuitState::Healthy).await;
        scene.send(0, noise(100)).await.unwrap();
    }
    scene.sim.world().drop_channel(twin.channel).unwrap();
    assert_eq!(kind(&scene.send(0, noise(100)).await), Some(Kind::ChatNotFound));
    assert!(is_out(&scene, 0, OutReason::ChannelGone));
}

#[tokio::test]
async fn a_bot_whose_token_is_refused_is_out_until_it_is_taken_again() {
    let scene = Scene::bots(2);
    let sent = scene.send(0, noise(100)).await.unwrap();
    scene.sim.world().fault(scene.twin(0).id, Fault::standing(Operation::Any, Trouble::Unauthorized));
    assert_eq!(kind(&scene.read(0, &sent, range(0, 1)).await), Some(Kind::Unauthorized));
    assert!(is_out(&scene, 0, OutReason::Unauthorized));
    let asked = scene.sim.world().counters(scene.twin(0).id);
    for purpose in [Purpose::Playback, Purpose::Deposit, Purpose::Upkeep] {
        let lease = scene.fleet.lease(scene.bot(0).id, purpose).await.map(drop);
        assert_eq!(kind(&lease), Some(Kind::Unauthorized));
    }
    assert_eq!(scene.sim.world().counters(scene.twin(0).id), asked);
    scene.pass(Duration::from_secs(60));
    watch_until(&scene, || scene.requests(0, "getMe") > 0).await;
    assert!(is_out(&scene, 0, OutReason::Unauthorized));
    scene.sim.world().clear_faults(scene.twin(0).id);
    scene.pass(Duration::from_secs(600));
    watch_until(&scene, || state(&scene, 0) == CircuitState::Healthy).await;
    assert_eq!(scene.read(0, &sent, range(0, 100)).await.unwrap(), noise(100));
}

#[tokio::test]
async fn the_first_look_learns_names_finds_faults_and_lets_the_flooded_rest() {
    let scene = Scene::bots(4);
    let twins: Vec<_> = (0..4).map(|number| scene.twin(number)).collect();
    scene.sim.world().fault(twins[0].id, Fault::once(Operation::Send, Trouble::Flood { seconds: 600 }));
    assert!(scene.send(0, noise(1)).await.is_err());
    scene.sim.world().set_standing(twins[1].channel, twins[1].id, Standing::Member).unwrap();
    scene.sim.world().revoke(twins[2].id).unwrap();
    watch_until(&scene, || {
        let status = scene.fleet.status();
        is_out(&scene, 1, OutReason::Forbidden)
            && is_out(&scene, 2, OutReason::Unauthorized)
            && status[3].username.is_some()
    })
    .await;
    assert_eq!(scene.fleet.status()[3].username.as_deref(), Some(twins[3].username.as_str()));
    assert_eq!(state(&scene, 3), CircuitState::Healthy);
    assert_eq!(scene.requests(0, "getMe"), 0);
    scene.pass(FLOOD);
    watch_until(&scene, || scene.fleet.status()[0].username.is_some()).await;
}

#[tokio::test]
async fn a_channel_that_vanishes_is_noticed_although_nothing_is_sent() {
    for is_read in [false, true] {
        let scene = Scene::bots(1);
        let sent = scene.send(0, noise(100)).await.unwrap();
        let cancel = CancellationToken::new();
        let story = async {
            until(|| scene.fleet.status()[0].can_delete.is_some()).await;
            scene.sim.world().drop_channel(scene.twin(0).channel).unwrap();
            if is_read {
                assert_eq!(kind(&scene.read(0, &sent, range(0, 1)).await), Some(Kind::WrongFile));
            }
            assert_eq!(state(&scene, 0), CircuitState::Healthy);
            scene.pass(Duration::from_secs(if is_read { 30 } else { 300 }));
            until(|| is_out(&scene, 0, OutReason::ChannelGone)).await;
            cancel.cancel();
        };
        tokio::join!(scene.fleet.clone().keep_watch(cancel.clone()), story);
    }
}

/// Lets the fleet watch over its bots until `condition` holds, and sees the watch end when it is told to.
async fn watch_until(scene: &Scene, condition: impl FnMut() -> bool) {
    let cancel = CancellationToken::new();
    let seen = async {
        until(condition).await;
        cancel.cancel();
    };
    tokio::join!(scene.fleet.clone().keep_watch(cancel.clone()), seen);
}
