//! What a refused request is answered.

use crate::world::refusal::{Purpose, Refusal};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use serde_json::json;

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The world says no.
    Refused(Refusal),
    /// The request makes no sense; 400 with this description.
    Bad(&'static str),
    /// There is no such method or path.
    NotFound(&'static str),
    /// A fault that is nothing but a status.
    Status(u16),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Refused(Refusal::Broken(error))
    }
}

impl Failure {
    pub(super) fn answer(&self) -> HttpResponse {
        let (code, description) = self.words();
        let mut body = json!({ "ok": false, "error_code": code, "description": description });
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = HttpResponse::build(status);
        if let Self::Refused(Refusal::Flood { seconds }) = self {
            body["parameters"] = json!({ "retry_after": seconds });
            answer.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        answer.json(body)
    }

    fn words(&self) -> (u16, String) {
        match self {
            Self::Refused(refusal) => words(refusal),
            Self::Bad(description) => (400, (*description).to_owned()),
            Self::NotFound(description) => (404, (*description).to_owned()),
            Self::Status(code) => {
                let reason = StatusCode::from_u16(*code).ok().and_then(|status| status.canonical_reason());
                (*code, reason.unwrap_or("Error").to_owned())
            }
        }
    }
}

/// Status and description of a refusal.
fn words(refusal: &Refusal) -> (u16, String) {
    let (code, description) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized"),
        Refusal::NoChannel => (400, "Bad Request: chat not found"),
        Refusal::NotAMember => (403, "Forbidden: bot is not a member of the channel chat"),
        Refusal::Banned => (403, "Forbidden: bot was kicked from the channel chat"),
        Refusal::MayNotPost => (400, "Bad Request: need administrator rights in the channel chat"),
        Refusal::MayNotPin => (400, "Bad Request: not enough rights to manage pinned messages in the chat"),
        // The client library under the public server has this one text for age and for rights.
        Refusal::MayNotDelete => (400, "Bad Request: message can't be deleted for everyone"),
        Refusal::MayNotEdit => (400, "Bad Request: message can't be edited"),
        Refusal::NoMessage(purpose) => (400, not_found(*purpose)),
        Refusal::Protected => (400, "Bad Request: the message can't be forwarded"),
        Refusal::NotModified => (400, NOT_MODIFIED),
        Refusal::NoFile => (400, "Bad Request: wrong file_id or the file is temporarily unavailable"),
        Refusal::FileTooBig => (400, "Bad Request: file is too big"),
        Refusal::UploadTooBig => (413, "Request Entity Too Large"),
        Refusal::EmptyFile => (400, "Bad Request: file must be non-empty"),
        Refusal::CaptionTooLong => (400, "Bad Request: message caption is too long"),
        Refusal::TextEmpty => (400, "Bad Request: message text is empty"),
        Refusal::TextTooLong => (400, "Bad Request: message is too long"),
        // What the file server says is not documented.
        Refusal::NoLink => (404, "Not Found"),
        Refusal::Flood { seconds } => return (429, format!("Too Many Requests: retry after {seconds}")),
        Refusal::Broken(error) => return (500, format!("Internal Server Error: {error}")),
    };
    (code, description.to_owned())
}

const NOT_MODIFIED: &str = "Bad Request: message is not modified: specified new message content and reply markup are \
                            exactly the same as a current content and reply markup of the message";

fn not_found(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Forward => "Bad Request: message to forward not found",
        Purpose::Copy => "Bad Request: message to copy not found",
        Purpose::Delete => "Bad Request: message to delete not found",
        Purpose::Edit => "Bad Request: message to edit not found",
        Purpose::Pin => "Bad Request: message to pin not found",
        Purpose::Unpin => "Bad Request: message to unpin not found",
    }
}

/// The answer where there is neither bot nor file.
pub(super) async fn no_route() -> HttpResponse {
    Failure::NotFound("Not Found").answer()
}
