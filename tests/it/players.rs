//! Every kind of film in players of several makes: each is played, shown in every size, heard in every language,
//! read, and sought in, without an error. The page of the browser's players is of another origin.
//!
//! `TELECINE_PLAYERS` names the players; `make soak` names all.

mod forms;
mod native;

use crate::harness::World;
use crate::harness::film::{self, CUE, Film, places};
use crate::harness::stage::Stage;
use crate::harness::strict::{problems, read_strictly};
use m3u8_rs::{AlternativeMediaType, MasterPlaylist};
use serde_json::{Value, json};

const USUAL: &str = "ffmpeg hls.js";
const SEEKS: usize = 20;

/// A film as it is offered.
struct Offer {
    film: Film,
    master: String,
    /// How the largest size is made: `copied` or `encoded`.
    method: String,
    /// Number of its sizes.
    rungs: usize,
    /// Language and folder of each sound.
    sounds: Vec<(String, String)>,
    places: Vec<f64>,
}

impl Offer {
    async fn of(world: &World, film: Film) -> Self {
        let video = world.published(&film.clip).await;
        world.at_rest().await;
        let player = world.player(&video);
        let master = player.master().await;
        let rungs = master.variants.iter().filter(|form| !form.is_i_frame).count();
        let places = places(film.pictures as u64, SEEKS);
        let tracks = world.video(&video).await["tracks"].clone();
        let largest = tracks.as_array().unwrap().iter().find(|track| track["kind"] == "video").unwrap();
        let method = largest["method"].as_str().unwrap().to_owned();
        Self { film, master: world.url(&player.master_path()), method, rungs, sounds: sounds(&master), places }
    }

    /// For the page, as it is described there.
    fn for_stage(&self) -> Value {
        let sound = |(language, folder): &(String, String)| json!({ "language": language, "folder": folder });
        let (text, start, end) = CUE;
        let cue = json!({ "language": "en", "text": text, "start": start, "end": end });
        json!({
            "url": self.master,
            "rungs": self.rungs,
            "sounds": self.sounds.iter().map(sound).collect::<Vec<_>>(),
            "cue": if self.film.has_cue { cue } else { Value::Null },
            "places": self.places,
        })
    }
}

/// The names of the players.
fn players() -> String {
    std::env::var("TELECINE_PLAYERS").unwrap_or_else(|_| USUAL.to_owned())
}

fn sounds(master: &MasterPlaylist) -> Vec<(String, String)> {
    let sounds = master.alternatives.iter().filter(|media| media.media_type == AlternativeMediaType::Audio);
    let named = sounds.filter_map(|media| {
        let folder = media.uri.as_ref()?.split_once('/')?.0.to_owned();
        Some((media.language.clone()?, folder))
    });
    named.collect()
}

/// Takes a film in and has it checked and played; `method`, `rungs` and `sounds` are what it must offer.
async fn assert_plays(make: impl FnOnce(&World) -> Film, method: &str, rungs: usize, sounds: usize) {
    let stage = Stage::built().await;
    let world = World::with(&[("CORS_ALLOWED_ORIGINS", &stage.origin())]).await;
    let film = make(&world);
    let offer = Offer::of(&world, film).await;
    let offered = (offer.method.as_str(), offer.rungs, offer.sounds.len());
    assert_eq!(offered, (method, rungs, sounds), "{}", offer.master);
    let checked = world.run(&["check-hls", &offer.master]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let mut faults = problems(&read_strictly(&offer.master).await);
    for player in players().split_whitespace() {
        let found = match player {
            "ffmpeg" => native::faults_of_ffmpeg(&offer).await,
            "mpv" => native::faults_of_mpv(&offer).await,
            _ => stage.faults(player, &offer.for_stage()).await,
        };
        faults.extend(found.into_iter().map(|fault| format!("{player}: {fault}")));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[tokio::test]
async fn copied_h264_plays() {
    assert_plays(|_| film::copied(), "copied", 2, 1).await;
}

#[tokio::test]
async fn a_ladder_plays() {
    assert_plays(|_| film::ladder(), "copied", 3, 1).await;
}

#[tokio::test]
async fn two_languages_play() {
    assert_plays(|_| film::two_languages(), "copied", 2, 2).await;
}

#[tokio::test]
async fn subtitles_are_shown_in_time() {
    assert_plays(|world| film::subtitles(world.folder()), "copied", 2, 1).await;
}

#[tokio::test]
async fn a_variable_rate_plays() {
    assert_plays(|_| film::variable_rate(), "copied", 2, 1).await;
}

#[tokio::test]
async fn portrait_plays() {
    assert_plays(|_| film::portrait(), "copied", 2, 1).await;
}

#[tokio::test]
async fn open_gop_plays() {
    assert_plays(|_| film::open_gop(), "encoded", 2, 1).await;
}

#[tokio::test]
async fn groups_of_twelve_seconds_at_40_megabits_play() {
    assert_plays(|_| film::long_gop(), "copied", 2, 1).await;
}
