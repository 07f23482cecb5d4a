//! Scrubbing: key frames can be fetched and shown by themselves (hls.md, requirement 11).

use crate::harness::World;
use crate::harness::browser::Browser;
use crate::harness::clip::{self, COLOURS, Clip, made};
use crate::harness::i_frames::ROUNDING_US;
use crate::harness::measure;
use crate::pages::{colour_of, is_near};

/// Publishes a clip, fetches every I-frame of it and decodes each alone.
async fn assert_every_i_frame_is_one_picture(clip: &Clip, copy: &str) {
    let world = World::with(&[("ENABLE_COPY_MODE", copy)]).await;
    let video = world.published(clip).await;
    let player = world.player(&video);
    let track = player.tracks().await.video.expect("the film has pictures");
    let frames = player.i_frames(&track).await;
    frames.assert_well_formed();
    let whole = player.pictures().await;
    let file = whole.save(&world, "pictures.mp4");
    let begins = measure::frame_times(&file, "v")[0];
    for (number, time) in frames.times.iter().enumerate() {
        let saved = player.saved_i_frame(&track, &frames, number).await;
        let shown = measure::frame_times(&saved, "v");
        assert_eq!(shown.len(), 1, "I-frame {number} of\n{}", frames.text);
        let shift = shown[0] - (begins + time);
        assert!(shift.abs() <= ROUNDING_US, "I-frame {number} is {shift} µs away from where it is listed");
    }
    player.assert_lists_i_frames_of(&file).await;
    let seconds = frames.end as f64 / 1e6;
    assert!((seconds - whole.seconds()).abs() < 0.001, "{seconds} s of I-frames, {} s of film", whole.seconds());
}

#[tokio::test]
async fn every_i_frame_of_a_copied_film_is_one_picture() {
    assert_every_i_frame_is_one_picture(&clip::h264_aac(16), "true").await;
}

#[tokio::test]
async fn every_i_frame_of_a_copied_hevc_film_is_one_picture() {
    assert_every_i_frame_is_one_picture(&clip::hevc_aac(10), "true").await;
}

#[tokio::test]
async fn every_i_frame_of_an_encoded_film_is_one_picture() {
    assert_every_i_frame_is_one_picture(&clip::mpeg4_mp3(16), "false").await;
}

#[tokio::test]
async fn every_i_frame_of_open_gops_is_one_picture() {
    let words = "-f lavfi -i testsrc2=size=320x180:rate=24000/1001:duration=12 -c:v libx264 -preset veryfast -bf 3 \
                 -x264-params open-gop=1:keyint=48:min-keyint=48:scenecut=0 -pix_fmt yuv420p";
    let clip = made("mp4", &words.split_whitespace().collect::<Vec<_>>());
    assert_every_i_frame_is_one_picture(&clip, "true").await;
}

#[tokio::test]
async fn of_key_frames_five_times_a_second_one_is_listed() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=20 -c:v libx264 -preset veryfast -bf 2 -g 5 \
                 -pix_fmt yuv420p";
    let video = world.published(&made("mp4", &words.split_whitespace().collect::<Vec<_>>())).await;
    let player = world.player(&video);
    let track = player.tracks().await.video.unwrap();
    let frames = player.i_frames(&track).await;
    frames.assert_well_formed();
    assert_eq!(measure::key_times(&player.pictures().await.save(&world, "pictures.mp4")).len(), 100);
    assert!((20..=21).contains(&frames.times.len()), "{}", frames.text);
    assert_eq!(frames.end, 20_000_000, "{}", frames.text);
    for number in [0, 7, frames.times.len() - 1] {
        let saved = player.saved_i_frame(&track, &frames, number).await;
        let shown = measure::frame_times(&saved, "v");
        assert_eq!(shown, [10_000_000 + frames.times[number]], "I-frame {number}");
    }
}

#[tokio::test]
async fn the_master_says_what_scrubbing_costs() {
    let world = World::with(&[("ENABLE_ABR", "false")]).await;
    let video = world.published(&clip::h264_aac(16)).await;
    let player = world.player(&video);
    let variants = player.master().await.variants;
    let (scrubbing, whole): (Vec<_>, Vec<_>) = variants.iter().partition(|variant| variant.is_i_frame);
    let ([scrubbing], [whole, ..]) = (scrubbing.as_slice(), whole.as_slice()) else { panic!("{variants:?}") };
    // With sound for two ears, once that is made, it is the same picture.
    assert!(variants.iter().all(|variant| variant.is_i_frame || variant.uri == whole.uri), "{variants:?}");
    assert_eq!(scrubbing.uri, "v0/iframes.m3u8");
    assert_eq!(scrubbing.resolution, whole.resolution);
    let codecs = scrubbing.codecs.as_deref().unwrap();
    assert!(codecs.starts_with("avc1.64") && !codecs.contains(','), "{codecs}");
    let track = player.tracks().await.video.unwrap();
    let frames = player.i_frames(&track).await;
    let sizes = frames.sizes();
    let bits: f64 = sizes.iter().map(|(bits, _)| bits).sum();
    let average = bits / (frames.end as f64 / 1e6);
    let said = scrubbing.average_bandwidth.unwrap() as f64;
    assert!((said - average).abs() <= 1.0, "AVERAGE-BANDWIDTH {said}, measured {average}");
    // One every two seconds, which is the target: every run of up to 1.5 targets is one of them.
    let worst = sizes.iter().map(|(bits, seconds)| bits / seconds).fold(0.0, f64::max);
    let said = scrubbing.bandwidth as f64;
    assert!((said - worst).abs() <= 1.0, "BANDWIDTH {said}, measured {worst}");
}

/// hls.js, which the pages use, fetches one picture from the I-frame playlist and shows it.
#[tokio::test]
async fn a_browser_shows_the_picture_that_is_scrubbed_to() {
    let world = World::start().await;
    let video = world.published(&clip::colours()).await;
    let browser = Browser::open().await;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    let library = "performance.getEntriesByType('resource').find((it) => it.name.endsWith('hls.mjs'))?.name";
    let library = browser.value("the page loads hls.js", library).await;
    let master = world.player(&video).master_path();
    let load = format!(
        "import({library}).then(({{ default: Hls }}) => {{ window.film = new Hls(); film.loadSource('{master}'); }});"
    );
    browser.run(&load).await;
    let scrubber = "window.scrubber = window.film?.createIFramePlayer()";
    for second in [17, 5, 21, 1] {
        browser.until("hls.js makes a player of I-frames", scrubber).await;
        let attach = "window.seen = document.createElement('video'); document.body.append(seen);
             window.attached = false; scrubber.on('hlsMediaAttached', () => { attached = true; }); scrubber.attachMedia(seen);";
        browser.run(attach).await;
        browser.until("it takes orders", "attached").await;
        browser.run(&format!("scrubber.loadMediaAt({second}.5, {{ seekOnAppend: true }});")).await;
        browser.until("a picture is there", "seen.readyState >= 2 && !seen.seeking").await;
        let (name, wanted) = COLOURS[second / 4];
        let colour = colour_of(&browser, "seen").await;
        assert!(is_near(colour, wanted), "at {second} s there is {colour:?} and not {name}");
        browser.run("scrubber.destroy(); seen.remove();").await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
