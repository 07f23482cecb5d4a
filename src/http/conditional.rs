//! What a cache must know of an answer, and the requests that ask whether it changed (RFC 9110,
//! section 13; RFC 9111).

use actix_web::http::header::{self, EntityTag, Header as _, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

/// How long an answer may be used again without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A year: the bytes at this address never change.
    Immutable,
    /// Ask every time; the answer may be 304.
    Revalidate,
}

/// What the answer to an address is, apart from its bytes.
#[derive(Clone, Debug)]
pub struct Described {
    /// Media type.
    pub content_type: &'static str,
    /// Strong validator: equal exactly when the bytes are.
    pub etag: EntityTag,
    /// How long it stays valid.
    pub freshness: Freshness,
}

/// The strong validator of these bytes: a hash of them.
pub fn etag_of(bytes: &[u8]) -> EntityTag {
    let mut hash = blake3::hash(bytes).to_hex().to_string();
    hash.truncate(32);
    EntityTag::new_strong(hash)
}

/// Whether the caller already has the version `etag`, so that 304 is the answer. Compared weakly,
/// as a cache between may have weakened the tag (RFC 9110, 13.1.2).
pub fn is_unchanged(request: &HttpRequest, etag: &EntityTag) -> bool {
    if !request.method().is_safe() || !request.headers().contains_key(header::IF_NONE_MATCH) {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(etag)),
        Err(_) => false,
    }
}

impl Described {
    /// The headers that 200, 206, 304 and the answer to HEAD have in common (RFC 9110, 15.4.5).
    pub(super) fn validators(&self, response: &mut HttpResponseBuilder) {
        response.insert_header((header::ETAG, self.etag.to_string()));
        response.insert_header((header::CACHE_CONTROL, self.freshness.as_str()));
    }

    /// 304.
    pub(super) fn not_modified(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::NotModified();
        self.validators(&mut response);
        response
    }
}

impl Freshness {
    fn as_str(self) -> &'static str {
        match self {
            Self::Immutable => "max-age=31536000, immutable",
            Self::Revalidate => "no-cache",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn unchanged(field: &str) -> bool {
        let request = TestRequest::get().insert_header(("if-none-match", field)).to_http_request();
        is_unchanged(&request, &EntityTag::new_strong("now".into()))
    }

    #[test]
    fn a_caller_who_has_this_version_is_told_so() {
        for field in ["\"now\"", "W/\"now\"", "\"then\", \"now\"", "*", "\"a\",,\"now\""] {
            assert!(unchanged(field), "{field}");
        }
    }

    #[test]
    fn any_other_tag_means_sending_it() {
        for field in ["", "\"then\"", "now", "\"now", "\"NOW\"", "\"then\", *"] {
            assert!(!unchanged(field), "{field}");
        }
        let request = TestRequest::get().to_http_request();
        assert!(!is_unchanged(&request, &EntityTag::new_strong("now".into())));
        let write = TestRequest::post().insert_header(("if-none-match", "*")).to_http_request();
        assert!(!is_unchanged(&write, &EntityTag::new_strong("now".into())));
    }

    #[test]
    fn a_tag_follows_the_bytes() {
        assert_eq!(etag_of(b"one"), etag_of(b"one"));
        assert!(etag_of(b"one").strong_ne(&etag_of(b"two")));
    }
}
