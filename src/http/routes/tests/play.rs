//! What players ask for, and what they should not get.

use super::Bench;
use crate::media::id::VideoId;
use crate::tests::{INIT, POSTER, SEGMENT, segment};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use flate2::read::GzDecoder;
use std::io::Read as _;

async fn playing() -> (Bench, VideoId) {
    let bench = Bench::new().await;
    let video = Box::pin(bench.sample.film("Film")).await;
    (bench, video)
}

#[actix_web::test]
async fn a_film_plays_from_its_master_to_its_last_byte() {
    let (bench, video) = playing().await;
    let master = bench.get(&format!("/hls/{video}/master.m3u8")).await;
    assert_eq!((master.status, master.header("content-type")), (200, "application/vnd.apple.mpegurl"));
    for (track, kind) in [("v0", "video/mp4"), ("a0", "audio/mp4")] {
        assert!(std::str::from_utf8(&master.body).unwrap().contains(&format!("{track}/playlist.m3u8")));
        let playlist = bench.get(&format!("/hls/{video}/{track}/playlist.m3u8")).await;
        let lines = std::str::from_utf8(&playlist.body).unwrap().to_owned();
        let names: Vec<&str> = lines.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(names, ["0.m4s", "1.m4s"]);
        assert_eq!(bench.get(&format!("/hls/{video}/{track}/init.mp4")).await.body, INIT);
        for (number, name) in names.iter().enumerate() {
            let answer = bench.get(&format!("/hls/{video}/{track}/{name}")).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, kind));
            assert_eq!(answer.header("cache-control"), "max-age=31536000, immutable");
            assert!(answer.body == segment(track, number), "{track} {name}");
        }
    }
    let poster = bench.get(&format!("/media/{video}/poster.jpg")).await;
    assert_eq!((poster.header("content-type"), &poster.body[..]), ("image/jpeg", POSTER));
}

#[actix_web::test]
async fn a_growing_film_plays_from_the_spool() {
    let bench = Bench::new().await;
    let video = bench.sample.growing("Film").await.video;
    let playlist = bench.get(&format!("/hls/{video}/v0/playlist.m3u8")).await;
    assert!(std::str::from_utf8(&playlist.body).unwrap().contains("#EXT-X-PLAYLIST-TYPE:EVENT"));
    assert_eq!(playlist.header("cache-control"), "no-cache");
    assert!(bench.get(&format!("/hls/{video}/v0/1.m4s")).await.body == segment("v0", 1));
}

#[actix_web::test]
async fn a_playlist_is_compressed_for_those_who_take_it_and_not_sent_twice() {
    let (bench, video) = playing().await;
    for name in ["master.m3u8", "v0/iframes.m3u8"] {
        let path = format!("/hls/{video}/{name}");
        let plain = bench.get(&path).await;
        assert_eq!((plain.status, plain.header("content-type")), (200, "application/vnd.apple.mpegurl"));
        assert_eq!(plain.header("cache-control"), "no-cache");
        let asked = || TestRequest::get().uri(&path).insert_header(("accept-encoding", "gzip"));
        let packed = bench.ask(asked()).await;
        assert_eq!(packed.header("content-encoding"), "gzip", "{name}");
        let mut text = String::new();
        GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), plain.body);
        let again = bench.ask(asked().insert_header(("if-none-match", packed.header("etag")))).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}

#[actix_web::test]
async fn parts_of_a_segment_are_exact_and_impossible_ones_are_never_a_fault() {
    let (bench, video) = playing().await;
    let path = format!("/hls/{video}/v0/0.m4s");
    let whole = segment("v0", 0);
    let many = format!("bytes={}", (0..1000).map(|at| format!("{at}-{}", at + 500)).collect::<Vec<_>>().join(","));
    for (range, status, expected) in [
        ("bytes=0-0", 206, &whole[..1]),
        ("bytes=262143-262144", 206, &whole[262_143..262_145]),
        ("bytes=-5", 206, &whole[SEGMENT - 5..]),
        ("bytes=600000-", 206, &whole[600_000..]),
        ("bytes=1-99999999999999999999999", 206, &whole[1..]),
        ("", 200, &whole[..]),
        ("bytes=5-2", 200, &whole[..]),
        ("items=0-1", 200, &whole[..]),
        (&many, 200, &whole[..]),
    ] {
        let answer = bench.ask(TestRequest::get().uri(&path).insert_header(("range", range))).await;
        assert_eq!(answer.status, status, "{range}");
        assert!(answer.body == expected, "{range}");
    }
    for range in ["bytes=-0", "bytes=600001-", "bytes=18446744073709551616-"] {
        let answer = bench.ask(TestRequest::get().uri(&path).insert_header(("range", range))).await;
        assert_eq!((answer.status, answer.header("content-range")), (416, "bytes */600001"), "{range}");
    }
    let part = bench.ask(TestRequest::get().uri(&path).insert_header(("range", "bytes=1-2"))).await;
    assert_eq!(part.header("content-range"), "bytes 1-2/600001");
    let init = format!("/hls/{video}/v0/init.mp4");
    let part = bench.ask(TestRequest::get().uri(&init).insert_header(("range", "bytes=4-7"))).await;
    assert_eq!((part.status, &part.body[..]), (206, &INIT[4..8]));
}

#[actix_web::test]
async fn head_fetches_nothing_and_a_known_segment_is_not_sent_again() {
    let (bench, video) = playing().await;
    let path = format!("/hls/{video}/v0/0.m4s");
    let head = bench.send(Method::HEAD, &path).await;
    assert_eq!((head.status, head.header("accept-ranges"), head.body.len()), (200, "bytes", 0));
    let request = TestRequest::get().uri(&path).insert_header(("if-none-match", head.header("etag")));
    assert_eq!(bench.ask(request).await.status, 304);
    assert_eq!(bench.sample.cache.stats().flights, 0);
}

#[actix_web::test]
async fn names_that_lead_elsewhere_lead_nowhere() {
    let (bench, video) = playing().await;
    for path in [
        format!("/hls/{video}/v0/..%2fv0%2f0.m4s"),
        format!("/hls/{video}/..%2f..%2fetc/passwd"),
        format!("/hls/{video}/v0/..%5c0.m4s"),
        format!("/hls/{video}/v0/0.m4s%00"),
        format!("/hls/{video}/v0/%252e%252e%252f0.m4s"),
        format!("/hls/{video}/v0/00.m4s"),
        format!("/hls/{video}/v0/+0.m4s"),
        format!("/hls/{video}/v0/99999999999.m4s"),
        format!("/hls/{video}/v0/2.m4s"),
        format!("/hls/{video}/V0/0.m4s"),
        format!("/hls/{video}/v1/playlist.m3u8"),
        format!("/hls/{video}/v1/iframes.m3u8"),
        format!("/hls/{video}/a0/iframes.m3u8"),
        format!("/hls/{}/master.m3u8", video.0.simple()),
        format!("/hls/{}/master.m3u8", video.to_string().to_uppercase()),
        format!("/hls/{}/v0/0.m4s", VideoId::fresh()),
        "/hls/%00/master.m3u8".into(),
        "/media/..%2f..%2fcatalog/poster.jpg".into(),
    ] {
        let status = bench.get(&path).await.status;
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
    assert_eq!(bench.sample.cache.stats().flights, 0, "nothing unknown is asked of the store");
}

#[actix_web::test]
async fn a_deleted_film_is_gone_and_a_lost_blob_is_not_a_wrong_address() {
    let (bench, video) = playing().await;
    let path = format!("/hls/{video}/v0/0.m4s");
    std::fs::remove_dir_all(bench.sample.folder.path().join("store/channels")).unwrap();
    let lost = bench.get(&path).await;
    assert_eq!((lost.status, lost.code().as_str()), (502, "bad_storage"));
    bench.send(Method::DELETE, &format!("/api/videos/{video}")).await;
    for path in [path, format!("/hls/{video}/master.m3u8"), format!("/media/{video}/poster.jpg")] {
        assert_eq!(bench.get(&path).await.code(), "not_found");
    }
}
