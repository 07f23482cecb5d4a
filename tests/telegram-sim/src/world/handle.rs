//! The opaque names of documents: file ids and download links.
//!
//! A file id is good for one bot only; the real service says so. Both kinds carry a check that only
//! this world can make, so one from another world, or an invented one, is known to be wrong.

use super::state::{BotId, DocumentId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What the file ids of documents begin with on the real service.
const FILE_ID_MARK: &str = "BQACAgQAAx0";
const CHECK_BYTES: usize = 8;

type Secret = [u8; 32];

/// The file id by which `bot` knows `document`.
pub(crate) fn file_id(secret: &Secret, bot: BotId, document: DocumentId) -> String {
    let mut bytes = [bot.0.to_be_bytes(), document.0.to_be_bytes()].concat();
    bytes.extend_from_slice(&check(secret, "file", &bytes));
    format!("{FILE_ID_MARK}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The document that `bot` knows by `file_id`, if it is one of its own.
pub(crate) fn document_of(secret: &Secret, bot: BotId, file_id: &str) -> Option<DocumentId> {
    let bytes = URL_SAFE_NO_PAD.decode(file_id.strip_prefix(FILE_ID_MARK)?).ok()?;
    let number = DocumentId(u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?));
    (self::file_id(secret, bot, number) == file_id).then_some(number)
}

/// The name that is the same for all bots and opens nothing.
pub(crate) fn unique_id(secret: &Secret, document: DocumentId) -> String {
    let check = check(secret, "unique", &document.0.to_be_bytes());
    format!("AgAD{}", URL_SAFE_NO_PAD.encode(check))
}

/// The path by which `bot` can download `document`, made at `now_ms`.
pub(crate) fn link(secret: &Secret, bot: BotId, document: DocumentId, now_ms: i64) -> String {
    let bytes = [bot.0.to_be_bytes(), document.0.to_be_bytes(), now_ms.to_be_bytes()].concat();
    let check = URL_SAFE_NO_PAD.encode(check(secret, "link", &bytes));
    format!("documents/file_{}_{now_ms}_{check}", document.0)
}

/// The document behind a link of `bot`, and when the link was made.
pub(crate) fn linked(secret: &Secret, bot: BotId, path: &str) -> Option<(DocumentId, i64)> {
    let mut parts = path.strip_prefix("documents/file_")?.splitn(3, '_');
    let document = DocumentId(parts.next()?.parse().ok()?);
    let made_ms = parts.next()?.parse().ok()?;
    (link(secret, bot, document, made_ms) == path).then_some((document, made_ms))
}

/// A token of the real shape, 35 letters after the colon, that says what it is.
pub(crate) fn token(secret: &Secret, bot: BotId) -> String {
    const MARK: &str = "SIMULATED-";
    const SECRET_LETTERS: usize = 35 - MARK.len();
    let letters = blake3::keyed_hash(secret, &bot.0.to_be_bytes()).to_hex();
    format!("{bot}:{MARK}{}", &letters[..SECRET_LETTERS])
}

fn check(secret: &Secret, kind: &str, bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher.update(kind.as_bytes()).update(bytes);
    let mut check = [0; CHECK_BYTES];
    hasher.finalize_xof().fill(&mut check);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = [7; 32];
    const BOT: BotId = BotId(7_000_000_001);
    const OTHER: BotId = BotId(7_000_000_002);

    #[test]
    fn a_file_id_is_good_for_its_bot_and_its_world_only() {
        let id = file_id(&SECRET, BOT, DocumentId(5));
        assert_eq!(document_of(&SECRET, BOT, &id), Some(DocumentId(5)));
        assert_eq!(document_of(&SECRET, OTHER, &id), None);
        assert_eq!(document_of(&[8; 32], BOT, &id), None);
        for wrong in ["", "BQACAgQAAx0", "BQACAgQAAx0AAAA", "ä", &id[..id.len() - 1], &format!("{id}A")] {
            assert_eq!(document_of(&SECRET, BOT, wrong), None, "{wrong}");
        }
        assert_ne!(file_id(&SECRET, OTHER, DocumentId(5)), id);
    }

    #[test]
    fn a_link_is_good_for_its_bot_only() {
        let path = link(&SECRET, BOT, DocumentId(5), 1234);
        assert_eq!(linked(&SECRET, BOT, &path), Some((DocumentId(5), 1234)));
        assert_eq!(linked(&SECRET, OTHER, &path), None);
        assert_eq!(linked(&SECRET, BOT, &path.replace("1234", "1235")), None);
        assert_eq!(linked(&SECRET, BOT, "documents/file_5"), None);
    }

    #[test]
    fn a_token_has_the_real_shape_and_says_what_it_is() {
        let token = token(&SECRET, BOT);
        let (digits, letters) = token.split_once(':').unwrap();
        assert_eq!((digits, letters.len()), ("7000000001", 35));
        assert!(letters.starts_with("SIMULATED-"));
    }
}
