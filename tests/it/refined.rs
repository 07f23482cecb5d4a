//! What a film that can be played already gets besides: smaller sizes, further sounds, subtitles, pictures to scrub by.

use crate::harness::World;
use crate::harness::browser::Browser;
use crate::harness::clip::{self, Clip, made};
use crate::harness::measure;
use crate::harness::stand_in::{MIDDLES, SCRUB_PICTURES, StandIn};
use crate::harness::wait::until;
use reqwest::Method;
use serde_json::{Value, json};

/// Seconds of the film, and its pictures.
const SECONDS: usize = 20;
const PICTURES: usize = SECONDS * 25;

/// Seconds by which a film may begin before its first picture: sound is primed.
const EARLY: f64 = 0.03;

const ENGLISH: &str = "1\n00:00:02,000 --> 00:00:04,500\nHello <b>there</b>\n\n2\n00:00:15,250 --> 00:00:18,000\n<script>alert(1)</script>Bye\n";
const GERMAN: &str = "1\n00:00:02,000 --> 00:00:04,500\nHallo\n";

/// 1280 × 720 in H.264, English and German sound of which the German one has six channels, subtitles in both, and
/// two chapters.
fn film(world: &World) -> Clip {
    let write = |name: &str, text: &str| {
        let path = world.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (english, german) = (write("en.srt", ENGLISH), write("de.srt", GERMAN));
    let chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=8000\ntitle=One\n\
                    [CHAPTER]\nTIMEBASE=1/1000\nSTART=8000\nEND=20000\ntitle=Two\n";
    let chapters = write("chapters.txt", chapters);
    let picture = format!("testsrc2=size=1280x720:rate=25:duration={SECONDS}");
    let sound = format!("sine=frequency=440:sample_rate=48000:duration={SECONDS}");
    let mut words = vec!["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    for file in [&english, &german, &chapters] {
        words.extend(["-i", file]);
    }
    let more = "-map 0 -map 1 -map 1 -map 2 -map 3 -map_chapters 4 -c:v libx264 -preset ultrafast -b:v 2M -g 63 -pix_fmt yuv420p \
                -c:a:0 aac -ac:a:0 2 -c:a:1 ac3 -ac:a:1 6 -c:s srt -metadata:s:a:0 language=eng -metadata:s:a:1 language=ger \
                -metadata:s:s:0 language=eng -metadata:s:s:1 language=ger -metadata:s:s:1 title=Deutsch";
    words.extend(more.split_whitespace());
    made("mkv", &words)
}

#[tokio::test]
async fn a_film_gets_sizes_sounds_subtitles_and_scrub_pictures() {
    let world = World::start().await;
    let film = film(&world);
    let video = world.published(&film).await;
    assert_eq!(world.video(&video).await["playable"], true);
    world.at_rest().await;
    let details = world.video(&video).await;
    assert_eq!((&details["playable"], &details["left_out"]), (&true.into(), &json!([])), "{details:#}");

    let master = world.player(&video).master().await;
    let played = master.variants.iter().filter(|it| !it.is_i_frame);
    let heights: Vec<u64> = played.map(|it| it.resolution.unwrap().height).collect();
    assert_eq!(heights, [720, 720, 480, 480, 360, 360]);
    let named = |group: &str| -> Vec<String> {
        let members = master.alternatives.iter().filter(|it| it.group_id == group);
        members.map(|it| format!("{} {} {}", it.name, it.channels.clone().unwrap_or_default(), it.default)).collect()
    };
    assert_eq!(named("audio0"), ["English 2 true", "Deutsch 2 false"]);
    assert_eq!(named("audio1"), ["English 2 true", "Deutsch 6 false"]);
    assert_eq!(named("subtitles"), ["English  false", "Deutsch  false"]);

    assert_sizes(&world, &film, &video).await;
    assert_subtitles(&world, &video).await;
    let (second, near) =
        (&details["chapters"][1], |value: &Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < EARLY);
    assert_eq!(second["title"], "Two");
    assert!(near(&second["start_seconds"], 8.0) && near(&second["end_seconds"], 20.0), "{details:#}");
    assert_scrub_pictures(&world, details["thumbnails_url"].as_str().unwrap()).await;
    assert_eq!(world.files("spool/uploads"), Vec::<std::path::PathBuf>::new(), "the source is let go");
    assert_eq!(world.files("spool/packs"), Vec::<std::path::PathBuf>::new());

    let checked = world.run(&["check-hls", &world.url(&world.player(&video).master_path())]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// The largest size is the source, bit for bit; the others have the same pictures at the same times, and the same cuts.
async fn assert_sizes(world: &World, film: &Clip, video: &str) {
    let mut reels = Vec::new();
    for track in ["v0", "v1", "v2"] {
        let reel = world.player(video).reel(&format!("/hls/{video}/{track}/")).await;
        reel.assert_well_formed();
        let file = reel.save(world, &format!("{track}.mp4"));
        assert_eq!(measure::frame_times(&file, "v").len(), PICTURES, "{track}");
        reels.push((file, reel));
    }
    assert_eq!(measure::packet_hash(&reels[0].0, "v"), measure::packet_hash(&film.path, "v"));
    let cuts = |at: usize| -> Vec<f64> {
        let lengths = reels[at].1.text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.split(',').next());
        let ends = lengths.scan(0.0, |end, length| {
            *end += length.parse::<f64>().unwrap();
            Some((*end * 100.0).round() / 100.0)
        });
        ends.collect()
    };
    assert!(cuts(0).len() > 2);
    assert_eq!((cuts(0), cuts(0)), (cuts(1), cuts(2)));
}

/// In time, and nothing in them is active.
async fn assert_subtitles(world: &World, video: &str) {
    let list = world.get(&format!("/hls/{video}/s0/playlist.m3u8")).await.text().await.unwrap();
    assert!(
        list.contains("#EXTINF:20.0") && list.contains(",\n0.vtt\n#EXT-X-ENDLIST") && !list.contains("EXT-X-MAP"),
        "{list}"
    );
    let answer = world.get(&format!("/hls/{video}/s0/0.vtt")).await;
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/vtt"));
    let text = answer.text().await.unwrap();
    for wanted in ["X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000", "\nHello <b>there</b>\n", "Bye"] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    assert!(!text.contains("<script"), "{text}");
    let starts = text.lines().filter_map(|line| line.split_once(" --> ")?.0.rsplit(':').next()?.parse().ok());
    let starts: Vec<f64> = starts.collect();
    assert!((starts[0] - 2.0).abs() < EARLY && (starts[1] - starts[0] - 13.25).abs() < 0.0015, "{text}");
    assert_eq!(world.get(&format!("/hls/{video}/s0/0.m4s")).await.status(), 404);
}

async fn assert_scrub_pictures(world: &World, thumbnails: &str) {
    let list = world.get(thumbnails).await.text().await.unwrap();
    assert!((SECONDS..=SECONDS + 1).contains(&list.matches("0.jpg#xywh=").count()), "{list}");
    assert!(list.contains("00:00:11.000 --> 00:00:12.000\n0.jpg#xywh=160,90,160,90\n"), "{list}");
    let folder = thumbnails.strip_suffix("thumbnails.vtt").unwrap();
    let sheet = world.get(&format!("{folder}0.jpg")).await;
    assert_eq!(sheet.headers()["content-type"], "image/jpeg");
    assert!(sheet.bytes().await.unwrap().starts_with(&[0xFF, 0xD8]));
}

#[tokio::test]
async fn a_killed_refinement_goes_on_and_a_deleted_film_takes_it_along() {
    let mut world = World::start().await;
    let picture = "testsrc2=size=854x480:rate=25:duration=60";
    let words =
        ["-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"];
    let film = made("mp4", &words);
    let video = world.published(&film).await;
    until("the first span of a smaller size", async || (!world.ffmpegs().is_empty()).then_some(())).await;
    world.kill();
    world.resume().await;
    world.at_rest().await;
    let reel = world.player(&video).reel(&format!("/hls/{video}/v1/")).await;
    reel.assert_well_formed();
    assert_eq!(measure::frame_times(&reel.save(&world, "v1.mp4"), "v").len(), 60 * 25);
    assert_eq!(clip::made("mp4", &words).path, film.path);

    assert_eq!(world.send(Method::DELETE, &format!("/api/videos/{video}?now=true")).await.status(), 204);
    until("nothing is left", async || world.files("channels").is_empty().then_some(())).await;
    let counts = world.json("/api/system/status").await["counts"].clone();
    assert_eq!(counts["blobs"], Value::from(0), "{counts}");
}

#[tokio::test]
async fn sizes_and_what_stands_beside_them_do_not_wait_for_each_other() {
    for such in [SCRUB_PICTURES, MIDDLES] {
        let stand_in = StandIn::that_holds_up(such);
        let world = World::with(&[("PATH", stand_in.path().as_str()), ("STALL_TIMEOUT", "1d")]).await;
        let video = world.published(&film(&world)).await;
        let is_shown = async |name: &str| {
            let details = world.video(&video).await;
            details["tracks"].as_array().unwrap().iter().any(|track| track["name"] == name)
        };
        let (shown, held) = if such == MIDDLES { (["p0", "a1", "s1"], "v1") } else { (["v1", "v2", "s1"], "p0") };
        for name in shown {
            until(&format!("{name} is shown while {such} waits"), async || is_shown(name).await.then_some(())).await;
        }
        assert!(!is_shown(held).await, "{held}");
        stand_in.let_go();
        world.at_rest().await;
        assert!(is_shown(held).await, "{held}");
    }
}

/// An ffmpeg that is not there for smaller sizes while there is a file called `broken` beside it.
const ABSENT: &str = r#"#!/bin/bash
case "$*" in *scale=640:360*) [ -e "$(dirname "$0")/broken" ] && exit 127 ;; esac
exec REAL "$@"
"#;

/// A film of which the smaller size could not be made.
async fn half_refined() -> (StandIn, World, String) {
    let stand_in = StandIn::of(ABSENT);
    std::fs::write(stand_in.folder().join("broken"), "").unwrap();
    let world = World::with(&[("PATH", stand_in.path().as_str())]).await;
    let picture = "testsrc2=size=854x480:rate=25:duration=8,noise=alls=20:allf=t";
    let words = "-c:v libx264 -preset ultrafast -b:v 3M -g 50 -pix_fmt yuv420p";
    let words: Vec<&str> = ["-f", "lavfi", "-i", picture].into_iter().chain(words.split(' ')).collect();
    let video = world.published(&made("mp4", &words)).await;
    world.at_rest().await;
    (stand_in, world, video)
}

#[tokio::test]
async fn what_the_server_could_not_refine_is_tried_again() {
    let (stand_in, world, video) = half_refined().await;
    let left_out = world.video(&video).await["left_out"].to_string();
    assert!(left_out.contains("is not installed") && left_out.contains("can be tried again"), "{left_out}");
    assert_eq!(world.files("spool/uploads").len(), 1, "the source is kept");

    assert!(world.video(&video).await["thumbnails_url"].is_string(), "what stands beside sizes waits for none");
    std::fs::remove_file(stand_in.folder().join("broken")).unwrap();
    assert_eq!(world.send(Method::POST, &format!("/api/videos/{video}/retry")).await.status(), 202);
    world.at_rest().await;
    let details = world.video(&video).await;
    assert_eq!(details["left_out"], json!([]), "{details:#}");
    let reel = world.player(&video).reel(&format!("/hls/{video}/v1/")).await;
    reel.assert_well_formed();
    assert_eq!(world.files("spool/uploads"), Vec::<std::path::PathBuf>::new(), "the source is let go");
}

#[tokio::test]
async fn what_could_not_be_made_is_told_under_the_film_and_made_when_a_person_asks() {
    let (stand_in, world, video) = half_refined().await;
    let browser = Browser::open().await;
    browser.resize(1280, 1200).await;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    let section = "document.querySelector('#unmade')";
    browser.until("it is told", &format!("{section} && !{section}.hidden")).await;
    let told = browser.run(&format!("return {section}.textContent")).await.to_string();
    assert!(told.contains("is not installed") && told.contains("Not there yet: picture 480p; picture 360p."), "{told}");
    for theme in ["dark", "light"] {
        browser.run(&format!("document.documentElement.dataset.theme = '{theme}'; {section}.scrollIntoView()")).await;
        browser.keep_picture(&format!("unmade-{theme}")).await;
    }

    std::fs::remove_file(stand_in.folder().join("broken")).unwrap();
    browser.press("#try-again", "\u{e007}").await;
    browser.until("it is not told any more", &format!("{section}.hidden")).await;
    browser.until("who pressed it goes on from there", "document.activeElement.id === 'menu'").await;
    let size = "[...document.querySelectorAll('#tracks .track b')].some((name) => name.textContent.startsWith('360p'))";
    browser.until("the size is listed", size).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
