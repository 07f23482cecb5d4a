//! Secrets become stars in finished text: bot tokens, bearer tokens and whatever was registered.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, RwLock};
use tracing_subscriber::fmt::MakeWriter;

const STARS: &str = "***";

/// A bot token is the bot's number, a colon and a secret: `7654321098:AAH…` (35 letters today).
const TOKEN_DIGITS_MIN: usize = 6;
const TOKEN_SECRET_MIN: usize = 30;

/// Replaces secrets in text. Clones share the registered secrets.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Arc<RwLock<Vec<String>>>,
}

impl Redactor {
    /// From now on `secret` is replaced wherever it stands, also escaped as in JSON or `Debug`.
    pub fn keep_secret(&self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let json = serde_json::Value::from(secret).to_string();
        let debug = secret.escape_debug().to_string();
        let nested = serde_json::Value::from(debug.as_str()).to_string();
        let mut secrets = self.secrets.write().expect("no panic while secrets are registered");
        for form in
            [nested[1..nested.len() - 1].to_owned(), json[1..json.len() - 1].to_owned(), debug, secret.to_owned()]
        {
            if !secrets.contains(&form) {
                secrets.push(form);
            }
        }
        // A secret may be part of another one: the longest goes first, or its rest would stay.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// `text` with every secret replaced by stars.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in self.secrets.read().expect("no panic while secrets are registered").iter() {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), STARS));
            }
        }
        for find in [bot_token, bearer_token] {
            if let Some(starred) = star_out(&text, find) {
                text = Cow::Owned(starred);
            }
        }
        text
    }

    /// A writer for log lines in front of the one that `make` opens.
    pub fn writer<M>(&self, make: M) -> RedactingWriter<M> {
        RedactingWriter { redactor: self.clone(), make }
    }
}

/// `text` with every span that `find` sees replaced; `None` if it sees none. `find` gets the text
/// and where to begin, and answers with byte positions.
fn star_out(text: &str, find: fn(&str, usize) -> Option<(usize, usize)>) -> Option<String> {
    let mut starred = String::new();
    let mut done = 0;
    while let Some((start, end)) = find(text, done) {
        starred.push_str(&text[done..start]);
        starred.push_str(STARS);
        done = end;
    }
    if done == 0 {
        return None;
    }
    starred.push_str(&text[done..]);
    Some(starred)
}

/// The next `<digits>:<secret>` at or after `from`; the colon may be percent-encoded.
fn bot_token(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    for at in from..bytes.len() {
        let colon = match &bytes[at..] {
            [b':', ..] => 1,
            [b'%', b'3', b'A' | b'a', ..] => 3,
            _ => continue,
        };
        let digits = bytes[from..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let secret = bytes[at + colon..].iter().take_while(|byte| is_token_letter(**byte)).count();
        if digits >= TOKEN_DIGITS_MIN && secret >= TOKEN_SECRET_MIN {
            return Some((at - digits, at + colon + secret));
        }
    }
    None
}

fn is_token_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// What follows the next `Bearer ` at or after `from` (RFC 6750, section 2.1: `b64token`).
fn bearer_token(text: &str, from: usize) -> Option<(usize, usize)> {
    const WORD: &[u8] = b"bearer ";
    let bytes = text.as_bytes();
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    for at in from..bytes.len().saturating_sub(WORD.len()) {
        let start = at + WORD.len();
        let length = bytes[start..].iter().take_while(is_letter).count();
        if length > 0 && bytes[at..start].eq_ignore_ascii_case(WORD) {
            return Some((start, start + length));
        }
    }
    None
}

/// Opens writers that replace secrets, one for each log line.
pub struct RedactingWriter<M> {
    redactor: Redactor,
    make: M,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for RedactingWriter<M> {
    type Writer = Redacting<M::Writer>;
    fn make_writer(&'a self) -> Self::Writer {
        Redacting { redactor: self.redactor.clone(), inner: self.make.make_writer() }
    }
}

/// Replaces secrets in what is written through it. The formatter writes a line in one piece, so no
/// secret is ever split between two writes.
pub struct Redacting<W> {
    redactor: Redactor,
    inner: W,
}

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.inner.write_all(self.redactor.redact(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Keeps what was written.
    #[derive(Clone, Default)]
    pub(in crate::telemetry) struct Collected(Arc<Mutex<Vec<u8>>>);

    impl Collected {
        pub(in crate::telemetry) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Collected {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const TOKEN: &str = "7654321098:AAEXAMPLE-not_a_real_token-0123456_";

    fn redacted(text: &str) -> String {
        Redactor::default().redact(text).into_owned()
    }

    #[test]
    fn a_bot_token_is_starred_wherever_it_stands() {
        assert_eq!(redacted(TOKEN), "***");
        assert_eq!(redacted(&format!("https://x/bot{TOKEN}/getMe?a=1")), "https://x/bot***/getMe?a=1");
        assert_eq!(redacted(&format!("ä {TOKEN}, {TOKEN} ö")), "ä ***, *** ö");
        assert_eq!(redacted(&format!("q={}", TOKEN.replace(':', "%3A"))), "q=***");
    }

    #[test]
    fn a_bearer_token_is_starred_and_its_scheme_stays() {
        assert_eq!(redacted("authorization: bearer a.b-c=, Bearer xyz"), "authorization: bearer ***, Bearer ***");
        assert_eq!(redacted("the bearer "), "the bearer ");
    }

    #[test]
    fn times_and_addresses_are_left_alone() {
        let line = "2026-11-20T19:20:51.123456Z [::1]:5050 0198c0de-0000-7000-8000-000000000000 123456:short";
        assert_eq!(redacted(line), line);
    }

    #[test]
    fn of_two_secrets_the_longer_goes_first() {
        let redactor = Redactor::default();
        redactor.keep_secret("open");
        redactor.keep_secret("open sesame");
        redactor.keep_secret("");
        assert_eq!(redactor.redact("say open sesame, open"), "say ***, ***");
    }
}
