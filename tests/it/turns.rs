//! Films take turns with the encoder, and an encoder that says nothing more does not keep its turn.

use crate::harness::World;
use crate::harness::clip::{self, Clip};
use crate::harness::measure;
use crate::harness::stand_in::{MIDDLES, StandIn};
use crate::harness::upload::Sending;
use crate::harness::wait::until;

/// Says nothing once in the middle of a film, as a disk may.
const STUCK_ONCE: &str = r#"#!/bin/bash
if [[ " $* " == *" -ss "*" mp4 "* ]] && mkdir "$(dirname "$0")/stuck" 2>/dev/null; then exec sleep 3600; fi
exec REAL "$@"
"#;

const SECONDS: usize = 20;

/// Encoded, in more than one span.
fn film(colour: &str) -> Clip {
    let picture = format!("color={colour}:size=320x180:rate=25:duration={SECONDS}");
    clip::made("avi", &["-f", "lavfi", "-i", &picture, "-c:v", "mpeg4", "-g", "25"])
}

#[tokio::test]
async fn no_film_waits_for_the_whole_of_another() {
    let stand_in = StandIn::that_holds_up(MIDDLES);
    let (path, days) = (stand_in.path(), "1d");
    let world = World::with(&[("PATH", path.as_str()), ("MAX_PARALLEL_ENCODES", "1"), ("STALL_TIMEOUT", days)]).await;
    let accepted = async |clip: &Clip| world.accepted(&Sending::of(clip)).await.video;
    let playable = async |video: &str| world.video(video).await["playable"] == true;

    let first = accepted(&film("red")).await;
    until("the first film has begun", async || playable(&first).await.then_some(())).await;
    let second = accepted(&film("green")).await;
    until("the beginning of the second one can be watched", async || playable(&second).await.then_some(())).await;
    let copied = world.published(&clip::colours()).await;
    let state = async |video: &str| world.video(video).await["state"].clone();
    assert_eq!((state(&first).await, state(&second).await), ("processing".into(), "processing".into()));
    assert_eq!(state(&copied).await, "ready");

    stand_in.let_go();
    for video in [first, second] {
        until("it is whole", async || (state(&video).await == "ready").then_some(())).await;
    }
}

#[tokio::test]
async fn an_encoder_that_says_nothing_more_is_begun_anew() {
    let stand_in = StandIn::of(STUCK_ONCE);
    let path = stand_in.path();
    let world = World::with(&[("PATH", path.as_str()), ("STALL_TIMEOUT", "5s")]).await;
    let video = world.published(&film("blue")).await;
    assert!(stand_in.folder().join("stuck").exists());
    let pictures = world.player(&video).pictures().await;
    pictures.assert_well_formed();
    assert_eq!(measure::frame_times(&pictures.save(&world, "pictures.mp4"), "v").len(), SECONDS * 25);
    world.at_rest().await;
    assert!(world.ffmpegs().is_empty(), "none is left");
}
