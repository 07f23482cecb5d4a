//! Errors as callers get them: RFC 9457 problem JSON.

use reqwest::Response;
use serde_json::Value;

/// The problem an answer tells, which must have this status and all the fields of one.
pub async fn problem(answer: Response, status: u16) -> Value {
    let (found, kind) = (answer.status().as_u16(), answer.headers().get("content-type").cloned());
    let text = answer.text().await.expect("an answer arrives whole");
    assert_eq!(found, status, "{text}");
    assert_eq!(kind.expect("a problem has a content type"), "application/problem+json", "{text}");
    let said: Value = serde_json::from_str(&text).expect("a problem is JSON");
    assert_eq!(said["status"], status, "{text}");
    for field in ["type", "title", "detail", "code"] {
        assert!(said[field].as_str().is_some_and(|words| !words.is_empty()), "no {field} in {text}");
    }
    said
}
