//! Texts made once and sent many times: kept plain and compressed, so that no request pays for it.

use super::conditional::{Described, Freshness, etag_of, is_unchanged};
use actix_web::http::header::{self, AcceptEncoding, Encoding, EntityTag, Header as _};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// Below this many bytes, compression saves less than its headers cost.
const WORTH_COMPRESSING: usize = 256;

/// A text with its compressed form and the validators of both. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Text {
    plain: Coded,
    gzip: Option<Coded>,
}

/// One form. Each has its own tag, since strong tags tell bytes apart, not meanings.
#[derive(Clone, Debug)]
struct Coded {
    bytes: Bytes,
    etag: EntityTag,
}

impl Text {
    /// Compresses the text, about a millisecond for 100 KB: once for each version, not for each
    /// request.
    pub fn new(text: String) -> Self {
        let etag = etag_of(text.as_bytes());
        let gzip = compressed(text.as_bytes())
            .map(|bytes| Coded { bytes, etag: EntityTag::new_strong(format!("{}-gz", etag.tag())) });
        Self { plain: Coded { bytes: text.into(), etag }, gzip }
    }

    /// Memory it takes in bytes, for caches that weigh.
    pub fn weight(&self) -> usize {
        self.plain.bytes.len() + self.gzip.as_ref().map_or(0, |coded| coded.bytes.len())
    }

    /// The answer to a GET or HEAD: in the form the caller takes, or 304 when it has that form.
    pub fn answer(&self, request: &HttpRequest, content_type: &'static str, freshness: Freshness) -> HttpResponse {
        let gzip = self.gzip.as_ref().filter(|_| takes_gzip(request));
        let coded = gzip.unwrap_or(&self.plain);
        let what = Described { content_type, etag: coded.etag.clone(), freshness };
        if is_unchanged(request, &what.etag) {
            return what.not_modified().insert_header((header::VARY, "Accept-Encoding")).finish();
        }
        let mut head = HttpResponse::Ok();
        what.validators(&mut head);
        head.content_type(content_type).insert_header((header::VARY, "Accept-Encoding"));
        if gzip.is_some() {
            head.insert_header((header::CONTENT_ENCODING, "gzip"));
        }
        // For HEAD the framework sends the length and leaves the bytes out.
        head.body(coded.bytes.clone())
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let Ok(accepted) = AcceptEncoding::parse(request) else {
        return false;
    };
    accepted.negotiate([Encoding::gzip(), Encoding::identity()].iter()) == Some(Encoding::gzip())
}

/// `None` when it would not be shorter.
fn compressed(text: &[u8]) -> Option<Bytes> {
    if text.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::default());
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    let bytes = written.expect("memory takes every byte");
    (bytes.len() < text.len()).then(|| bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::get_or_head;
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;
    use actix_web::{App, HttpServer};
    use std::io::Read as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    const KIND: &str = "application/vnd.apple.mpegurl";

    fn long() -> String {
        "#EXTINF:6.000000,\n1.m4s\n".repeat(100)
    }

    fn asked(accept: &str) -> HttpResponse {
        let request = TestRequest::get().insert_header(("accept-encoding", accept)).to_http_request();
        Text::new(long()).answer(&request, KIND, Freshness::Revalidate)
    }

    fn header_of<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    #[actix_web::test]
    async fn the_compressed_form_goes_to_those_who_take_it() {
        for accept in ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8, *;q=0.1", "GZIP", "identity;q=0.5, gzip"] {
            let response = asked(accept);
            assert_eq!(header_of(&response, "content-encoding"), Some("gzip"), "{accept}");
            let bytes = to_bytes(response.into_body()).await.ok().unwrap();
            let mut text = String::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            assert_eq!(text, long());
        }
    }

    #[actix_web::test]
    async fn the_plain_form_goes_to_everybody_else() {
        for accept in ["", "identity", "gzip;q=0", "gzip;q=0, *;q=1", "br", "*;q=0, identity", "g\u{e9}zip"] {
            let response = asked(accept);
            assert_eq!(header_of(&response, "content-encoding"), None, "{accept}");
            assert_eq!(header_of(&response, "vary"), Some("Accept-Encoding"));
            assert_eq!(to_bytes(response.into_body()).await.ok().unwrap(), long());
        }
    }

    #[test]
    fn each_form_has_its_tag_and_only_its_own_means_unchanged() {
        let (gzip, plain) = (asked("gzip"), asked("identity"));
        let (gzip, plain) = (header_of(&gzip, "etag").unwrap(), header_of(&plain, "etag").unwrap());
        assert_ne!(gzip, plain);
        for (tag, status) in [(gzip, 304), (plain, 200)] {
            let request =
                TestRequest::get().insert_header(("accept-encoding", "gzip")).insert_header(("if-none-match", tag));
            let response = Text::new(long()).answer(&request.to_http_request(), KIND, Freshness::Revalidate);
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(header_of(&response, "etag"), Some(gzip));
            assert_eq!(header_of(&response, "vary"), Some("Accept-Encoding"));
            assert_eq!(header_of(&response, "cache-control"), Some("no-cache"));
        }
    }

    #[actix_web::test]
    async fn head_tells_the_length_of_the_form_it_stands_for_and_sends_nothing() {
        let answer =
            |request: HttpRequest| async move { Text::new(long()).answer(&request, KIND, Freshness::Revalidate) };
        let server = HttpServer::new(move || App::new().default_service(get_or_head().to(answer)));
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let mut socket = TcpStream::connect(server.addrs()[0]).await.unwrap();
        actix_web::rt::spawn(server.run());

        let head = b"HEAD / HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n";
        socket.write_all(head).await.unwrap();
        let mut heard = String::new();
        socket.read_to_string(&mut heard).await.unwrap();

        let len = compressed(long().as_bytes()).unwrap().len();
        assert!(heard.contains(&format!("content-length: {len}\r\n")), "{heard}");
        assert!(heard.ends_with("\r\n\r\n"), "{heard}");
    }

    #[test]
    fn a_short_text_is_not_compressed() {
        let text = Text::new("#EXTM3U\n".into());
        assert_eq!(text.weight(), 8);
    }
}
