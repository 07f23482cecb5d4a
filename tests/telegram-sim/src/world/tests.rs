//! The world without a wire.

use super::messages::Content;
use super::*;
use crate::settings::Settings;
use std::time::Duration;

fn post(world: &World, bot: &Bot, bytes: &[u8]) {
    let mut spool = world.spool().unwrap();
    spool.write(bytes).unwrap();
    let content = Content::Upload { spool, name: "a".to_owned(), mime: "b".to_owned(), caption: Some("c".to_owned()) };
    world.post(bot.id, bot.channel, content).unwrap();
}

#[test]
fn a_world_is_the_same_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::bots(2).kept_in(folder.path());
    let world = World::open(settings.clone()).unwrap();
    let bot = world.bots()[0].clone();
    post(&world, &bot, b"one");
    post(&world, &bot, b"two");
    let lost = world.messages(bot.channel)[0].clone();
    world.lose_message(bot.channel, lost.id).unwrap();
    world.revoke(world.bots()[1].id).unwrap();
    world.advance(Duration::from_secs(1_000_000_000)).unwrap();
    let now_ms = world.now_ms();
    let told = |world: &World| format!("{:?} {:?} {:?}", world.bots(), world.channels(), world.messages(bot.channel));
    let before = told(&world);
    drop(world);
    assert!(!lost.document.unwrap().path.exists());
    std::fs::write(folder.path().join("incoming/upload-x"), "half").unwrap();
    std::fs::write(folder.path().join("documents/99"), "never told of").unwrap();

    let world = World::open(settings).unwrap();
    assert_eq!(told(&world), before);
    assert!(world.now_ms() >= now_ms && world.bot_with(&world.bots()[1].token).is_err());
    assert!(!folder.path().join("incoming/upload-x").exists() && !folder.path().join("documents/99").exists());
    post(&world, &bot, b"three");
    let ids: Vec<i64> = world.messages(bot.channel).iter().map(|message| message.id.0).collect();
    assert_eq!(ids, [3, 4], "no number is used twice");
}

#[test]
fn more_bots_can_be_asked_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let one = World::open(Settings::bots(1).kept_in(folder.path())).unwrap().bots();
    let three = World::open(Settings::bots(3).kept_in(folder.path()).everywhere()).unwrap();
    assert_eq!((three.bots().len(), &three.bots()[0].token), (3, &one[0].token));
    for (channel, _) in three.channels() {
        assert_eq!(three.channel(one[0].id, channel).unwrap().members.len(), 3);
    }
    assert_eq!(World::bots_in(folder.path()).unwrap().len(), 3, "it can be read while it is in use");
}

#[test]
fn a_world_without_a_folder_leaves_nothing() {
    let world = World::open(Settings::bots(1)).unwrap();
    let folder = world.inner.folder.clone();
    assert!(folder.exists());
    drop(world);
    assert!(!folder.exists());
}
