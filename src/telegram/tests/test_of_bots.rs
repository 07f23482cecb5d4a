//! The test of a bot, and what it says to do.

use super::{Scene, kind, noise};
use crate::telegram::check::{BotTest, Step};
use crate::telegram::circuit::CircuitState;
use crate::telegram::error::Kind;
use crate::telegram::id::BotId;
use crate::telegram::pace::PaceSettings;
use std::time::Duration;
use telegram_sim::{Fault, Operation, Rights, Settings, Standing, Trouble};

/// The parts that failed, with what was advised for each.
fn failures(test: &BotTest) -> Vec<(Step, &str)> {
    test.failures.iter().map(|failure| (failure.step, failure.advice.as_str())).collect()
}

#[tokio::test]
async fn a_bot_in_order_passes_and_leaves_nothing_behind() {
    let scene = Scene::bots(2);
    let (bot, twin) = (scene.bot(1), scene.twin(1));
    let test = scene.fleet.test(bot.id).await.unwrap();
    assert!(test.is_ok(), "{test:?}");
    assert_eq!((test.slot, test.username.as_deref()), (2, Some(twin.username.as_str())));
    assert_eq!(
        (test.title.as_deref(), test.can_post, test.can_delete),
        (Some("Simulated channel 2"), Some(true), Some(true))
    );
    assert_eq!((test.up.unwrap().bytes, test.down.unwrap().bytes), (65_536, 65_536));
    assert!(test.latency_ms.is_some());
    let counters = scene.sim.world().counters(twin.id);
    assert_eq!((counters.bytes_in, counters.bytes_out), (65_536, 65_536));
    assert_eq!(scene.sim.world().messages(twin.channel).len(), 0);
    assert_eq!(scene.fleet.test(BotId(5)).await, None);
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_to_do() {
    let scene = Scene::bots(1);
    let (bot, twin) = (scene.bot(0), scene.twin(0));
    let appoint = format!(
        "Add @{} as administrator of channel “Simulated channel 1” ({}) with the rights to post and to delete messages.",
        twin.username, twin.channel
    );
    for (standing, can) in [
        (Standing::Member, (false, false)),
        (Standing::Administrator(Rights { post: false, ..Rights::ALL }), (false, true)),
        (Standing::Administrator(Rights { delete: false, ..Rights::ALL }), (true, false)),
    ] {
        scene.sim.world().set_standing(twin.channel, twin.id, standing).unwrap();
        let test = scene.fleet.test(bot.id).await.unwrap();
        assert_eq!(failures(&test), [(Step::Rights, appoint.as_str())], "{standing:?}");
        assert_eq!((test.can_post, test.can_delete), (Some(can.0), Some(can.1)));
        assert_eq!(scene.requests(0, "sendDocument"), 0);
    }
    scene.sim.world().set_standing(twin.channel, twin.id, Standing::Banned).unwrap();
    let test = scene.fleet.test(bot.id).await.unwrap();
    let untitled = appoint.replace(&format!("“Simulated channel 1” ({})", twin.channel), &twin.channel.to_string());
    assert_eq!(failures(&test), [(Step::Channel, untitled.as_str())]);

    scene.sim.world().set_standing(twin.channel, twin.id, Standing::Administrator(Rights::ALL)).unwrap();
    assert!(!matches!(scene.fleet.status()[0].state, CircuitState::Healthy));
    assert!(scene.fleet.test(bot.id).await.unwrap().is_ok());
    assert!(matches!(scene.fleet.status()[0].state, CircuitState::Healthy), "a bot that passes is back");

    scene.sim.world().drop_channel(twin.channel).unwrap();
    let test = scene.fleet.test(bot.id).await.unwrap();
    assert!(
        matches!(failures(&test)[..], [(Step::Channel, advice)] if advice.contains("TELEGRAM_CHANNEL_ID_1")),
        "{test:?}"
    );
    scene.sim.world().revoke(twin.id).unwrap();
    let test = scene.fleet.test(bot.id).await.unwrap();
    assert!(
        matches!(failures(&test)[..], [(Step::Token, advice)] if advice.contains("TELEGRAM_BOT_TOKEN_1")),
        "{test:?}"
    );
}

#[tokio::test]
async fn a_channel_from_which_nothing_can_be_forwarded_is_not_fit() {
    let scene = Scene::bots(1);
    scene.sim.world().protect_content(scene.twin(0).channel).unwrap();
    let test = scene.fleet.test(scene.bot(0).id).await.unwrap();
    assert!(
        matches!(failures(&test)[..], [(Step::Channel, advice)] if advice.contains("Restrict saving content")),
        "{test:?}"
    );
}

#[tokio::test]
async fn each_leg_of_the_round_trip_is_judged() {
    for (operation, trouble, step) in [
        (Operation::Send, Trouble::Status { code: 500 }, Step::Send),
        (Operation::Send, Trouble::Flood { seconds: 60 }, Step::Send),
        (Operation::GetFile, Trouble::Status { code: 500 }, Step::ReadBack),
        (Operation::Download, Trouble::FlipBit { at: 40_000 }, Step::ReadBack),
        (Operation::Download, Trouble::DropAfter { bytes: 40_000 }, Step::ReadBack),
        (Operation::Delete, Trouble::Status { code: 500 }, Step::Delete),
    ] {
        let scene = Scene::with(Settings::bots(1), |_| {});
        scene.sim.world().fault(scene.twin(0).id, Fault::standing(operation, trouble.clone()));
        let test = scene.fleet.test(scene.bot(0).id).await.unwrap();
        assert_eq!(failures(&test).iter().map(|(step, _)| *step).collect::<Vec<_>>(), [step], "{trouble:?}: {test:?}");
        assert_eq!((test.up.is_some(), test.down.is_some()), (step != Step::Send, step == Step::Delete));
        let left = scene.sim.world().messages(scene.twin(0).channel).len();
        assert_eq!(left, usize::from(step == Step::Delete), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_hiccup_does_not_leave_the_message_of_the_test_behind() {
    let scene = Scene::bots(1);
    scene.sim.world().fault(scene.twin(0).id, Fault::once(Operation::Delete, Trouble::Status { code: 500 }));
    let test = scene.fleet.test(scene.bot(0).id).await.unwrap();
    assert!(test.is_ok(), "{test:?}");
    assert_eq!(scene.sim.world().messages(scene.twin(0).channel).len(), 0);
}

#[tokio::test]
async fn a_test_waits_for_the_budget_that_deposits_have_spent() {
    let scene = Scene::with(Settings::bots(1), |settings| {
        settings.pace = PaceSettings { channel_burst: 1, ..PaceSettings::of_channel(60) };
        settings.waits.patience = Duration::ZERO;
    });
    scene.send(0, noise(1)).await.unwrap();
    assert_eq!(kind(&scene.send(0, noise(1)).await), Some(Kind::Flooded), "a deposit goes elsewhere");
    let test = scene.fleet.test(scene.bot(0).id).await.unwrap();
    assert!(test.is_ok(), "{test:?}");
}
