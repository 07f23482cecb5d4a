//! The player's menu in a real browser: sizes and sounds that become available, while somebody watches.

use crate::harness::World;
use crate::harness::browser::Browser;
use crate::harness::clip;
use crate::harness::upload::Sending;
use crate::harness::wait::until;

const VIDEO: &str = "document.querySelector('video#player')";

/// As slow as Chromium plays.
const SLOW: &str = "0.0625";

/// The names in a column of the open menu.
fn names(column: &str) -> String {
    format!(
        "[...document.querySelectorAll('.panel [aria-label=\"{column}\"] button')].map((item) => item.querySelector('span').textContent)"
    )
}

/// The name that is chosen in a column of the open menu.
fn chosen(column: &str) -> String {
    format!("document.querySelector('.panel [aria-label=\"{column}\"] [aria-checked=\"true\"] span')?.textContent")
}

async fn chosen_of(browser: &Browser, column: &str) -> serde_json::Value {
    browser.run(&format!("return {}", chosen(column))).await
}

async fn choose(browser: &Browser, column: &str, name: &str) {
    let item = format!(
        "[...document.querySelectorAll('.panel [aria-label=\"{column}\"] button')].find((item) => item.querySelector('span').textContent === '{name}')"
    );
    browser.until(&format!("{name} is offered"), &item).await;
    browser.run(&format!("{item}.click()")).await;
}

/// The length of a film that is watched from the start, in seconds: at `SLOW` it takes minutes until it is so near to its
/// end that its page takes in nothing more, however busy the machine is.
const LENGTH: u32 = 50;

/// A film whose page was open before it could be watched, with its menu open and all its sizes in it.
async fn watched_from_the_start(world: &World, browser: &Browser) -> String {
    let video = world.accepted(&Sending::of(&clip::two_languages(LENGTH))).await.video;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("the film has a picture", &format!("{VIDEO}?.readyState >= 2")).await;
    let watch = format!(
        "const v = {VIDEO}; v.muted = true; v.playbackRate = {SLOW}; v.play().catch(() => {{}}); window.breaks = [];
         for (const name of ['emptied', 'seeking', 'pause', 'error']) v.addEventListener(name, () => breaks.push(name));"
    );
    browser.run(&watch).await;
    browser.run("document.querySelector('.rung').click()").await;
    browser.until("the ladder is in the menu", &format!("{}.length === 4", names("Quality"))).await;
    browser.until("the sounds are in the menu", &format!("{}.length === 2", names("Sound"))).await;
    video
}

#[tokio::test]
async fn what_is_added_to_a_film_comes_to_a_page_that_plays_it_without_a_break() {
    let world = World::start().await;
    let browser = Browser::open().await;
    watched_from_the_start(&world, &browser).await;
    let place = browser.run(&format!("return {VIDEO}.currentTime")).await.as_f64().unwrap();
    assert!(place < 30.0, "the film is at {place} s, too far to see it go on");
    browser.run(&format!("{VIDEO}.playbackRate = 1")).await;
    let on = format!("{VIDEO}.currentTime > {place} + 4 && !{VIDEO}.paused");
    browser.until("it plays on", &on).await;
    assert_eq!(browser.run("return breaks").await, serde_json::json!([]), "the film went on in one piece");
    browser.keep_picture("menu").await;

    browser.run(&format!("{VIDEO}.currentTime = {LENGTH} - 3")).await;
    browser.until("it ends", &format!("{VIDEO}.ended")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_is_opened_while_sizes_are_made_gets_them_too() {
    let world = World::start().await;
    let browser = Browser::open().await;
    let video = world.accepted(&Sending::of(&clip::two_languages(LENGTH))).await.video;
    until("its sizes are being made", async || {
        let status = world.json("/api/system/status").await;
        let is_made = |job: &serde_json::Value| job["kind"] == "refine" && job["stage"] == "transcode";
        status["jobs"].as_array()?.iter().any(is_made).then_some(())
    })
    .await;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("the film has a picture", &format!("{VIDEO}?.readyState >= 2")).await;
    browser.run(&format!("{VIDEO}.pause(); document.querySelector('.rung').click()")).await;
    browser.until("the ladder is in the menu", &format!("{}.length === 4", names("Quality"))).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_menu_lists_what_the_master_lists_and_shows_what_is_chosen() {
    let world = World::start().await;
    let browser = Browser::open().await;
    let video = watched_from_the_start(&world, &browser).await;
    let master = world.player(&video).master().await;
    let mut heights: Vec<u64> = master
        .variants
        .iter()
        .filter(|it| !it.is_i_frame)
        .filter_map(|form| form.resolution)
        .map(|size| size.height)
        .collect();
    heights.sort_unstable_by_key(|height| std::cmp::Reverse(*height));
    let listed = browser.run(&format!("return {}.slice(1)", names("Quality"))).await;
    let wanted: Vec<String> = heights.iter().map(|height| format!("{height}p")).collect();
    assert_eq!(listed, serde_json::json!(wanted));
    let listed = browser.run(&format!("return {}", names("Sound"))).await;
    let sounds: Vec<&str> = master.alternatives.iter().map(|sound| sound.name.as_str()).collect();
    assert_eq!(listed, serde_json::json!(sounds));

    // A size that is chosen is shown from the next segment on.
    browser.run(&format!("{VIDEO}.playbackRate = 1")).await;
    for height in [360, 480] {
        choose(&browser, "Quality", &format!("{height}p")).await;
        browser.until("its picture is shown", &format!("{VIDEO}.videoHeight === {height}")).await;
        browser.until("the menu says so", &format!("{} === '{height}p'", chosen("Quality"))).await;
    }
    let fetched = "performance.getEntriesByType('resource').some(({ name }) => /\\/a1\\/\\d+\\.m4s$/.test(name))";
    assert_eq!(browser.run(&format!("return {fetched}")).await, false, "the other sound is not fetched unasked");
    choose(&browser, "Sound", sounds[1]).await;
    browser.until("its pieces are fetched", fetched).await;
    browser.until("the menu says so", &format!("{} === '{}'", chosen("Sound"), sounds[1])).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn sounds_and_sizes_that_are_there_with_one_channel_and_with_two_are_in_the_menu_once() {
    let world = World::start().await;
    let words = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=20 -f lavfi -i sine=frequency=330:duration=20 \
                 -f lavfi -i sine=frequency=550:duration=20 -map 0 -map 1 -map 2 -c:v libx264 -preset veryfast -g 50 \
                 -pix_fmt yuv420p -c:a aac -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu";
    let video = world.published(&clip::made("mp4", &words.split_whitespace().collect::<Vec<_>>())).await;
    world.at_rest().await;
    let browser = Browser::open().await;
    browser.goto(&world.url(&format!("/watch/{video}"))).await;
    browser.until("the film has a picture", &format!("{VIDEO}?.readyState >= 2")).await;
    browser.run(&format!("{VIDEO}.pause(); document.querySelector('.rung').click()")).await;
    browser.until("the sounds are in the menu", &format!("{}.length > 1", names("Sound"))).await;
    assert_eq!(browser.run(&format!("return {}", names("Sound"))).await, serde_json::json!(["English", "Deutsch"]));
    let sizes = browser.run(&format!("return {}.slice(1)", names("Quality"))).await;
    assert_eq!(sizes, serde_json::json!(["360p", "240p"]));

    choose(&browser, "Sound", "Deutsch").await;
    let fetched = "performance.getEntriesByType('resource').some(({ name }) => /\\/a[13]\\/\\d+\\.m4s$/.test(name))";
    browser.until("its pieces are fetched", fetched).await;
    browser.until("the menu says so", &format!("{} === 'Deutsch'", chosen("Sound"))).await;
    choose(&browser, "Quality", "240p").await;
    let play = format!("const v = {VIDEO}; v.muted = true; v.currentTime = 16; v.play().catch(() => {{}})");
    browser.run(&play).await;
    browser
        .until("it ends in the size that was chosen", &format!("{VIDEO}.ended && {VIDEO}.videoHeight === 240"))
        .await;
    assert_eq!(chosen_of(&browser, "Sound").await, "Deutsch", "whatever goes with that size");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn encoders_are_tried_again_from_the_page() {
    let world = World::start().await;
    let browser = Browser::open().await;
    browser.goto(&world.url("/system")).await;
    browser.until("the encoders are listed", "document.querySelector('#encoders li')").await;
    browser.run("document.querySelector('#probe-encoders').click()").await;
    let said = "document.querySelector('#toasts')?.textContent.startsWith('Tried again. Software is in use.')";
    browser.until("it says what came of it", said).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
