//! From bytes to text: by a byte order mark, as UTF-8, or by a guess.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};
use std::borrow::Cow;

/// The text of a file, its lines ended by `\n`. What cannot be decoded becomes U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> String {
    let text = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => encoding.decode_without_bom_handling(&bytes[mark..]).0,
        None => of(std::iter::once(bytes)).decode_without_bom_handling(bytes).0,
    };
    if text.contains('\r') {
        return with_plain_lines(&text);
    }
    match text {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

/// Lines ended by `\r\n` or `\r` are ended by `\n`, in one copy.
fn with_plain_lines(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for (number, part) in text.split('\r').enumerate() {
        if number > 0 {
            plain.push('\n');
        }
        let follows_return = number > 0 && part.starts_with('\n');
        plain.push_str(&part[usize::from(follows_return)..]);
    }
    plain
}

/// The encoding of texts without a byte order mark that belong together.
pub(super) fn of<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone) -> &'static Encoding {
    if parts.clone().all(|part| std::str::from_utf8(part).is_ok()) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    for part in parts {
        detector.feed(part, false);
    }
    detector.feed(&[], true);
    detector.guess(None, Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_encoding_is_read() {
        let russian = "Съешь ещё этих мягких французских булок, да выпей чаю. Это было давно и неправда.";
        let french = "Où est passé le garçon ? Il a été très déçu par la fête, voilà tout.";
        let utf16: Vec<u8> =
            [0xFEFF].into_iter().chain("héllo\r\nyou".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(russian.as_bytes()), russian);
        assert_eq!(decode(&encoding_rs::WINDOWS_1251.encode(russian).0), russian);
        assert_eq!(decode(&encoding_rs::WINDOWS_1252.encode(french).0), french);
        assert_eq!(decode(&utf16), "héllo\nyou");
        assert_eq!(decode(b"\xEF\xBB\xBFmark\rlines\r\nend"), "mark\nlines\nend");
        let japanese = "彼女はそれを見て、とても驚いた。今日は雨が降っている。";
        assert_eq!(decode(&encoding_rs::SHIFT_JIS.encode(japanese).0), japanese);
    }
}
