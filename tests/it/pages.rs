//! The pages in a real browser: a file is picked, its progress is seen, and its pictures are decoded.

use crate::growing::seen_growing;
use crate::harness::World;
use crate::harness::bots::Telegram;
use crate::harness::browser::Browser;
use crate::harness::clip::{self, COLOURS};
use crate::harness::wait::until_true;

const VIDEO: &str = "document.querySelector('video#player')";

/// Pictures decoded and shown so far.
const FRAMES: &str = "document.querySelector('video#player').getVideoPlaybackQuality().totalVideoFrames";

/// Opens the watch page and starts the film, without sound so that the browser lets it.
async fn watch(browser: &Browser, world: &World, video: &str) {
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("the player is on the page", VIDEO).await;
    browser.until("the film has a picture", &format!("{VIDEO}.readyState >= 2")).await;
    play(browser).await;
}

async fn play(browser: &Browser) {
    browser.run(&format!("const v = {VIDEO}; v.muted = true; v.play().catch(() => {{}});")).await;
}

/// Waits until the film, paused in this second, shows the colour it has there. Chromium paints nothing now and then after a
/// seek while it is paused, so that it is told again.
async fn shows_its_colour(browser: &Browser, second: usize) {
    let (name, wanted) = COLOURS[second / 4];
    let arrived =
        format!("!{VIDEO}.seeking && {VIDEO}.readyState >= 2 && Math.abs({VIDEO}.currentTime - {second}.5) < 0.1");
    until_true(&format!("at {second} s it is {name}"), async || {
        browser.run(&format!("{VIDEO}.pause(); {VIDEO}.currentTime = {second}.5;")).await;
        browser.until("the seek ends", &arrived).await;
        is_near(colour_of(browser, VIDEO).await, wanted)
    })
    .await;
}

/// The colour in the middle of the picture as the browser shows it; `video` is an expression.
pub async fn colour_of(browser: &Browser, video: &str) -> [i64; 3] {
    let script = format!(
        "const v = {video}; const c = document.createElement('canvas'); c.width = 16; c.height = 9;
         const x = c.getContext('2d'); x.drawImage(v, 0, 0, 16, 9); return [...x.getImageData(8, 4, 1, 1).data];"
    );
    let seen = browser.run(&script).await;
    [0, 1, 2].map(|channel| seen[channel].as_i64().unwrap())
}

pub fn is_near(seen: [i64; 3], wanted: [u8; 3]) -> bool {
    seen.iter().zip(wanted).all(|(seen, wanted)| (seen - i64::from(wanted)).abs() < 60)
}

#[tokio::test]
async fn a_picked_file_is_uploaded_and_played_in_its_own_colours() {
    let world = World::start().await;
    let browser = Browser::open().await;
    browser.goto(&world.url("/")).await;
    browser.until("the library is on the page", "document.querySelector('#library')").await;
    browser.pick("#file-input", &clip::colours().path).await;
    browser.until("the upload is shown", "document.querySelector('#uploads').textContent.trim() !== ''").await;
    let link = "document.querySelector('#library a[href^=\"/watch/\"]')?.getAttribute('href')";
    let link = browser.value("the film appears in the library", link).await;
    let video = link.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    world.ready(&video).await;
    browser.keep_picture("library").await;

    watch(&browser, &world, &video).await;
    browser.until("frames are decoded", &format!("{FRAMES} > 20")).await;
    for second in [1, 17, 5, 21] {
        shows_its_colour(&browser, second).await;
    }
    browser.run(&format!("{VIDEO}.currentTime = 22;")).await;
    play(&browser).await;
    browser.until("the film ends", &format!("{VIDEO}.ended")).await;
    browser.keep_picture("watch").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_film_picked_in_the_browser_goes_to_the_bots_and_plays_from_there() {
    let telegram = Telegram::with(8);
    let world = telegram.server().await;
    let browser = Browser::open().await;
    browser.goto(&world.url("/")).await;
    browser.until("the library is on the page", "document.querySelector('#library')").await;
    browser.pick("#file-input", &clip::colours().path).await;
    let link = "document.querySelector('#library a[href^=\"/watch/\"]')?.getAttribute('href')";
    let link = browser.value("the film appears in the library", link).await;
    let video = link.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    world.ready(&video).await;
    world.protected(&video).await;
    assert_eq!(world.files("channels"), Vec::<std::path::PathBuf>::new(), "nothing lies on this machine");
    assert_eq!(world.send(reqwest::Method::POST, "/api/system/cache/clear").await.status(), 204);

    watch(&browser, &world, &video).await;
    browser.until("frames are decoded", &format!("{FRAMES} > 20")).await;
    shows_its_colour(&browser, 17).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_film_that_still_encodes_starts_at_its_beginning_and_goes_on() {
    let world = World::start().await;
    let browser = Browser::open().await;
    let (video, _) = seen_growing(&world, 1).await;
    watch(&browser, &world, &video).await;
    browser.until("it plays", &format!("{VIDEO}.played.length")).await;
    let start = browser.value("it began somewhere", &format!("{VIDEO}.played.start(0)")).await.as_f64().unwrap();
    assert!(start < 6.0, "it began at {start} s");
    // Play on where the picture ends for now, and see it go on without an error.
    let edge = format!("(() => {{ const b = {VIDEO}.buffered; return b.length ? b.end(b.length - 1) : 0; }})()");
    let end = browser.value("something is buffered", &edge).await.as_f64().unwrap();
    browser.run(&format!("{VIDEO}.currentTime = Math.max(0, {end} - 1);")).await;
    play(&browser).await;
    let before = browser.value("frames are counted", FRAMES).await.as_u64().unwrap();
    world.ready(&video).await;
    let later = format!("{VIDEO}.currentTime > {end} + 2 && {FRAMES} > {before} + 50 && !{VIDEO}.error");
    browser.until("it plays past where it had ended", &later).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn every_page_loads_without_a_complaint() {
    let world = World::start().await;
    let video = world.published(&clip::h264_aac(16)).await;
    let browser = Browser::open().await;
    for (path, sign) in [
        ("/", "document.querySelector('#library a[href^=\"/watch/\"]')"),
        ("/system", "document.querySelector('#sentence')?.textContent"),
        ("/api/docs", "document.querySelector('#api')?.children.length > 3"),
        (&format!("/watch/{video}"), "document.querySelector('video#player')?.readyState >= 2"),
    ] {
        browser.goto(&world.url(path)).await;
        browser.until(path, sign).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new(), "{path}");
    }
}

#[tokio::test]
async fn a_title_is_text_and_never_a_script() {
    let world = World::start().await;
    let title = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    let sending = crate::harness::upload::Sending::of(&clip::h264_aac(4)).titled(title);
    let video = world.accepted(&sending).await.video;
    world.ready(&video).await;
    let browser = Browser::open().await;
    for path in ["/".to_owned(), format!("/watch/{video}")] {
        browser.goto(&world.url(&path)).await;
        browser.until("the title is shown", "document.body.textContent.includes('<script>')").await;
        assert_ne!(browser.run("return document.title").await, "owned");
    }
}
