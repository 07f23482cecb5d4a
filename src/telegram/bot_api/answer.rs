//! What an answer means: every status, error code and description of the Bot API in one place.
//!
//! Descriptions are undocumented and stable in practice; they are read here and nowhere else.

use super::super::error::{Kind, TelegramError};
use crate::telemetry::redact::Redactor;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The wait when Telegram asks for one and does not say how long.
const FLOOD_WAIT: Duration = Duration::from_secs(5);

/// Characters of a description that are passed on.
const DESCRIPTION_MAX: usize = 200;

/// The head of an answer, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// HTTP status.
    pub(super) status: u16,
    /// The `Retry-After` header.
    pub(super) retry_after: Option<Duration>,
}

/// The envelope of every answer.
#[derive(Deserialize)]
struct Envelope<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

/// The result inside the answer to a method.
///
/// # Errors
/// By class: what the API refused, or `Malformed` when it is no answer of the Bot API.
pub(super) fn read<T: DeserializeOwned>(doing: &'static str, head: Head, body: &[u8]) -> Result<T, TelegramError> {
    // First without the result: an error is to be understood whatever result was expected.
    let Ok(said) = serde_json::from_slice::<Envelope<serde::de::IgnoredAny>>(body) else {
        return Err(foreign(doing, head));
    };
    if !said.ok {
        return Err(refusal(doing, head, said));
    }
    match serde_json::from_slice::<Envelope<T>>(body) {
        Ok(Envelope { result: Some(result), .. }) => Ok(result),
        Ok(_) => Err(TelegramError::new(Kind::Malformed, doing).saying("there is no result in it")),
        Err(error) => Err(TelegramError::new(Kind::Malformed, doing).because(error)),
    }
}

/// An answer without the API's envelope.
fn foreign(doing: &'static str, head: Head) -> TelegramError {
    let error = match head.status {
        420 | 429 => TelegramError::flooded(doing, head.retry_after.unwrap_or(FLOOD_WAIT)),
        413 => TelegramError::new(Kind::FileTooBig, doing),
        500.. => TelegramError::new(Kind::ServerFault, doing).after(head.retry_after),
        _ => TelegramError::new(Kind::Malformed, doing),
    };
    error.saying(format!("HTTP status {} without an answer of the Bot API", head.status))
}

fn refusal<T>(doing: &'static str, head: Head, said: Envelope<T>) -> TelegramError {
    let code = said.error_code.unwrap_or(head.status);
    let wait = said.parameters.and_then(|parameters| parameters.retry_after).map(Duration::from_secs);
    let wait = wait.or(head.retry_after);
    let description = said.description.unwrap_or_default();
    let kind = kind_of(code, &description);
    let wait = if kind == Kind::Flooded { Some(wait.unwrap_or(FLOOD_WAIT)) } else { wait };
    TelegramError::new(kind, doing).after(wait).saying(shown(&description))
}

/// The class of an error code with its description.
pub(super) fn kind_of(code: u16, description: &str) -> Kind {
    match code {
        420 | 429 => Kind::Flooded,
        // A server that is older than the method: the bot is well.
        404 if description.to_ascii_lowercase().contains("method not found") => Kind::Unsupported,
        // A token that was never issued is a path that does not exist.
        401 | 404 => Kind::Unauthorized,
        403 => Kind::Forbidden,
        413 => Kind::FileTooBig,
        500.. => Kind::ServerFault,
        400..500 => bad_request(description),
        _ => Kind::Malformed,
    }
}

/// The words of a description by which a 400 is told from the others; the first that fits counts.
const BAD_REQUESTS: [(&str, Kind); 30] = [
    ("message to delete not found", Kind::MessageGone),
    ("message to forward not found", Kind::MessageGone),
    ("message not found", Kind::MessageGone),
    ("message_id_invalid", Kind::MessageGone),
    ("message identifier is not specified", Kind::MessageGone),
    ("message can't be deleted", Kind::Undeletable),
    ("message_delete_forbidden", Kind::Undeletable),
    ("file is too big", Kind::FileTooBig),
    ("too large", Kind::FileTooBig),
    ("wrong file_id", Kind::WrongFile),
    ("wrong file id", Kind::WrongFile),
    ("wrong remote file", Kind::WrongFile),
    ("invalid file_id", Kind::WrongFile),
    ("temporarily unavailable", Kind::WrongFile),
    ("file_reference_", Kind::WrongFile),
    ("chat not found", Kind::ChatNotFound),
    ("channel_invalid", Kind::ChatNotFound),
    ("peer_id_invalid", Kind::ChatNotFound),
    ("not enough rights", Kind::Forbidden),
    ("have no rights", Kind::Forbidden),
    ("need administrator rights", Kind::Forbidden),
    ("not a member", Kind::Forbidden),
    ("member list is inaccessible", Kind::Forbidden),
    ("channel_private", Kind::Forbidden),
    ("chat_admin_required", Kind::Forbidden),
    ("chat_write_forbidden", Kind::Forbidden),
    ("bot was kicked", Kind::Forbidden),
    ("user_not_participant", Kind::Forbidden),
    ("participant_id_invalid", Kind::Forbidden),
    ("member not found", Kind::Forbidden),
];

fn bad_request(description: &str) -> Kind {
    let description = description.to_ascii_lowercase();
    let found = BAD_REQUESTS.iter().find(|(words, _)| description.contains(words));
    found.map_or(Kind::BadRequest, |(_, kind)| *kind)
}

/// A description fit to be shown: without tokens and control characters, and not endless.
fn shown(description: &str) -> String {
    let clean = Redactor::default().redact(description).into_owned();
    clean.chars().filter(|letter| !letter.is_control()).take(DESCRIPTION_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "7654321098:AAEXAMPLE-not_a_real_token-0123456_";
    const SECOND: Duration = Duration::from_secs(1);

    fn error(status: u16, body: &str) -> TelegramError {
        read::<bool>("testing", Head { status, retry_after: Some(9 * SECOND) }, body.as_bytes()).unwrap_err()
    }

    fn refused(code: u16, description: &str) -> Kind {
        error(code, &format!(r#"{{"ok":false,"error_code":{code},"description":"{description}"}}"#)).kind
    }

    #[test]
    fn every_refusal_has_its_class() {
        for (code, description, kind) in [
            (401, "Unauthorized", Kind::Unauthorized),
            (404, "Not Found", Kind::Unauthorized),
            (404, "Not Found: method not found", Kind::Unsupported),
            (403, "Forbidden: bot is not a member of the channel chat", Kind::Forbidden),
            (403, "Forbidden: bot was kicked from the channel chat", Kind::Forbidden),
            (400, "Bad Request: chat not found", Kind::ChatNotFound),
            (400, "Bad Request: not enough rights to send documents to the chat", Kind::Forbidden),
            (400, "Bad Request: need administrator rights in the channel chat", Kind::Forbidden),
            (400, "Bad Request: have no rights to send a message", Kind::Forbidden),
            (400, "Bad Request: CHAT_ADMIN_REQUIRED", Kind::Forbidden),
            (400, "Bad Request: message to delete not found", Kind::MessageGone),
            (400, "Bad Request: message to forward not found", Kind::MessageGone),
            (400, "Bad Request: MESSAGE_ID_INVALID", Kind::MessageGone),
            (400, "Bad Request: message can't be deleted", Kind::Undeletable),
            (400, "Bad Request: message can't be deleted for everyone", Kind::Undeletable),
            (400, "Bad Request: wrong file_id or the file is temporarily unavailable", Kind::WrongFile),
            (400, "Bad Request: wrong remote file identifier specified: Wrong padding", Kind::WrongFile),
            (400, "Bad Request: invalid file_id", Kind::WrongFile),
            (400, "Bad Request: file is too big", Kind::FileTooBig),
            (413, "Request Entity Too Large", Kind::FileTooBig),
            (400, "Bad Request: message caption is too long", Kind::BadRequest),
            (400, "", Kind::BadRequest),
            (409, "Conflict: terminated by other getUpdates request", Kind::BadRequest),
            (429, "Too Many Requests: retry after 7", Kind::Flooded),
            (500, "Internal Server Error", Kind::ServerFault),
            (502, "Bad Gateway", Kind::ServerFault),
            (302, "Found", Kind::Malformed),
        ] {
            assert_eq!(refused(code, description), kind, "{code} {description}");
        }
    }

    #[test]
    fn a_flood_names_its_wait_in_the_body_else_in_the_header_else_a_guess() {
        let body = r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":601}}"#;
        assert_eq!(error(429, body).retry_after, Some(601 * SECOND));
        assert_eq!(error(429, r#"{"ok":false,"error_code":429}"#).retry_after, Some(9 * SECOND));
        let head = Head { status: 429, retry_after: None };
        for body in [r#"{"ok":false,"error_code":429}"#, "<html>"] {
            let error = read::<bool>("testing", head, body.as_bytes()).unwrap_err();
            assert_eq!((error.kind, error.retry_after), (Kind::Flooded, Some(FLOOD_WAIT)));
        }
    }

    #[test]
    fn what_is_no_answer_of_the_api_is_told_apart() {
        for (status, body, kind) in [
            (200, "<html>hello</html>", Kind::Malformed),
            (200, "", Kind::Malformed),
            (200, r#"{"ok":true}"#, Kind::Malformed),
            (200, r#"{"ok":true,"result":7}"#, Kind::Malformed),
            (404, "<html>not here</html>", Kind::Malformed),
            (301, "", Kind::Malformed),
            (413, "<html>", Kind::FileTooBig),
            (502, "<html>bad gateway</html>", Kind::ServerFault),
        ] {
            assert_eq!(error(status, body).kind, kind, "{status} {body}");
        }
        let head = Head { status: 200, retry_after: None };
        assert!(read::<bool>("testing", head, br#"{"ok":true,"result":true,"new":1}"#).unwrap());
    }

    #[test]
    fn a_token_in_a_description_is_not_passed_on() {
        let body = format!(r#"{{"ok":false,"error_code":400,"description":"no route /bot{TOKEN}/x\u0007"}}"#);
        let error = error(400, &body);
        assert_eq!(error.to_string(), "testing: Telegram refused (no route /bot***/x)");
        assert!(!format!("{error:?}").contains("AAEXAMPLE"));
    }
}
