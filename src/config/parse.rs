//! From text to value: one function per kind of value, each of which says what to write instead.

use crate::media::ladder::{Ladder, NotALadder};
use crate::telemetry::{LogFormat, check_filter};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// A pack holds at least one chunk of the store (256 KiB) …
const PACK_MIN: u64 = 256 * KIB;
/// … and is at most what a Bot API server of one's own takes (2000 MB, counted as MiB by Telegram).
const PACK_MAX: u64 = 2000 * MIB;

/// Why a text is not a value of its kind.
#[derive(Debug)]
pub(super) struct Wrong {
    /// What is wrong with it.
    pub(super) wrong: String,
    /// What to write instead.
    pub(super) write: String,
}

fn wrong<T>(wrong: impl Into<String>, write: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { wrong: wrong.into(), write: write.into() })
}

/// A folder, or the one that is meant when none is written.
pub(super) fn folder_or_none(text: &str) -> Result<Option<PathBuf>, Wrong> {
    if text.is_empty() { Ok(None) } else { folder(text).map(Some) }
}

/// `true` or `false`, and the other usual spellings of the two.
pub(super) fn switch(text: &str) -> Result<bool, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => wrong(format!("\"{text}\" is neither true nor false"), "write true or false"),
    }
}

/// An address of this machine only.
pub(super) fn loopback(text: &str) -> Result<IpAddr, Wrong> {
    let address = if text == "localhost" { Ok(Ipv4Addr::LOCALHOST.into()) } else { text.parse::<IpAddr>() };
    match address {
        Ok(address) if address.is_loopback() => Ok(address),
        Ok(address) => wrong(
            format!(
                "{address} can be reached from other machines, and there are no accounts yet: anybody could delete your videos"
            ),
            "write 127.0.0.1 and put a proxy that asks for a password in front",
        ),
        Err(_) => wrong(format!("\"{text}\" is not an IP address"), "write 127.0.0.1 or ::1"),
    }
}

pub(super) fn port(text: &str) -> Result<u16, Wrong> {
    text.parse()
        .or_else(|_| wrong(format!("\"{text}\" is not a port"), "write a number from 0 (any free one) to 65535"))
}

/// Origins separated by commas. `*` is none: whoever is listed may write, too.
pub(super) fn origins(text: &str) -> Result<Vec<String>, Wrong> {
    let mut listed = Vec::new();
    for origin in text.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
        if !is_origin(origin) {
            return wrong(
                format!("\"{origin}\" is not an origin"),
                "write scheme and host only, like https://example.org, several with commas",
            );
        }
        listed.push(origin.to_owned());
    }
    Ok(listed)
}

/// Browsers compare origins as text: lower case, no path and no slash at the end (RFC 6454, 6.2).
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed))
}

pub(super) fn folder(text: &str) -> Result<PathBuf, Wrong> {
    Ok(PathBuf::from(text))
}

/// Bytes, as a plain number or with a unit: `20971520`, `512MiB`. Zero is refused.
pub(super) fn size(text: &str) -> Result<u64, Wrong> {
    match size_or_zero(text)? {
        0 => wrong("0 leaves no room for anything", "write a size like 512MiB"),
        bytes => Ok(bytes),
    }
}

/// Bytes, as a plain number or with a unit.
pub(super) fn size_or_zero(text: &str) -> Result<u64, Wrong> {
    let (digits, unit) = split_unit(text);
    let unit = match unit {
        "" | "B" => Some(1),
        "KiB" => Some(KIB),
        "MiB" => Some(MIB),
        "GiB" => Some(GIB),
        "TiB" => Some(TIB),
        _ => None,
    };
    // The catalog counts in signed 64-bit integers.
    let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(count, unit)| count.checked_mul(unit));
    match bytes.filter(|bytes| i64::try_from(*bytes).is_ok()) {
        Some(bytes) => Ok(bytes),
        None => wrong(
            format!("\"{text}\" is not a size"),
            "write whole bytes or a number with KiB, MiB, GiB or TiB, like 512MiB",
        ),
    }
}

pub(super) fn pack_size(text: &str) -> Result<u64, Wrong> {
    let bytes = size(text)?;
    if (PACK_MIN..=PACK_MAX).contains(&bytes) {
        return Ok(bytes);
    }
    wrong(
        format!("{bytes} bytes is no size for a stored object"),
        "write 256KiB to 2000MiB; Telegram's bots take 20MiB",
    )
}

/// Copies of each pack, on different channels; the local store has eight of them. Nothing leaves the
/// choice to the store.
pub(super) fn replicas(text: &str) -> Result<Option<u8>, Wrong> {
    match text.parse() {
        _ if text.is_empty() => Ok(None),
        Ok(copies @ 1..=8) => Ok(Some(copies)),
        _ => wrong(format!("\"{text}\" is not a number of copies that eight channels can hold"), "write 1 to 8"),
    }
}

/// Messages a minute to one channel. The most is beyond every limit that Telegram names.
pub(super) fn messages_per_minute(text: &str) -> Result<u32, Wrong> {
    match text.parse() {
        Ok(messages @ 1..=3000) => Ok(messages),
        _ => wrong(
            format!("\"{text}\" is not a number of messages that a channel takes in a minute"),
            "write 1 to 3000; Telegram says about 20 for groups",
        ),
    }
}

/// Connections at the same time. Nothing leaves it to the machine.
pub(super) fn connections(text: &str) -> Result<Option<u32>, Wrong> {
    match text.parse() {
        _ if text.is_empty() => Ok(None),
        Ok(count @ 16..=1_000_000) => Ok(Some(count)),
        _ => wrong(format!("\"{text}\" is not a number of connections"), "write 16 to 1000000"),
    }
}

/// Requests of one client at the same time. A page that plays a film has up to six.
pub(super) fn requests(text: &str) -> Result<u32, Wrong> {
    match text.parse() {
        Ok(count @ 6..=100_000) => Ok(count),
        _ => wrong(format!("\"{text}\" is no number of requests that lets a page play a film"), "write 6 to 100000"),
    }
}

/// How many blobs are sent at the same time. Nothing leaves it to the number of bots.
pub(super) fn parallelism(text: &str) -> Result<Option<u8>, Wrong> {
    match text.parse() {
        _ if text.is_empty() => Ok(None),
        Ok(count @ 1..=32) => Ok(Some(count)),
        _ => wrong(format!("\"{text}\" is not a number of sends at the same time"), "write 1 to 32"),
    }
}

/// A length of time: whole seconds, minutes, hours or days.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let (digits, unit) = split_unit(text);
    let unit = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86400),
        _ => None,
    };
    // A century: far below what any clock arithmetic of the program can overflow on.
    let longest = 100 * 366 * 86400;
    match digits.parse::<u64>().ok().zip(unit).and_then(|(count, unit)| count.checked_mul(unit)) {
        Some(seconds) if seconds <= longest => Ok(Duration::from_secs(seconds)),
        _ => wrong(
            format!("\"{text}\" is not a length of time"),
            "write a whole number with s, m, h or d, like 30s or 7d",
        ),
    }
}

pub(super) fn segment_duration(text: &str) -> Result<Duration, Wrong> {
    let length = duration(text)?;
    if (2..=10).contains(&length.as_secs()) {
        return Ok(length);
    }
    wrong(format!("segments of {} seconds play badly", length.as_secs()), "write 2s to 10s; Apple advises 6s")
}

/// How long an unfinished upload is kept.
pub(super) fn upload_expires(text: &str) -> Result<Duration, Wrong> {
    let length = duration(text)?;
    if length.as_secs() > 0 {
        return Ok(length);
    }
    wrong("an upload that waits no time can never be continued", "write 1s or more")
}

/// How long a program may say nothing.
pub(super) fn stall_timeout(text: &str) -> Result<Duration, Wrong> {
    let length = duration(text)?;
    if (1..=86400).contains(&length.as_secs()) {
        return Ok(length);
    }
    wrong(format!("{} seconds are no time to wait for a sign of life", length.as_secs()), "write 1s to 1d")
}

/// How many encodes run at the same time.
pub(super) fn parallel_encodes(text: &str) -> Result<u8, Wrong> {
    match text.parse() {
        Ok(count @ 1..=64) => Ok(count),
        _ => wrong(format!("\"{text}\" is not a number of encodes at the same time"), "write 1 to 64"),
    }
}

pub(super) fn ladder(text: &str) -> Result<Ladder, Wrong> {
    text.parse().or_else(|error: NotALadder| wrong(error.to_string(), "write steps like 1080p:6M,720p:3M"))
}

/// A device of the system, spelt so that no value can become another argument of ffmpeg.
pub(super) fn device(text: &str) -> Result<PathBuf, Wrong> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/_-.".contains(letter);
    if text.starts_with("/dev/") && !text.contains("..") && text.chars().all(is_plain) {
        return Ok(PathBuf::from(text));
    }
    wrong(format!("\"{text}\" is not a device"), "write a path like /dev/dri/renderD128")
}

/// A name only, so that no value can become another argument of ffmpeg.
pub(super) fn encoder(text: &str) -> Result<Option<String>, Wrong> {
    match text {
        "" => Ok(None),
        "vaapi" | "nvenc" | "qsv" | "software" => Ok(Some(text.to_owned())),
        _ => wrong(
            format!("\"{text}\" is not an encoder we know"),
            "write vaapi, nvenc, qsv or software, or nothing to let Telecine choose",
        ),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, Wrong> {
    match check_filter(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(reason) => {
            wrong(reason, "write error, warn, info, debug or trace, or per module: info,telecine::cache=debug")
        }
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Wrong> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => wrong(format!("\"{text}\" is not a format"), "write text or json"),
    }
}

/// The leading digits, and what follows them without the spaces between.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    (digits, unit.trim())
}
