//! Each rule seen kept and broken.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::io::Write as _;

fn reply(status: u16, headers: &[(&'static str, &str)]) -> Reply {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Reply { status, headers: map, ..Reply::default() }
}

fn brotli(text: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(text).unwrap();
    encoder.into_inner()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn rules(faults: impl IntoIterator<Item = Fault>) -> Vec<&'static str> {
    faults.into_iter().map(|fault| fault.rule).collect()
}

#[test]
fn types_are_the_recommended_ones() {
    let fault = |holds, found| type_fault(holds, &reply(200, &[("content-type", found)]));
    assert!(fault(Holds::Playlist, "Application/VND.apple.mpegURL; charset=utf-8").is_none());
    assert!(fault(Holds::Sound, "audio/mp4").is_none());
    assert!(fault(Holds::Text, "text/vtt").is_none());
    assert!(fault(Holds::Sound, "video/mp4").is_some());
    assert!(fault(Holds::Playlist, "text/plain").is_some());
    assert!(type_fault(Holds::TransportStream, &reply(200, &[])).is_some());
}

#[test]
fn the_way_is_straight() {
    assert!(redirect_fault(&reply(200, &[])).is_none());
    assert!(redirect_fault(&Reply { redirects: 1, ..reply(200, &[]) }).is_some());
}

#[test]
fn long_playlists_are_compressed_and_the_same() {
    let text = b"#EXTINF:6.0,\na.m4s\n".repeat(50);
    let gzipped = reply(200, &[("content-encoding", "gzip")]);
    assert!(compression_fault(&text, &gzipped, &gzip(&text)).is_none());
    assert!(compression_fault(&text, &reply(200, &[]), &text).is_some());
    assert!(compression_fault(b"#EXTM3U\n", &reply(200, &[]), b"").is_none());
    assert!(compression_fault(&text, &gzipped, &gzip(b"other")).is_some());
    assert!(compression_fault(&text, &gzipped, &text).is_some());
    let packed = reply(200, &[("content-encoding", "br")]);
    assert!(compression_fault(&text, &packed, &brotli(&text)).is_none());
    assert!(compression_fault(&text, &packed, &brotli(b"other")).is_some());
    assert!(compression_fault(&text, &packed, b"?").is_some());
    assert!(compression_fault(&text, &reply(200, &[("content-encoding", "zstd")]), b"?").is_some());
}

#[test]
fn head_is_get_without_a_body() {
    let get = reply(200, &[("content-type", "video/mp4")]);
    let head = |status, len, kind| reply(status, &[("content-length", len), ("content-type", kind)]);
    assert_eq!(rules(head_faults(&get, 7, &head(200, "7", "video/mp4"))), [""; 0]);
    assert_eq!(rules(head_faults(&get, 7, &head(405, "0", ""))), ["RFC 9110 9.3.2"]);
    assert_eq!(rules(head_faults(&get, 7, &head(200, "0", "video/mp4"))), ["RFC 9110 9.3.2"]);
    assert_eq!(rules(head_faults(&get, 7, &head(200, "7", "text/html"))), ["RFC 9110 9.3.2"]);
}

#[test]
fn segments_can_be_kept_and_asked_for_in_parts() {
    let good = [("etag", "\"a\""), ("accept-ranges", "bytes"), ("cache-control", "max-age=31536000, immutable")];
    assert_eq!(rules(caching_faults(&reply(200, &good))), [""; 0]);
    for (at, rule) in ["RFC 9110 8.8.3", "RFC 9110 14.3", "RFC 8246 2"].into_iter().enumerate() {
        let mut bad = good;
        bad[at].1 = "none";
        assert_eq!(rules(caching_faults(&reply(200, &bad))), [rule]);
    }
    assert!(playlist_caching_fault(&reply(200, &good)).is_some());
    assert!(playlist_caching_fault(&reply(200, &[("cache-control", "no-cache")])).is_none());
}

#[test]
fn a_part_is_the_one_that_was_asked_for() {
    let part = |status, told: &str, len| Reply { len, ..reply(status, &[("content-range", told)]) };
    assert_eq!(rules(part_faults(&part(206, "bytes 4-7/10", 4), 4, 4, Some(10))), [""; 0]);
    assert_eq!(rules(part_faults(&part(206, "bytes 4-7/*", 4), 4, 4, None)), [""; 0]);
    assert_eq!(rules(part_faults(&part(200, "", 10), 4, 4, Some(10))), ["RFC 9110 15.3.7"]);
    assert_eq!(rules(part_faults(&part(206, "bytes 4-7/11", 4), 4, 4, Some(10))), ["RFC 9110 14.4"]);
    assert_eq!(rules(part_faults(&part(206, "bytes 4-7/x", 4), 4, 4, None)), ["RFC 9110 14.4"]);
    assert_eq!(rules(part_faults(&part(206, "bytes 4-7/10", 3), 4, 4, Some(10))), ["RFC 9110 15.3.7"]);
}

#[test]
fn behind_the_end_there_is_nothing() {
    assert!(beyond_fault(&reply(416, &[("content-range", "bytes */10")]), 10).is_none());
    assert!(beyond_fault(&reply(416, &[]), 10).is_some());
    assert!(beyond_fault(&reply(200, &[]), 10).is_some());
}
