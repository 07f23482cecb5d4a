//! Subtitles that people add to a film beside its file, and the chapters that came in it.

use crate::harness::World;
use crate::harness::browser::Browser;
use crate::harness::clip::{self, made};
use crate::harness::problem::problem;
use crate::harness::raw;
use crate::harness::stand_in::{MIDDLES, StandIn};
use crate::harness::upload::{BOUNDARY, Sending, part};
use crate::harness::wait::until;
use bytes::Bytes;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

const SRT: &str = "1\r\n00:00:01,250 --> 00:00:02,751\r\n<script>alert(1)</script><i>Hello</i>\r\n";
const VTT: &str = "WEBVTT\n\n00:01.250 --> 00:02.751 line:0\n<v Ann>Hello <img src=x onerror=y()>\n";
const ASS: &str = "[Script Info]\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
                   Dialogue: 0,0:00:01.25,0:00:02.75,Default,,0,0,0,,{\\i1}Hello{\\i0}<script>\n";

async fn sent(world: &World, video: &str, file: &[u8], fields: &[(&str, &str)]) -> Response {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(part(format!("name=\"{name}\""), "", value.as_bytes()));
    }
    body.extend(part("name=\"file\"; filename=\"film.txt\"", "", file));
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    let request = world.request(Method::POST, &format!("/api/videos/{video}/subtitles"));
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    request.header("Content-Type", form).body(body).send().await.unwrap()
}

/// Adds what must be accepted, and answers what its track is called.
async fn added(world: &World, video: &str, file: &str, language: &str) -> String {
    let answer = sent(world, video, file.as_bytes(), &[("language", language)]).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["status"], "waiting");
    said["track"].as_str().unwrap().to_owned()
}

/// `LANGUAGE NAME AUTOSELECT URI` of every subtitle in the master.
async fn listed(world: &World, video: &str) -> Vec<String> {
    let master = world.player(video).master().await;
    let texts = master.alternatives.iter().filter(|it| it.group_id == "subtitles");
    let tell = |it: &m3u8_rs::AlternativeMedia| {
        let (language, uri) = (it.language.clone().unwrap(), it.uri.clone().unwrap());
        format!("{language} {} {} {uri}", it.name, it.autoselect)
    };
    texts.map(tell).collect()
}

/// Start and end of every cue, in milliseconds.
fn times(text: &str) -> Vec<(i64, i64)> {
    let ms = |time: &str| -> i64 {
        let parts: Vec<f64> = time.split(':').map(|part| part.parse().unwrap()).collect();
        (parts.iter().fold(0.0, |sum, part| sum * 60.0 + part) * 1000.0).round() as i64
    };
    let cues = text.lines().filter_map(|line| line.split_once(" --> "));
    cues.map(|(start, end)| (ms(start), ms(end.split(' ').next().unwrap()))).collect()
}

#[tokio::test]
async fn subtitles_of_every_kind_are_added_in_time_and_nothing_in_them_acts() {
    let world = World::start().await;
    let video = world.published(&clip::h264_aac(8)).await;
    for (file, language, track) in [(SRT, "eng", "s512"), (VTT, "en", "s513"), (ASS, "pt-BR", "s514")] {
        assert_eq!(added(&world, &video, file, language).await, track);
    }
    world.at_rest().await;
    assert_eq!(
        listed(&world, &video).await,
        [
            "en English true s512/playlist.m3u8",
            "en English (2) false s513/playlist.m3u8",
            "pt-BR Português true s514/playlist.m3u8"
        ]
    );
    for track in ["s512", "s513", "s514"] {
        let text = world.get(&format!("/hls/{video}/{track}/0.vtt")).await.text().await.unwrap();
        assert!(text.contains("X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n"), "{text}");
        let [(start, end)] = times(&text)[..] else { panic!("{text}") };
        assert!((start - 1250).abs() <= 2 && (end - 2751).abs() <= 2, "{text}");
        assert!(text.contains("Hello"), "{text}");
        for active in ["<script", "<img"] {
            assert!(!text.contains(active), "{text}");
        }
    }
    let checked = world.run(&["check-hls", &world.url(&world.player(&video).master_path())]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains(" 0 violations"), "{said}");
    let details = world.video(&video).await;
    let of_them = details["tracks"].as_array().unwrap().iter().filter(|track| track["added"] == true);
    assert_eq!((of_them.count(), &details["waiting"]), (3, &json!([])));
}

#[tokio::test]
async fn subtitles_are_added_on_the_page_and_shown_at_their_time() {
    let world = World::with(&[("ENABLE_ABR", "false")]).await;
    // So near to its end a film that is played gets no new menu.
    let video = world.published(&clip::h264_aac(90)).await;
    world.at_rest().await;
    let file = world.folder().join("film.en.srt");
    std::fs::write(&file, SRT).unwrap();
    let browser = Browser::open().await;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("the film is open", "document.querySelector('video#player')?.readyState >= 2").await;
    browser.run("document.querySelector('video#player').pause(); document.querySelector('#made').open = true").await;
    browser.run("document.querySelector('#add-subtitles').click()").await;
    browser.pick(".dialog input[type=file]", &file).await;
    browser
        .until("the language is taken from the name", "document.querySelector('.dialog input[list]').value === 'en'")
        .await;
    browser.run("document.querySelector('.dialog .filled').click()").await;
    let item = "[...document.querySelectorAll('.panel [aria-label=\"Subtitles\"] button')].find((item) => item.textContent.includes('English'))";
    browser.run("document.querySelector('.rung').click()").await;
    browser.until("they are in the menu", item).await;
    browser.run("document.querySelector('video#player').currentTime = 2").await;
    let cue = "[...document.querySelector('video#player').textTracks].filter(({ kind, mode }) => kind === 'subtitles' && mode === 'showing')
        .flatMap((track) => [...track.activeCues ?? []]).find(({ text }) => text.includes('Hello'))";
    // The menu may come a moment before the new master has settled.
    let chosen = format!("{item}?.getAttribute('aria-checked') === 'true' || {item}?.click()");
    browser.until("the text is shown", &format!("({chosen}, {cue})")).await;
    let times = format!("[{cue}].filter(Boolean).map(({{ startTime, endTime }}) => [startTime, endTime])[0]");
    let shown = browser.value("it has its time", &times).await;
    let at = |number: usize| shown[number].as_f64().unwrap();
    assert!((at(0) - 1.25).abs() < 0.1 && (at(1) - 2.751).abs() < 0.1, "{shown}");

    browser.run("document.querySelector('.track .round').click()").await;
    browser.run("document.querySelector('.dialog .danger').click()").await;
    browser.until("they are gone", "!document.querySelector('.track .round')").await;
    assert_eq!(listed(&world, &video).await, Vec::<String>::new());
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_the_line_and_what_to_do() {
    let world = World::start().await;
    let video = world.accepted(&Sending::of(&clip::h264_aac(8))).await.video;
    let bad = b"1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n00:00:03;000 --> 00:00:04;000\nTwo\n";
    let refused = problem(sent(&world, &video, bad, &[("language", "en")]).await, 422).await;
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.starts_with("line 6 ") && detail.contains("00:01:02,500 --> 00:01:04,000"), "{detail}");
    problem(sent(&world, &video, b"\x89PNG\r\n\x1a\n\0\0", &[("language", "en")]).await, 415).await;
    problem(sent(&world, &video, b"WEBVTT\n", &[("language", "en")]).await, 422).await;
    for language in ["", "xx", "english", "\",URI=\"x"] {
        problem(sent(&world, &video, SRT.as_bytes(), &[("language", language)]).await, 422).await;
    }
    problem(sent(&world, &video, SRT.as_bytes(), &[("language", "en"), ("forced", "perhaps")]).await, 422).await;
    let stranger = Uuid::new_v4().to_string();
    problem(sent(&world, &stranger, SRT.as_bytes(), &[("language", "en")]).await, 404).await;
    assert_eq!(world.video(&video).await["waiting"], json!([]));
}

#[tokio::test]
async fn two_hundred_megabytes_of_subtitles_are_refused_at_once_and_never_held() {
    let world = World::start().await;
    let video = world.published(&clip::h264_aac(8)).await;
    let head = |length: &str| {
        let form = format!("multipart/form-data; boundary={BOUNDARY}");
        format!(
            "POST /api/videos/{video}/subtitles HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {form}\r\n{length}\r\n\r\n",
            world.address()
        )
    };
    // The answer comes although nothing of it does.
    let announced = raw::exchange(world.address(), head("Content-Length: 209715200")).await;
    assert_eq!(announced.status, 413, "{}", announced.head);

    let before = world.memory_peak();
    let beginning = part("name=\"file\"; filename=\"a.srt\"", "", SRT.as_bytes());
    let beginning = &beginning[..beginning.len() - 2];
    let first = format!("{}{:x}\r\n", head("Transfer-Encoding: chunked"), beginning.len());
    let start = [first.into_bytes(), beginning.to_vec(), b"\r\n".to_vec()].concat();
    let megabyte = Bytes::from([b"100000\r\n".to_vec(), vec![b'a'; 1 << 20], b"\r\n".to_vec()].concat());
    let pieces = std::iter::once(Bytes::from(start)).chain(std::iter::repeat_n(megabyte, 200));
    let pieces = pieces.chain(std::iter::once(Bytes::from_static(b"0\r\n\r\n")));
    let unannounced = raw::pour(world.address(), pieces).await;
    assert_eq!(unannounced.status, 413, "{}", unannounced.head);
    let held = world.memory_peak() - before;
    assert!(held < 100 << 20, "{held} bytes were held");
}

#[tokio::test]
async fn subtitles_that_come_before_the_film_is_ready_are_added_when_it_is() {
    let stand_in = StandIn::that_holds_up(MIDDLES);
    let world = World::with(&[("PATH", stand_in.path().as_str()), ("STALL_TIMEOUT", "1d")]).await;
    let video = world.accepted(&Sending::of(&clip::busy(360, 40))).await.video;
    let track = added(&world, &video, SRT, "en").await;
    let details = world.video(&video).await;
    assert_ne!(details["state"], "ready");
    assert_eq!(details["waiting"][0], json!({"name": track, "language": "en", "label": null, "forced": false}));
    stand_in.let_go();
    world.ready(&video).await;
    world.at_rest().await;
    assert_eq!(listed(&world, &video).await, ["en English true s512/playlist.m3u8"]);
    // Both jobs were in line at the same time, and neither stood in the other's way.
    let details = world.video(&video).await;
    assert_eq!(details["left_out"], json!([]), "{details:#}");
    assert!(details["thumbnails_url"].is_string(), "it was refined, too: {details:#}");
}

#[tokio::test]
async fn a_killed_server_goes_on_adding_subtitles() {
    let mut world = World::start().await;
    let video = world.published(&clip::h264_aac(8)).await;
    world.at_rest().await;
    for number in 0..4 {
        assert_eq!(added(&world, &video, SRT, "en").await, format!("s{}", 512 + number));
        world.kill();
        world.resume().await;
    }
    world.at_rest().await;
    assert_eq!(listed(&world, &video).await.len(), 4);
    for track in ["s512", "s513", "s514", "s515"] {
        let text = world.get(&format!("/hls/{video}/{track}/0.vtt")).await.text().await.unwrap();
        assert_eq!(times(&text), [(1250, 2751)], "{track}");
    }
    until("the spool is empty", async || world.files("spool").is_empty().then_some(())).await;
    let counts = world.json("/api/system/status").await["counts"].clone();
    assert_eq!(world.files("channels").len() as u64, counts["blobs"].as_u64().unwrap());
}

#[tokio::test]
async fn removed_subtitles_are_gone_at_once_and_their_bytes_soon_after() {
    let world = World::start().await;
    let video = world.published(&clip::h264_aac(8)).await;
    world.at_rest().await;
    let before = world.files("channels");
    let track = added(&world, &video, SRT, "en").await;
    world.at_rest().await;
    assert!(world.files("channels").len() > before.len());
    let address = format!("/api/videos/{video}/subtitles/{track}");
    assert_eq!(world.send(Method::DELETE, &address).await.status(), StatusCode::NO_CONTENT);
    for file in ["playlist.m3u8", "0.vtt"] {
        assert_eq!(world.get(&format!("/hls/{video}/{track}/{file}")).await.status(), StatusCode::NOT_FOUND, "{file}");
    }
    assert_eq!(listed(&world, &video).await, Vec::<String>::new());
    until("its bytes are removed", async || (world.files("channels") == before).then_some(())).await;
    problem(world.send(Method::DELETE, &address).await, 404).await;
    problem(world.send(Method::DELETE, &format!("/api/videos/{video}/subtitles/v0")).await, 404).await;
    assert_eq!(added(&world, &video, SRT, "en").await, "s513", "no other track gets its name");
}

#[tokio::test]
async fn chapters_are_a_track_and_a_list_for_apples_players() {
    let world = World::start().await;
    let chapters = world.folder().join("chapters.txt");
    let text = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=3000\ntitle=<b>One</b> & more\n\
                [CHAPTER]\nTIMEBASE=1/1000\nSTART=3000\nEND=8000\n";
    std::fs::write(&chapters, text).unwrap();
    // So near to its end a film that is played gets no new menu.
    let film = clip::h264_aac(90);
    let (film, list) = (film.path.to_str().unwrap(), chapters.to_str().unwrap());
    let film = made("mkv", &["-i", film, "-i", list, "-map", "0", "-map_chapters", "1", "-c", "copy"]);
    let video = world.published(&film).await;
    let details = world.video(&video).await;
    let address = details["chapters_url"].as_str().unwrap();
    let answer = world.get(address).await;
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/vtt"));
    let vtt = answer.text().await.unwrap();
    assert!(vtt.contains("\n&lt;b&gt;One&lt;/b&gt; &amp; more\n") && vtt.contains("\nChapter 2\n"), "{vtt}");
    let [first, second] = times(&vtt)[..] else { panic!("{vtt}") };
    let near = |seen: i64, wanted: i64| (seen - wanted).abs() <= 30;
    assert!(first.0 == 0 && near(first.1, 3000) && near(second.0, 3000) && near(second.1, 8000), "{vtt}");

    let master = world.player(&video).master().await;
    let data = master.session_data.first().expect("the master names the chapters");
    assert_eq!(data.data_id, "com.apple.hls.chapters");
    let list = world.json(&format!("/hls/{video}/chapters.json")).await;
    assert_eq!((&list[0]["chapter"], &list[0]["start-time"]), (&json!(1), &json!(0.0)));
    assert_eq!(list[0]["titles"][0]["title"], "<b>One</b> & more");

    let browser = Browser::open().await;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("the film has a picture", "document.querySelector('video#player')?.readyState >= 2").await;
    browser.run("document.querySelector('video#player').pause()").await;
    let track = "[...document.querySelector('video#player').textTracks].find(({ kind }) => kind === 'chapters')";
    browser.until("the browser knows the chapters", &format!("{track}?.cues?.length === 2")).await;
    added(&world, &video, SRT, "en").await;
    let texts = "[...document.querySelector('video#player').textTracks].some(({ kind }) => kind === 'subtitles')";
    browser.until("subtitles come to the page", texts).await;
    browser.until("the chapters are still there", &format!("{track}?.cues?.length === 2")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    let plain = world.published(&clip::h264_aac(8)).await;
    assert_eq!(world.video(&plain).await["chapters_url"], Value::Null);
    assert_eq!(world.get(&format!("/hls/{plain}/chapters.vtt")).await.status(), StatusCode::NOT_FOUND);
}
