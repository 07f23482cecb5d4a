//! What players may ask for, rightly and wrongly (hls.md 15 and 16; security.md, bad inputs 23 to 27).

use crate::harness::World;
use crate::harness::clip;
use crate::harness::raw;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

/// A world with a film in it, a segment of which is asked for, and that segment's bytes.
struct Shelf {
    world: World,
    track: String,
    segment: String,
    bytes: Vec<u8>,
}

async fn shelf() -> Shelf {
    let world = World::start().await;
    let video = world.published(&clip::h264_aac(16)).await;
    world.at_rest().await;
    let track = world.player(&video).tracks().await.video.unwrap();
    let name = world.player(&video).playlist(&track).await.0.segments[1].uri.clone();
    let segment = format!("{track}{name}");
    let bytes = world.bytes(&segment).await;
    Shelf { world, track, segment, bytes }
}

impl Shelf {
    async fn asked(&self, method: Method, header: (&str, &str)) -> (StatusCode, HeaderMap, Vec<u8>) {
        let asked = self.world.request(method, &self.segment).header(header.0, header.1);
        let answer = asked.send().await.expect("the server answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await.expect("an answer arrives whole").to_vec())
    }

    async fn ranged(&self, range: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        self.asked(Method::GET, ("Range", range)).await
    }
}

#[tokio::test]
async fn a_segment_may_be_kept_for_ever() {
    let shelf = shelf().await;
    let answer = shelf.world.get(&shelf.segment).await;
    let headers = answer.headers();
    let caching = headers["cache-control"].to_str().unwrap();
    assert!(caching.contains("immutable") && caching.contains("max-age=31536000"), "{caching}");
    assert_eq!(headers["content-type"], "video/mp4");
    assert_eq!(headers["accept-ranges"], "bytes");
    assert_eq!(headers["content-length"], shelf.bytes.len().to_string().as_str());
    let etag = headers["etag"].to_str().unwrap().to_owned();
    let (status, _, body) = shelf.asked(Method::GET, ("If-None-Match", &etag)).await;
    assert_eq!((status.as_u16(), body.len()), (304, 0));
    let (status, headers, body) = shelf.asked(Method::HEAD, ("Accept", "*/*")).await;
    assert_eq!((status.as_u16(), body.len()), (200, 0));
    assert_eq!(headers["content-length"], shelf.bytes.len().to_string().as_str());
    let init = shelf.world.get(&format!("{}init.mp4", shelf.track)).await;
    assert!(init.headers()["cache-control"].to_str().unwrap().contains("immutable"));
}

#[tokio::test]
async fn a_playlist_is_revalidated_and_compressed() {
    let shelf = shelf().await;
    let video = shelf.track.split('/').nth(2).unwrap();
    let path = shelf.world.player(video).master_path();
    let answer = shelf.world.get(&path).await;
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let caching = answer.headers()["cache-control"].to_str().unwrap().to_owned();
    assert!(!caching.contains("immutable"), "{caching}");
    let again = shelf.world.request(Method::GET, &path).header("If-None-Match", etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let packed = shelf.world.request(Method::GET, &path).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.headers()["vary"].to_str().unwrap().to_lowercase().contains("accept-encoding"));
    let mut text = String::new();
    let bytes = packed.bytes().await.unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text).unwrap();
    assert_eq!(text, answer.text().await.unwrap());
}

#[tokio::test]
async fn a_range_is_exactly_these_bytes() {
    let shelf = shelf().await;
    let len = shelf.bytes.len();
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=5-99".to_owned(), 5, 100),
        (format!("bytes={}-", len - 7), len - 7, len),
        ("bytes=-12".to_owned(), len - 12, len),
        (format!("bytes=-{}", len * 2), 0, len),
        (format!("bytes=10-{}", len * 9), 10, len),
    ] {
        let (status, headers, body) = shelf.ranged(&range).await;
        assert_eq!(status, 206, "{range}");
        assert_eq!(headers["content-range"], format!("bytes {from}-{}/{len}", to - 1).as_str(), "{range}");
        assert!(body == shelf.bytes[from..to], "{range}: other bytes");
    }
    let (status, headers, _) = shelf.ranged(&format!("bytes={len}-")).await;
    assert_eq!(status, 416);
    assert_eq!(headers["content-range"], format!("bytes */{len}").as_str());
}

#[tokio::test]
async fn a_range_that_makes_no_sense_does_no_harm() {
    let shelf = shelf().await;
    let nonsense = [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=-0",
        "items=0-1",
        "bytes=a-b",
        "bytes=0-1-2",
        "bytes=18446744073709551616-",
        "bytes=0-18446744073709551616",
        "bytes=-18446744073709551616",
        "bytes= 0 - 1",
        "bytes=0x0-0x1",
        "bytes=--1",
        "bytes=+1-+2",
    ];
    for range in nonsense {
        let (status, _, body) = shelf.ranged(range).await;
        let whole = status == 200 && body == shelf.bytes;
        let part = status == 206 && body.len() <= shelf.bytes.len();
        assert!(whole || part || status == 416, "{range:?}: {status}, {} bytes", body.len());
    }
}

#[tokio::test]
async fn a_thousand_ranges_send_no_more_than_the_file() {
    let shelf = shelf().await;
    let apart: Vec<String> = (0..1000).map(|number| format!("{}-{}", number * 2, number * 2)).collect();
    let overlapping = vec!["0-".to_owned(); 1000];
    for ranges in [apart, overlapping] {
        let (status, _, body) = shelf.ranged(&format!("bytes={}", ranges.join(","))).await;
        assert!([200, 206, 416].contains(&status.as_u16()), "{status}");
        assert!(body.len() <= shelf.bytes.len(), "{} bytes of {}", body.len(), shelf.bytes.len());
    }
}

#[tokio::test]
async fn a_path_never_leaves_its_place() {
    let shelf = shelf().await;
    let video = shelf.track.trim_end_matches('/').rsplit_once('/').unwrap().0.to_owned();
    let tails = [
        "..%2f..%2fcatalog.sqlite",
        "%2e%2e/%2e%2e/catalog.sqlite",
        "..%5c..%5ccatalog.sqlite",
        "0%00.m4s",
        "%252e%252e%252fcatalog.sqlite",
        "../../../catalog.sqlite",
        "0.m4s/..%2f",
        "%ff.m4s",
        "00.m4s",
        "-1.m4s",
    ];
    for tail in tails {
        for folder in [shelf.track.as_str(), &format!("{video}/"), "/media/", "/assets/", "/"] {
            // A client would tidy such paths up: they are sent by hand.
            let path = format!("{folder}{tail}");
            let address = shelf.world.address();
            let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            let answer = raw::exchange(address, request).await;
            assert!([400, 404].contains(&answer.status), "{path}: {}", answer.head);
            let database = answer.body.windows(13).any(|bytes| bytes == b"SQLite format");
            assert!(!database, "{path} leads to the catalog");
        }
    }
}

#[tokio::test]
async fn what_there_is_not_is_not_found() {
    let shelf = shelf().await;
    let video = shelf.track.split('/').nth(2).unwrap();
    let other = "01890000-0000-7000-8000-000000000000";
    for path in [
        format!("{}999999.m4s", shelf.track),
        format!("{}99999999999999999999.m4s", shelf.track),
        format!("{}other.mp4", shelf.track),
        format!("/hls/{video}/v7/0.m4s"),
        format!("/hls/{video}/v7/playlist.m3u8"),
        format!("/hls/{other}/master.m3u8"),
        format!("/media/{other}/poster.jpg"),
        format!("/api/videos/{other}"),
        "/hls/not-an-id/master.m3u8".to_owned(),
        "/api/no/such/thing".to_owned(),
        "/no/such/page".to_owned(),
    ] {
        let before = shelf.world.json("/api/system/cache/stats").await["misses"].clone();
        let answer = shelf.world.get(&path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(shelf.world.json("/api/system/cache/stats").await["misses"], before, "{path} reached the store");
    }
}

#[tokio::test]
async fn another_site_reads_only_when_it_may() {
    let settings = [("CORS_ALLOWED_ORIGINS", "https://player.example")];
    let world = World::with(&settings).await;
    let video = world.published(&clip::h264_aac(16)).await;
    let path = format!("/hls/{video}/master.m3u8");
    let asked = async |origin: &str| world.request(Method::GET, &path).header("Origin", origin).send().await.unwrap();
    let known = asked("https://player.example").await;
    assert_eq!(known.headers()["access-control-allow-origin"], "https://player.example");
    let exposed = known.headers()["access-control-expose-headers"].to_str().unwrap().to_lowercase();
    assert!(exposed.contains("content-range") && exposed.contains("content-length"), "{exposed}");
    let stranger = asked("https://evil.example").await;
    assert!(!stranger.headers().contains_key("access-control-allow-origin"));
}
