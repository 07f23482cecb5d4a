mod waiting;

use super::Standing::{Opening, Passing};
use super::*;
use crate::media::extent::Place;
use crate::tests::{INIT, POSTER, SEGMENT, Sample, segment};
use futures::TryStreamExt as _;

fn track(name: &str) -> TrackName {
    name.parse().unwrap()
}

fn over(sample: &Sample) -> Delivery {
    Delivery::new(sample.catalog.clone(), sample.cache.clone(), Shutdown::new())
}

async fn read(delivery: &Delivery, stored: &Stored, start: usize, len: usize) -> Vec<u8> {
    let range = ByteRange::at(start as u64, len as u64).unwrap();
    let slices: Vec<Slice> = delivery.open(stored, range).await.unwrap().try_collect().await.unwrap();
    slices.iter().map(|slice| slice.to_bytes().unwrap()).collect::<Vec<Bytes>>().concat()
}

#[tokio::test]
async fn a_growing_film_is_an_event_with_planned_rates_and_a_ready_one_is_complete_with_measured_ones() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let growing = sample.growing("Film").await;
    let video = growing.video;
    let master = delivery.master(video, Sounds::ForAll).await.unwrap().unwrap();
    assert!(master.text.contains("BANDWIDTH=6000000,CODECS=\"avc1.640028,mp4a.40.2\""), "{}", master.text);
    assert!(master.text.contains("v0/playlist.m3u8") && !master.text.contains("INDEPENDENT"), "{}", master.text);
    let playlist = delivery.media_playlist(video, track("v0")).await.unwrap().unwrap();
    assert!(playlist.text.contains("EVENT") && !playlist.text.contains("ENDLIST"), "{}", playlist.text);
    assert!(!master.text.contains("I-FRAME"), "{}", master.text);
    assert!(delivery.i_frame_playlist(video, track("v0")).await.unwrap().is_none(), "it could only be added to");

    sample.finish(growing).await;

    let master = delivery.master(video, Sounds::ForAll).await.unwrap().unwrap();
    assert!(master.text.contains("BANDWIDTH=5000000,AVERAGE-BANDWIDTH=4800000"), "{}", master.text);
    assert!(master.text.contains("INDEPENDENT-SEGMENTS"), "{}", master.text);
    let playlist = delivery.media_playlist(video, track("v0")).await.unwrap().unwrap();
    assert!(playlist.text.contains("#EXT-X-PLAYLIST-TYPE:VOD"), "{}", playlist.text);
    assert!(playlist.text.ends_with("#EXTINF:2.000000,\n0.m4s\n#EXTINF:2.000000,\n1.m4s\n#EXT-X-ENDLIST\n"));
}

#[tokio::test]
async fn pictures_that_are_complete_have_a_list_of_i_frames_and_sound_has_none() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let video = sample.film("Film").await;
    let master = delivery.master(video, Sounds::ForAll).await.unwrap().unwrap();
    let line = "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=40000,AVERAGE-BANDWIDTH=30000,CODECS=\"avc1.640028\",\
        RESOLUTION=640x360,URI=\"v0/iframes.m3u8\"\n";
    assert!(master.text.ends_with(line) && master.text.matches("I-FRAME").count() == 1, "{}", master.text);
    let list = delivery.i_frame_playlist(video, track("v0")).await.unwrap().unwrap();
    let lines = "#EXT-X-MAP:URI=\"init.mp4\"\n\
        #EXTINF:1.000000,\n#EXT-X-BYTERANGE:5000@0\n0.m4s\n#EXTINF:1.000000,\n#EXT-X-BYTERANGE:4000@300000\n0.m4s\n\
        #EXTINF:1.000000,\n#EXT-X-BYTERANGE:5000@0\n1.m4s\n#EXTINF:1.000000,\n#EXT-X-BYTERANGE:4000@300000\n1.m4s\n\
        #EXT-X-ENDLIST\n";
    assert!(list.text.ends_with(lines), "{}", list.text);
    let again = delivery.i_frame_playlist(video, track("v0")).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&list, &again), "it was asked of the catalog again");
    assert!(delivery.i_frame_playlist(video, track("a0")).await.unwrap().is_none());
}

#[tokio::test]
async fn every_byte_comes_back_from_the_spool_and_from_the_store() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let growing = sample.growing("Film").await;
    let video = growing.video;
    let spooled = delivery.segment(video, track("v0"), 1).await.unwrap().unwrap();
    assert_eq!(spooled.len(), SEGMENT as u64 + 1);
    assert_eq!(read(&delivery, &spooled, 0, SEGMENT + 1).await, segment("v0", 1));

    sample.finish(growing).await;

    let stored = delivery.segment(video, track("v0"), 1).await.unwrap().unwrap();
    assert_eq!(stored.tag(), spooled.tag(), "a tag says what the bytes are, not where");
    assert_eq!(read(&delivery, &stored, 5, 300_000).await, segment("v0", 1)[5..300_005]);
    let poster = delivery.poster(video).await.unwrap().unwrap();
    assert_eq!(read(&delivery, &poster, 0, POSTER.len()).await, POSTER);
    assert_eq!(delivery.init(video, track("a0")).await.unwrap().unwrap(), INIT);
}

#[tokio::test]
async fn what_moved_to_the_store_since_it_was_found_is_found_again() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let growing = sample.growing("Film").await;
    let before = delivery.segment(growing.video, track("a0"), 0).await.unwrap().unwrap();
    sample.finish(growing).await;
    assert_eq!(read(&delivery, &before, 0, SEGMENT).await, segment("a0", 0));
}

#[tokio::test]
async fn a_deleted_film_is_gone_at_once_though_it_was_just_played() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let video = sample.film("Film").await;
    for _ in 0..2 {
        assert!(delivery.master(video, Sounds::ForAll).await.unwrap().is_some());
        assert!(delivery.segment(video, track("v0"), 0).await.unwrap().is_some());
        assert!(delivery.i_frame_playlist(video, track("v0")).await.unwrap().is_some());
        assert!(delivery.init(video, track("v0")).await.unwrap().is_some());
    }

    sample.catalog.trash_video(video, sample.clock.now(), sample.clock.now()).await.unwrap();

    assert!(delivery.master(video, Sounds::ForAll).await.unwrap().is_none());
    assert!(delivery.media_playlist(video, track("v0")).await.unwrap().is_none());
    assert!(delivery.i_frame_playlist(video, track("v0")).await.unwrap().is_none());
    assert!(delivery.segment(video, track("v0"), 0).await.unwrap().is_none());
    assert!(delivery.init(video, track("v0")).await.unwrap().is_none());
    assert!(delivery.poster(video).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_removed_for_good_while_it_is_read_is_gone_and_no_damage() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let stored = delivery.segment(sample.film("Film").await, track("v0"), 0).await.unwrap().unwrap();
    let Thing::Segment(video, ..) = stored.thing else { panic!("it is no segment") };
    let Place::Store(blob) = &stored.pieces[0].place else { panic!("it is not stored") };
    sample.store.remove(&blob.copies).await.unwrap();
    let first = ByteRange::at(0, 1).unwrap();
    assert!(matches!(delivery.open(&stored, first).await, Err(DeliveryError::Cache(_))), "it is lost, not deleted");
    sample.catalog.trash_video(video, sample.clock.now(), sample.clock.now()).await.unwrap();
    assert!(matches!(delivery.open(&stored, first).await, Err(DeliveryError::Gone)));
}

#[tokio::test]
async fn what_was_asked_before_is_answered_without_asking_the_catalog_again() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let video = sample.film("Film").await;
    let first = delivery.media_playlist(video, track("v0")).await.unwrap().unwrap();
    let second = delivery.media_playlist(video, track("v0")).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_ne!(delivery.media_playlist(video, track("a0")).await.unwrap(), None);
}

#[tokio::test]
async fn a_list_that_a_crowd_asks_for_is_made_once() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let video = sample.film("Film").await;
    let crowd = (0..100).map(|_| delivery.media_playlist(video, track("v0")));
    let lists = futures::future::try_join_all(crowd).await.unwrap();
    let first = lists[0].as_ref().unwrap();
    assert!(lists.iter().all(|list| Arc::ptr_eq(first, list.as_ref().unwrap())), "it was made more than once");
}

#[tokio::test]
async fn nothing_unknown_is_found() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let video = sample.film("Film").await;
    assert!(delivery.segment(video, track("v0"), 2).await.unwrap().is_none());
    assert!(delivery.segment(video, track("v0g2"), 0).await.unwrap().is_none());
    assert!(delivery.master(VideoId::fresh(), Sounds::ForAll).await.unwrap().is_none());
}

#[test]
fn openings_are_what_players_begin_with() {
    let standing = |name: &str, number| Thing::Segment(VideoId::fresh(), track(name), number).standing();
    for name in ["v0", "a1", "s0"] {
        assert_eq!([0, 1, 2].map(|number| standing(name, number)), [Opening, Opening, Passing], "{name}");
    }
    assert_eq!(standing("o0", 0), Passing, "the file itself is in runs of many megabytes");
    assert_eq!(Thing::Poster(VideoId::fresh()).standing(), Opening);
}

#[tokio::test]
async fn a_place_that_is_found_again_shares_the_hashes_of_its_blob() {
    let sample = Sample::new().await;
    let delivery = over(&sample);
    let video = sample.film("Film").await;
    let blob = async || {
        let stored = delivery.segment(video, track("v0"), 0).await.unwrap().unwrap();
        let Place::Store(blob) = &stored.pieces[0].place else { panic!("it is not stored") };
        Arc::clone(blob)
    };
    let first = blob().await;
    sample.film("Another").await;
    let again = blob().await;
    assert!(!Arc::ptr_eq(&first, &again), "what was remembered is of an earlier version");
    assert!(Arc::ptr_eq(&first.chunks, &again.chunks));
}
