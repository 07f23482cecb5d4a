//! Bots that are flooded, dead or silent while somebody watches: what has a living copy plays as if nothing
//! had happened, and the rest is named exactly.

use crate::harness::World;
use crate::harness::bots::{
    Blow, SMALL_PACKS, Telegram, downloads, forget_what_is_cached, most_read, small_packs, watched,
};
use crate::harness::clip;
use crate::harness::player::Reel;
use crate::harness::wait::{until, until_true};
use std::collections::{BTreeMap, BTreeSet};
use telecine::catalog::{self, Catalog};
use telecine::media::extent::{Locator, Place};
use telegram_sim::{Bot, ChannelId, Operation, Trouble};

async fn eight_bots() -> (Telegram, World) {
    let telegram = Telegram::with(8);
    let world = small_packs(&telegram).await;
    (telegram, world)
}

/// A film is watched from the store, and again after the bot that most of it is read from had its blow.
async fn nothing_is_noticed(blow: Blow) {
    let (telegram, world) = eight_bots().await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.protected(&video).await;
    let wanted = watched(&world, &video).await;
    let (slot, struck) = most_read(&telegram, &world, &video).await;
    // A request that is reset is not counted by the simulator, nor a flipped bit by the server's bots.
    let met = async || downloads(&telegram, &struck) + world.bot(slot).await["errors"].as_u64().unwrap();
    blow.strike(&telegram, &struck);
    let before = met().await;
    forget_what_is_cached(&world).await;
    // A reader fails on every answer but 200.
    assert!(watched(&world, &video).await == wanted, "{blow:?}: not the film that went in");
    until_true("the bot was asked", async || met().await > before).await;
}

#[tokio::test]
async fn a_flooded_or_failing_bot_is_not_noticed() {
    for trouble in [Trouble::Flood { seconds: 3 }, Trouble::Flood { seconds: 600 }, Trouble::Status { code: 500 }] {
        nothing_is_noticed(Blow::Meets(Operation::Any, trouble)).await;
    }
    nothing_is_noticed(Blow::Meets(Operation::Download, Trouble::Status { code: 502 })).await;
}

#[tokio::test]
async fn a_dead_bot_is_not_noticed() {
    for blow in [Blow::Revoked, Blow::Banned, Blow::ChannelGone] {
        nothing_is_noticed(blow).await;
    }
}

#[tokio::test]
async fn a_bot_that_gives_no_answer_is_not_noticed() {
    nothing_is_noticed(Blow::Meets(Operation::Any, Trouble::Hang)).await;
    nothing_is_noticed(Blow::Meets(Operation::Download, Trouble::Hang)).await;
    nothing_is_noticed(Blow::Meets(Operation::Download, Trouble::Slow { bytes_per_second: 1 })).await;
}

#[tokio::test]
async fn damage_on_the_way_is_not_noticed() {
    for trouble in [Trouble::Reset, Trouble::DropAfter { bytes: 1000 }, Trouble::FlipBit { at: 99 }] {
        nothing_is_noticed(Blow::Meets(Operation::Download, trouble)).await;
    }
}

/// Where each pack of each film lies.
struct Shelf {
    films: Vec<(String, Vec<BTreeSet<ChannelId>>)>,
}

impl Shelf {
    async fn filled(telegram: &Telegram, world: &World) -> Self {
        let clips = [clip::h264_aac(16), clip::matroska(4), clip::mpeg4_mp3(4), clip::colours()];
        let mut films = Vec::new();
        let mut known = BTreeSet::new();
        for clip in clips {
            let video = world.published(&clip).await;
            world.protected(&video).await;
            let mut packs: BTreeMap<String, BTreeSet<ChannelId>> = BTreeMap::new();
            for bot in telegram.bots() {
                for message in telegram.world().messages(bot.channel) {
                    let caption = message.caption.unwrap_or_default();
                    if let [_, _, "pack", hash, _] = caption.split(' ').collect::<Vec<_>>()[..]
                        && !known.contains(hash)
                    {
                        packs.entry(hash.to_owned()).or_default().insert(bot.channel);
                    }
                }
            }
            known.extend(packs.keys().cloned());
            films.push((video, packs.into_values().collect()));
        }
        Self { films }
    }

    /// How many packs of which film lie on these channels alone.
    fn only_on(&self, channels: &BTreeSet<ChannelId>) -> BTreeMap<String, u64> {
        let lost = |packs: &[BTreeSet<ChannelId>]| packs.iter().filter(|pack| pack.is_subset(channels)).count() as u64;
        let counted = self.films.iter().map(|(video, packs)| (video.clone(), lost(packs)));
        counted.filter(|(_, packs)| *packs > 0).collect()
    }

    /// Two bots that hold all copies of some packs, but not of every film.
    fn fateful_pair(&self, bots: &[Bot]) -> [Bot; 2] {
        let pairs = bots.iter().enumerate().flat_map(|(at, one)| bots[at + 1..].iter().map(move |other| [one, other]));
        let is_fateful = |pair: &[&Bot; 2]| {
            let hit = self.only_on(&BTreeSet::from(pair.map(|bot| bot.channel))).len();
            hit > 0 && hit < self.films.len()
        };
        let mut fateful = pairs.filter(is_fateful);
        fateful.next().expect("some packs lie on the same two channels").map(Bot::clone)
    }
}

/// The columns of packs that wait for a bot, for somebody who repairs one, or for nothing any more.
const ALL: [&str; 3] = ["resting", "out_of_reach", "lost"];

/// What is named as not playing whole: how many packs of which film, in these columns together.
async fn named(world: &World, columns: &[&str]) -> BTreeMap<String, u64> {
    let affected = world.json("/api/system/affected").await;
    let films = affected["videos"].as_array().unwrap();
    assert_eq!(affected["total"], films.len());
    let count = |film: &serde_json::Value| columns.iter().map(|column| film[*column].as_u64().unwrap()).sum::<u64>();
    films.iter().map(|film| (film["video_id"].as_str().unwrap().to_owned(), count(film))).collect()
}

/// Everything else of a film that lies in packs: further forms of its sound, and boards to scrub by.
async fn beside_what_is_watched(world: &World, video: &str) -> Vec<String> {
    let details = world.json(&format!("/api/videos/{video}")).await;
    let mut parts = Vec::new();
    for track in details["tracks"].as_array().unwrap() {
        let folder = format!("/hls/{video}/{}/", track["name"].as_str().unwrap());
        if track["kind"] == "images" {
            parts.push(format!("{folder}0.jpg"));
        } else if folder.ends_with("/v0/") || folder.ends_with("/a0/") {
            continue;
        } else {
            let (playlist, _) = world.player(video).playlist(&folder).await;
            parts.extend(playlist.segments.iter().map(|segment| format!("{folder}{}", segment.uri)));
        }
    }
    parts
}

/// In which channels each piece of each segment of pictures and sound lies.
async fn places<'a>(
    world: &World,
    video: &str,
    reels: &'a [Reel; 2],
) -> Vec<(&'static str, &'a str, Vec<BTreeSet<ChannelId>>)> {
    let settings = catalog::Settings { file: world.data().join("catalog.sqlite"), readers: 1 };
    let catalog = Catalog::open(&settings).unwrap();
    let video = video.parse().unwrap();
    let mut all = Vec::new();
    for (reel, track) in reels.iter().zip(["v0", "a0"]) {
        for (number, (name, _)) in (0..).zip(&reel.segments) {
            let pieces = catalog.segment_pieces(video, track.to_owned(), number).await.unwrap().unwrap();
            let channels = pieces.into_iter().map(|piece| {
                let Place::Store(blob) = piece.place else { panic!("a protected film lies with the bots") };
                // tg:<channel>/<message>/<bot>/<file>
                let channel = |copy: &Locator| ChannelId(copy.0[3..].split('/').next().unwrap().parse().unwrap());
                blob.copies.iter().map(channel).collect()
            });
            all.push((track, name.as_str(), channels.collect()));
        }
    }
    all
}

fn told_to_wait(answer: &reqwest::Response) -> Option<u64> {
    Some(answer.headers().get("retry-after")?.to_str().unwrap().parse().unwrap())
}

/// Two of eight bots have a blow each. What has a living copy plays, and the rest is named, packs counted. Answers how
/// long players are told to wait for what rests, in seconds.
async fn two_of_eight(blows: [Blow; 2], columns: &[&str]) -> Vec<u64> {
    let (telegram, world) = eight_bots().await;
    let shelf = Shelf::filled(&telegram, &world).await;
    let mut before = BTreeMap::new();
    for (video, _) in &shelf.films {
        before.insert(video.clone(), watched(&world, video).await);
    }
    assert_eq!(named(&world, columns).await, BTreeMap::new());
    let pair = shelf.fateful_pair(&telegram.bots());
    let struck = BTreeSet::from(pair.clone().map(|bot| bot.channel));
    let hit = shelf.only_on(&struck);
    let mut has_living = BTreeMap::new();
    for video in hit.keys() {
        for (track, name, pieces) in places(&world, video, &before[video]).await {
            has_living.insert((video, track, name), pieces.iter().all(|channels| !channels.is_subset(&struck)));
        }
    }
    pair.iter().zip(&blows).for_each(|(bot, blow)| blow.strike(&telegram, bot));
    forget_what_is_cached(&world).await;

    for (video, _) in &shelf.films {
        if !hit.contains_key(video) {
            assert!(watched(&world, video).await == before[video], "{blows:?}: a film with living copies changed");
        }
    }
    let mut waits = Vec::new();
    for video in hit.keys() {
        let mut missing = 0;
        for (reel, track) in before[video].iter().zip(["v0", "a0"]) {
            for (name, bytes) in &reel.segments {
                let answer = world.get(&format!("/hls/{video}/{track}/{name}")).await;
                let status = answer.status().as_u16();
                let is_living = has_living[&(video, track, name.as_str())];
                assert!(status == 200 || !is_living, "{blows:?}: {track}/{name} has a living copy");
                waits.extend(told_to_wait(&answer));
                match status {
                    200 => assert_eq!(answer.bytes().await.unwrap(), bytes, "{blows:?}: wrong bytes were served"),
                    // 502 where Telegram says that it is gone, and not that it is not to be had now.
                    502 | 503 => missing += 1,
                    other => panic!("{blows:?}: {other}"),
                }
            }
        }
        let is_silent = matches!(blows[0], Blow::Meets(_, Trouble::Hang));
        for part in beside_what_is_watched(&world, video).await {
            // Each that is missing there takes all of a reader's patience.
            if is_silent && missing > 0 {
                break;
            }
            let answer = world.get(&part).await;
            missing += u32::from([502, 503].contains(&answer.status().as_u16()));
            waits.extend(told_to_wait(&answer));
        }
        assert!(missing > 0, "{blows:?}: packs without a readable copy were served");
    }
    until_true("exactly the films that cannot be played whole are named", async || named(&world, columns).await == hit)
        .await;
    waits
}

#[tokio::test]
async fn two_dead_bots_cost_only_what_is_named() {
    two_of_eight([Blow::Revoked, Blow::Revoked], &["out_of_reach"]).await;
}

#[tokio::test]
async fn two_flooded_bots_cost_only_what_is_named() {
    let flood = Blow::Meets(Operation::Any, Trouble::Flood { seconds: 600 });
    two_of_eight([flood.clone(), flood], &["resting"]).await;
}

#[tokio::test]
async fn a_dead_and_a_flooded_bot_cost_only_what_is_named_and_players_wait_as_long_as_the_flood_lasts() {
    let flood = Blow::Meets(Operation::Any, Trouble::Flood { seconds: 600 });
    for blows in [[Blow::Revoked, flood.clone()], [flood, Blow::Revoked]] {
        let waits = two_of_eight(blows, &["resting"]).await;
        assert!(!waits.is_empty() && waits.iter().all(|wait| *wait > 300), "{waits:?}");
    }
}

#[tokio::test]
async fn two_silent_bots_cost_only_what_is_named() {
    let silence = Blow::Meets(Operation::Any, Trouble::Hang);
    two_of_eight([silence.clone(), silence], &["resting"]).await;
}

#[tokio::test]
async fn two_channels_that_are_gone_cost_only_what_is_named() {
    two_of_eight([Blow::ChannelGone, Blow::ChannelGone], &ALL).await;
}

#[tokio::test]
async fn when_an_only_channel_was_emptied_by_hand_every_film_that_lay_there_is_named() {
    let telegram = Telegram::with(8);
    let mut world = telegram.folder();
    let pace = ("TELEGRAM_MESSAGES_PER_MINUTE", "3000");
    world.set([SMALL_PACKS, pace, ("REPLICAS", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    world.resume().await;
    let shelf = Shelf::filled(&telegram, &world).await;
    let (video, packs) = &shelf.films[0];
    let emptied = *packs[0].first().unwrap();
    for message in telegram.world().messages(emptied) {
        telegram.world().lose_message(emptied, message.id).unwrap();
    }
    forget_what_is_cached(&world).await;
    for letter in ["v", "a"] {
        for number in 0..8 {
            let _ = world.get(&format!("/hls/{video}/{letter}0/{number}.m4s")).await;
        }
    }
    let _ = world.get(&format!("/hls/{video}/p0/0.jpg")).await;
    let hit = shelf.only_on(&BTreeSet::from([emptied]));
    until_true("exactly those films are named", async || named(&world, &["lost"]).await == hit).await;
}

#[tokio::test]
async fn messages_deleted_by_hand_are_made_again_and_named_when_no_copy_is_left() {
    let telegram = Telegram::with(3);
    let world = telegram.server().await;
    let videos = [world.published(&clip::h264_aac(16)).await, world.published(&clip::matroska(4)).await];
    for video in &videos {
        world.protected(video).await;
    }
    let wanted = watched(&world, &videos[0]).await;
    let emptied = most_read(&telegram, &world, &videos[0]).await.1.channel;
    for message in telegram.world().messages(emptied) {
        telegram.world().lose_message(emptied, message.id).unwrap();
    }
    forget_what_is_cached(&world).await;
    assert!(watched(&world, &videos[0]).await == wanted, "the other copies are read");
    until_true("what a reader missed is made again", async || {
        forget_what_is_cached(&world).await;
        let _ = watched(&world, &videos[0]).await;
        world.status(&videos[0]).await["protected"] == true && !telegram.world().messages(emptied).is_empty()
    })
    .await;

    for bot in telegram.bots() {
        for message in telegram.world().messages(bot.channel) {
            telegram.world().lose_message(bot.channel, message.id).unwrap();
        }
    }
    forget_what_is_cached(&world).await;
    let answer = world.get(&format!("/hls/{}/v0/0.m4s", videos[1])).await;
    assert!(answer.status().is_server_error(), "{}", answer.status());
    let film = until("the film is named", async || {
        let affected = world.json("/api/system/affected").await;
        affected["videos"].as_array()?.iter().find(|film| film["video_id"] == videos[1].as_str()).cloned()
    })
    .await;
    assert!(film["lost"].as_u64() > Some(0) && film["out_of_reach"] == 0 && film["resting"] == 0, "{film}");
}
