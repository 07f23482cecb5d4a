//! What HTTP answers must look like: types, lengths, parts, validators, compression.

use super::fetch::Reply;
use super::report::Fault;
use flate2::read::GzDecoder;
use std::io::Read as _;

/// Below this many bytes a playlist is not worth compressing.
const WORTH_COMPRESSING: usize = 256;

/// What an address holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Playlist,
    /// An init segment, of sound alone or not.
    Init,
    Pictures,
    Sound,
    TransportStream,
    PackedAudio,
    Text,
}

impl Holds {
    /// The types that A 10.4 recommends.
    fn types(self) -> &'static [&'static str] {
        match self {
            Self::Playlist => &["application/vnd.apple.mpegurl", "audio/mpegurl"],
            Self::Init => &["video/mp4", "audio/mp4"],
            Self::Pictures => &["video/mp4", "video/iso.segment"],
            Self::Sound => &["audio/mp4", "video/iso.segment"],
            Self::TransportStream => &["video/mp2t"],
            Self::PackedAudio => &["audio/aac", "audio/mpeg", "audio/ac3", "audio/eac3"],
            Self::Text => &["text/vtt", "text/plain"],
        }
    }
}

/// Whether the type is one of those for what this is.
pub(super) fn type_fault(holds: Holds, reply: &Reply) -> Option<Fault> {
    let found = reply.header("content-type");
    let essence = found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let wanted = holds.types();
    (!wanted.contains(&essence.as_str()))
        .then(|| Fault::new("A 10.4", format!("Content-Type {found:?} and not {}", wanted.join(" or "))))
}

/// Whether the way there was straight.
pub(super) fn redirect_fault(reply: &Reply) -> Option<Fault> {
    (reply.redirects > 0).then(|| Fault::new("A 8.18", format!("redirected {} times", reply.redirects)))
}

/// What is wrong with the compressed form of a playlist that was asked for with gzip and br; `plain`
/// is its text.
pub(super) fn compression_fault(plain: &[u8], coded: &Reply, body: &[u8]) -> Option<Fault> {
    const RULE: &str = "A 10.1";
    let encoding = coded.header("content-encoding").trim().to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" if plain.len() < WORTH_COMPRESSING => None,
        "" | "identity" => Some(Fault::new(RULE, format!("a playlist of {} bytes is not compressed", plain.len()))),
        "br" | "gzip" => {
            let limit = plain.len() as u64 + 1;
            let mut text = Vec::new();
            let read = match encoding.as_str() {
                "br" => brotli::Decompressor::new(body, 4096).take(limit).read_to_end(&mut text),
                _ => GzDecoder::new(body).take(limit).read_to_end(&mut text),
            };
            let is_same = read.is_ok() && text == plain;
            (!is_same).then(|| Fault::new(RULE, format!("unpacked, the {encoding} form is not the plain one")))
        }
        other => Some(Fault::new(RULE, format!("Content-Encoding {other:?} was not asked for"))),
    }
}

/// Whether HEAD tells what GET does; `len` is the length of GET's body.
pub(super) fn head_faults(get: &Reply, len: u64, head: &Reply) -> Vec<Fault> {
    const RULE: &str = "RFC 9110 9.3.2";
    let mut faults = Vec::new();
    if head.status != get.status {
        faults.push(Fault::new(RULE, format!("HEAD answers {}, GET {}", head.status, get.status)));
        return faults;
    }
    let told = head.header("content-length");
    if told != len.to_string() {
        faults.push(Fault::new(RULE, format!("HEAD tells {told:?} bytes, GET sends {len}")));
    }
    if head.header("content-type") != get.header("content-type") {
        faults.push(Fault::new(RULE, format!("HEAD tells another type, {:?}", head.header("content-type"))));
    }
    faults
}

/// What a segment's answer tells caches and players.
pub(super) fn caching_faults(reply: &Reply) -> Vec<Fault> {
    let mut faults = Vec::new();
    let etag = reply.header("etag");
    let opaque = etag.strip_prefix("W/").unwrap_or(etag);
    if opaque.len() < 2 || !opaque.starts_with('"') || !opaque.ends_with('"') {
        faults.push(Fault::new("RFC 9110 8.8.3", format!("ETag {etag:?}")));
    }
    if reply.header("accept-ranges") != "bytes" {
        faults.push(Fault::new("RFC 9110 14.3", format!("Accept-Ranges {:?}", reply.header("accept-ranges"))));
    }
    let caching = reply.header("cache-control");
    let has = |word: &str| caching.split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
    if !has("immutable") || has("no-store") || has("no-cache") {
        faults.push(Fault::new("RFC 8246 2", format!("a segment with Cache-Control {caching:?}, not immutable")));
    }
    faults
}

/// A playlist that may change must be asked for again.
pub(super) fn playlist_caching_fault(reply: &Reply) -> Option<Fault> {
    let caching = reply.header("cache-control");
    let is_kept = caching.split(',').any(|part| part.trim().eq_ignore_ascii_case("immutable"));
    is_kept.then(|| Fault::new("RFC 8246 2", format!("a playlist that grows has Cache-Control {caching:?}")))
}

/// Whether a part is the one that was asked for: `offset` and `len` of a resource that has `whole` bytes,
/// if that is known.
pub(super) fn part_faults(reply: &Reply, offset: u64, len: u64, whole: Option<u64>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if reply.status != 206 {
        faults.push(Fault::new("RFC 9110 15.3.7", format!("asked for a part, the answer is {}", reply.status)));
        return faults;
    }
    let told = reply.header("content-range");
    let wanted = format!("bytes {offset}-{}/", offset.saturating_add(len).saturating_sub(1));
    let total = told.strip_prefix(&wanted);
    let is_right = total.is_some_and(|total| match whole {
        Some(whole) => total == whole.to_string(),
        None => total == "*" || total.parse::<u64>().is_ok(),
    });
    if !is_right {
        let total = whole.map_or("…".to_owned(), |whole| whole.to_string());
        faults.push(Fault::new(
            "RFC 9110 14.4",
            format!("Content-Range {told:?} and not {:?}", format!("{wanted}{total}")),
        ));
    }
    if reply.len != len {
        faults.push(Fault::new("RFC 9110 15.3.7", format!("asked for {len} bytes, {} came", reply.len)));
    }
    faults
}

/// The answer to a part that lies behind the end.
pub(super) fn beyond_fault(reply: &Reply, whole: u64) -> Option<Fault> {
    const RULE: &str = "RFC 9110 15.5.17";
    if reply.status != 416 {
        return Some(Fault::new(RULE, format!("asked for a part behind the end, the answer is {}", reply.status)));
    }
    let told = reply.header("content-range");
    (told != format!("bytes */{whole}")).then(|| Fault::new(RULE, format!("416 with Content-Range {told:?}")))
}

#[cfg(test)]
mod tests;
