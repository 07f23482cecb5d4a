//! The `Range` header (RFC 9110, section 14), read against a known length.
//!
//! Only one range of bytes is ever served: whatever else is asked gets the whole, which is always
//! a legal answer and bounds what one request can cost.

use crate::media::range::ByteRange;
use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, EntityTag, Header as _, IfRange};

/// What a request asks of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// All of it: 200.
    Whole,
    /// A part of it: 206.
    Part(ByteRange),
    /// A part that does not exist: 416.
    Unsatisfiable,
}

/// What `request` asks of something `len` bytes long whose present bytes have this strong `etag`.
pub fn requested(request: &HttpRequest, len: u64, etag: &EntityTag) -> Requested {
    // No other method knows ranges (RFC 9110, 14.2).
    if request.method() != Method::GET {
        return Requested::Whole;
    }
    let mut fields = request.headers().get_all(header::RANGE);
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return Requested::Whole;
    };
    if !is_same_version(request, etag) {
        return Requested::Whole;
    }
    field.to_str().map_or(Requested::Whole, |text| read(text, len))
}

/// A part continues what the caller already has, so it must be of the very same bytes. We never
/// send dates, so a date cannot be ours.
fn is_same_version(request: &HttpRequest, etag: &EntityTag) -> bool {
    if !request.headers().contains_key(header::IF_RANGE) {
        return true;
    }
    matches!(IfRange::parse(request), Ok(IfRange::EntityTag(theirs)) if theirs.strong_eq(etag))
}

/// Reads the field's value for something `len` bytes long.
fn read(field: &str, len: u64) -> Requested {
    let Some((unit, spec)) = field.split_once('=') else {
        return Requested::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Requested::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Requested::Whole;
    }
    let (start, end) = match (position(first), position(last)) {
        (Position::None, Position::At(0)) => return Requested::Unsatisfiable,
        (Position::None, Position::At(suffix)) => (len.saturating_sub(suffix), len),
        (Position::At(first), Position::None) => (first, len),
        (Position::At(first), Position::At(last)) if first <= last => (first, last.saturating_add(1).min(len)),
        _ => return Requested::Whole,
    };
    match ByteRange::within(len, start, end) {
        Some(range) => Requested::Part(range),
        // The last bytes of nothing are nothing, and no `Content-Range` can say so.
        None if first.is_empty() => Requested::Whole,
        None => Requested::Unsatisfiable,
    }
}

enum Position {
    None,
    At(u64),
    Malformed,
}

/// A number too big for 64 bits lies past every end, like the biggest one.
fn position(digits: &str) -> Position {
    if digits.is_empty() {
        return Position::None;
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Position::Malformed;
    }
    Position::At(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn part(start: u64, end: u64) -> Requested {
        Requested::Part(ByteRange::within(u64::MAX, start, end).unwrap())
    }

    #[test]
    fn one_range_of_bytes_is_a_part() {
        for (field, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-99", part(0, 10)),
            ("bytes=3-", part(3, 10)),
            ("bytes=-4", part(6, 10)),
            ("bytes=-99", part(0, 10)),
            ("BYTES= 2-5 ", part(2, 6)),
            ("bytes=9-18446744073709551616", part(9, 10)),
            ("bytes=9-18446744073709551615", part(9, 10)),
            ("bytes=-18446744073709551616", part(0, 10)),
        ] {
            assert_eq!(read(field, 10), expected, "{field}");
        }
    }

    #[test]
    fn a_range_past_the_end_cannot_be_satisfied() {
        for field in
            ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=18446744073709551616-", "bytes=99-18446744073709551617"]
        {
            assert_eq!(read(field, 10), Requested::Unsatisfiable, "{field}");
        }
        assert_eq!(read("bytes=0-", 0), Requested::Unsatisfiable);
        assert_eq!(read("bytes=18446744073709551615-", u64::MAX), Requested::Unsatisfiable);
    }

    #[test]
    fn whatever_else_is_asked_gets_the_whole() {
        for field in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=1-2,4-5",
            "items=0-1",
            "bytes=+1-2",
            "bytes=1 -2",
            "bytes=0x1-2",
            "bytes=--1",
            "bytes=1--2",
            "=0-1",
            "bytes=１-2",
        ] {
            assert_eq!(read(field, 10), Requested::Whole, "{field}");
        }
        let thousand = format!("bytes={}", "0-,".repeat(1000));
        assert_eq!(read(&thousand, 10), Requested::Whole);
        assert_eq!(read("bytes=-5", 0), Requested::Whole);
    }

    #[test]
    fn no_range_leaves_its_bounds() {
        for len in 0..6_u64 {
            for (first, last) in (0..8).flat_map(|first| (0..8).map(move |last| (first, last))) {
                for field in [format!("bytes={first}-{last}"), format!("bytes={first}-"), format!("bytes=-{last}")] {
                    if let Requested::Part(range) = read(&field, len) {
                        assert!(range.end() <= len && range.start() < range.end(), "{field} of {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_part_is_sent_only_of_the_version_the_caller_has() {
        let etag = EntityTag::new_strong("now".into());
        for (if_range, expected) in [
            ("\"now\"", part(0, 2)),
            ("\"then\"", Requested::Whole),
            ("W/\"now\"", Requested::Whole),
            ("Sat, 29 Oct 1994 19:43:31 GMT", Requested::Whole),
            ("nonsense", Requested::Whole),
        ] {
            let request =
                TestRequest::get().insert_header(("range", "bytes=0-1")).insert_header(("if-range", if_range));
            assert_eq!(requested(&request.to_http_request(), 10, &etag), expected, "{if_range}");
        }
    }

    #[test]
    fn only_get_and_only_one_field_ask_for_a_part() {
        let etag = EntityTag::new_strong("now".into());
        let get = TestRequest::get().append_header(("range", "bytes=0-1"));
        assert_eq!(requested(&get.to_http_request(), 10, &etag), part(0, 2));
        let twice = TestRequest::get().append_header(("range", "bytes=0-1")).append_header(("range", "bytes=0-1"));
        assert_eq!(requested(&twice.to_http_request(), 10, &etag), Requested::Whole);
        let head = TestRequest::default().method(Method::HEAD).insert_header(("range", "bytes=0-1"));
        assert_eq!(requested(&head.to_http_request(), 10, &etag), Requested::Whole);
        assert_eq!(requested(&TestRequest::get().to_http_request(), 10, &etag), Requested::Whole);
    }
}
