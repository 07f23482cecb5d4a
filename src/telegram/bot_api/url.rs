//! The address of a Bot API server.

use super::super::token::BotToken;
use reqwest::Url;
use std::fmt;
use std::str::FromStr;

/// Where the Bot API is: `https://api.telegram.org`, or a server of one's own. Has no secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(Url);

/// The text is not the address of a Bot API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address like https://api.telegram.org: http or https, a host, no password, no ? or #")]
pub struct NotAnApiUrl;

impl Default for ApiUrl {
    fn default() -> Self {
        Self(Url::parse("https://api.telegram.org").expect("a constant address"))
    }
}

impl FromStr for ApiUrl {
    type Err = NotAnApiUrl;

    fn from_str(text: &str) -> Result<Self, NotAnApiUrl> {
        let url = Url::parse(text).map_err(|_| NotAnApiUrl)?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        is_plain.then_some(Self(url)).ok_or(NotAnApiUrl)
    }
}

impl ApiUrl {
    /// Whether certificates are needed to talk to it.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is on this machine, where no proxy is asked to help.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The URL of a method. Holds the token.
    pub(super) fn method(&self, token: &BotToken, method: &str) -> Url {
        self.extended(&[&format!("bot{}", token.reveal()), method])
    }

    /// The URL of a file, by the path that `getFile` told. Holds the token.
    pub(super) fn file(&self, token: &BotToken, path: &str) -> Url {
        let bot = format!("bot{}", token.reveal());
        let mut parts = vec!["file", &bot];
        parts.extend(path.split('/'));
        self.extended(&parts)
    }

    fn extended(&self, parts: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "7654321098:AAEXAMPLE-not_a_real_token-0123456_";

    #[test]
    fn methods_and_files_lie_below_the_address() {
        let token: BotToken = TOKEN.parse().unwrap();
        for base in ["https://example.org/api", "https://example.org/api/"] {
            let url: ApiUrl = base.parse().unwrap();
            assert_eq!(url.to_string(), "https://example.org/api");
            assert_eq!(url.method(&token, "getMe").as_str(), format!("https://example.org/api/bot{TOKEN}/getMe"));
            let file = url.file(&token, "documents/a file?#.bin");
            assert_eq!(file.as_str(), format!("https://example.org/api/file/bot{TOKEN}/documents/a%20file%3F%23.bin"));
        }
        let climbing = ApiUrl::default().file(&token, "../../bot1/getMe");
        assert_eq!(climbing.as_str(), format!("https://api.telegram.org/file/bot{TOKEN}/bot1/getMe"));
    }

    #[test]
    fn an_address_with_a_secret_or_a_query_is_refused() {
        for text in
            ["", "api.telegram.org", "ftp://a.b", "https://u:p@a.b", "https://u@a.b", "https://a.b?c", "file:///a"]
        {
            assert_eq!(text.parse::<ApiUrl>(), Err(NotAnApiUrl), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_in_every_spelling() {
        let is_loopback = |text: &str| text.parse::<ApiUrl>().unwrap().is_loopback();
        assert!(
            is_loopback("http://127.0.0.1:8081") && is_loopback("http://[::1]:8081") && is_loopback("http://localhost")
        );
        assert!(!is_loopback("https://api.telegram.org") && !is_loopback("http://10.0.0.1"));
    }
}
