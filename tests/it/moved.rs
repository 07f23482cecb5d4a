//! Films on their way to the bots: a move that is killed, and how many messages a film takes.

use crate::harness::World;
use crate::harness::bots::{Inventory, SMALL_PACKS, Telegram, watched};
use crate::harness::clip::{self, Clip};
use crate::harness::process;
use crate::harness::wait::until_true;
use std::fs::File;
use telegram_sim::{Fault, Operation, Trouble};

#[tokio::test]
async fn a_move_that_is_killed_half_way_is_finished_when_it_is_run_again() {
    let mut world = World::with(&[SMALL_PACKS, ("TELEGRAM_MESSAGES_PER_MINUTE", "3000")]).await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.at_rest().await;
    let wanted = watched(&world, &video).await;
    assert!(world.stop().await.success());
    let telegram = Telegram::with(3);
    world.set(telegram.settings());
    telegram.world().fault_all(&Fault::standing(Operation::Send, Trouble::Latency { ms: 200 }));

    let words = File::create(world.folder().join("words")).unwrap();
    let mut moving = world.command(&["migrate"]).stdout(words.try_clone().unwrap()).stderr(words).spawn().unwrap();
    until_true("it is half-way", async || {
        assert!(moving.try_wait().unwrap().is_none(), "it ended before it could be killed");
        telegram.messages().len() >= 3
    })
    .await;
    moving.kill().unwrap();
    moving.wait().unwrap();
    process::end_all_in(world.folder());
    assert!(!world.files("channels").is_empty(), "something is left to move");
    for bot in telegram.bots() {
        telegram.world().clear_faults(bot.id);
    }

    let again = world.run(&["migrate"]);

    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(world.files("channels"), Vec::<std::path::PathBuf>::new());
    world.resume().await;
    world.protected(&video).await;
    assert!(watched(&world, &video).await == wanted, "not the film that went in");
    until_true("nothing is left that nobody names", async || {
        let inventory = Inventory::of(&telegram, &world);
        inventory.is_exact() && inventory.litter.is_empty() && telegram.copies().values().all(|channels| *channels == 2)
    })
    .await;
}

/// A quarter of an hour that can be copied: the same quarter of a minute again and again.
fn long_film() -> Clip {
    let piece = clip::h264_aac(16);
    let path = piece.path.to_str().unwrap();
    clip::made("mp4", &["-stream_loop", "59", "-i", path, "-c", "copy"])
}

/// On a scale on which a pack holds about as many segments of the film as 20 MiB do of one at 8 Mbit/s.
#[tokio::test]
async fn a_film_takes_few_messages_more_than_its_bytes() {
    const LARGEST: u64 = 512 * 1024;
    /// Packs of a track that are smaller because they are the first ones.
    const RAMP: f64 = 6.0;
    let telegram = Telegram::with(4);
    let mut world = telegram.folder();
    let settings = [
        ("TELEGRAM_MAX_FILE_SIZE", "512KiB"),
        ("TELEGRAM_MESSAGES_PER_MINUTE", "3000"),
        ("HLS_SEGMENT_DURATION", "2s"),
        ("ENABLE_ABR", "false"),
    ];
    world.set(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    let video = world.published(&long_film()).await;
    world.protected(&video).await;

    let sent: u64 =
        telegram.bots().iter().map(|bot| telegram.world().counters(bot.id).requests_of("sendDocument")).sum();
    let bytes: u64 = telegram.messages().iter().filter_map(|message| Some(message.document.as_ref()?.size)).sum();
    let least = bytes as f64 / LARGEST as f64;
    let tracks = 2.0;
    println!("{sent} messages, {least:.1} would hold the bytes");
    assert!(least > 100.0, "{least} messages are too few to tell");
    assert!(sent as f64 <= 1.25 * least + 2.0 * tracks * RAMP, "{sent} messages, {least:.1} would hold the bytes");
}
