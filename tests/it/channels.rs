//! Every sound is there for two ears, whatever channels it has in the film, and as it is where players take that.

use crate::harness::World;
use crate::harness::clip::{self, Clip, made};
use crate::harness::measure;
use crate::harness::strict::{problems, read_strictly};

/// A refined film.
async fn complete(world: &World, clip: &Clip) -> String {
    let video = world.published(clip).await;
    world.at_rest().await;
    video
}

/// Group, channels and track of each sound that a film is offered with.
async fn sounds(world: &World, video: &str) -> Vec<String> {
    let master = world.player(video).master().await;
    let told = master.alternatives.iter().map(|it| {
        let track = it.uri.as_deref().map_or("itself", |uri| uri.strip_suffix("/playlist.m3u8").unwrap());
        format!("{} {} {track}", it.group_id, it.channels.as_deref().unwrap())
    });
    told.collect()
}

/// Size and sounds of each variant.
async fn variants(world: &World, video: &str) -> Vec<String> {
    let master = world.player(video).master().await;
    let played = master.variants.iter().filter(|it| !it.is_i_frame);
    let height = |it: &m3u8_rs::VariantStream| it.resolution.map_or(0, |size| size.height);
    played.map(|it| format!("{} {}", height(it), it.audio.as_deref().unwrap())).collect()
}

async fn assert_keeps_to_the_rules(world: &World, video: &str) {
    let url = world.url(&world.player(video).master_path());
    assert_eq!(problems(&read_strictly(&url).await), Vec::<String>::new());
    let checked = world.run(&["check-hls", &url]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[tokio::test]
async fn copied_sound_of_one_channel_is_there_as_it_is_and_for_two_ears() {
    let world = World::start().await;
    let clip = clip::h264_aac(16);
    let video = complete(&world, &clip).await;
    assert_eq!(sounds(&world, &video).await, ["audio3 1 a0", "audio0 2 a1"]);
    assert_eq!(variants(&world, &video).await, ["360 audio3", "360 audio0", "240 audio0"]);
    assert_keeps_to_the_rules(&world, &video).await;

    let reel = async |track: &str| world.player(&video).reel(&format!("/hls/{video}/{track}/")).await;
    let (own, both) = (reel("a0").await, reel("a1").await);
    both.assert_well_formed();
    assert_eq!(measure::packet_hash(&own.save(&world, "own.mp4"), "a"), measure::packet_hash(&clip.path, "a"));
    assert!((own.seconds() - both.seconds()).abs() < 0.1, "{} and {} s", own.seconds(), both.seconds());
    let file = world.folder().join("download.mp4");
    std::fs::write(&file, world.bytes(&format!("/media/{video}/original")).await).unwrap();
    assert_eq!(measure::packet_hashes(&file), measure::packet_hashes(&clip.path), "a download is as it was");
}

#[tokio::test]
async fn sound_alone_of_one_channel_is_offered_in_both_forms() {
    let world = World::start().await;
    let words = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=20 -c:a aac";
    let video = complete(&world, &made("m4a", &words.split_whitespace().collect::<Vec<_>>())).await;
    assert_eq!(sounds(&world, &video).await, ["audio3 1 itself", "audio0 2 itself"]);
    assert_keeps_to_the_rules(&world, &video).await;
}

#[tokio::test]
async fn aac_whose_loudspeakers_have_no_number_is_encoded_for_two_ears_and_for_six() {
    for (layout, says_so) in [("5.1", false), ("5.1(side)", true), ("quad", true)] {
        let world = World::start().await;
        let words = format!(
            "-f lavfi -i testsrc2=size=640x360:rate=25:duration=8 -f lavfi -i sine=sample_rate=48000:duration=8 \
             -af aformat=channel_layouts={layout} -c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p -c:a aac"
        );
        let video = complete(&world, &made("mp4", &words.split_whitespace().collect::<Vec<_>>())).await;
        let tracks = world.video(&video).await["tracks"].clone();
        let first = tracks.as_array().unwrap().iter().find(|track| track["name"] == "a0").unwrap();
        let why = first["why"].as_str().unwrap();
        assert_eq!(why.contains("places of its loudspeakers"), says_so, "{layout}: {first:#}");
        assert_eq!(first["method"] == "encoded", says_so, "{layout}: {first:#}");
        let (ears, room) = if says_so { ("a0", "a1") } else { ("a1", "a0") };
        assert_eq!(sounds(&world, &video).await, [format!("audio0 2 {ears}"), format!("audio1 6 {room}")], "{layout}");
        assert_keeps_to_the_rules(&world, &video).await;
    }
}
