//! Texts made once and sent many times: kept plain and compressed, so that no request pays for it.

use super::conditional::{Described, Freshness, etag_of, is_unchanged};
use actix_web::http::header::{self, AcceptEncoding, Encoding, EntityTag, Header as _, Preference, Quality};
use actix_web::{HttpRequest, HttpResponse};
use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// Below this many bytes, compression saves less than its headers cost.
const WORTH_COMPRESSING: usize = 256;

/// How hard Brotli tries, of 11: a little smaller than gzip's usual at about its speed.
const BROTLI_QUALITY: u32 = 5;

/// Brotli's window, as a power of two in bytes: no playlist is longer than a few megabytes.
const BROTLI_WINDOW: u32 = 22;

/// A text with its compressed forms and the validators of all.
#[derive(Debug)]
pub struct Text {
    plain: Coded,
    brotli: Option<Coded>,
    gzip: Option<Coded>,
}

/// One form. Each has its own tag, since strong tags tell bytes apart, not meanings.
#[derive(Debug)]
struct Coded {
    bytes: Bytes,
    etag: EntityTag,
}

impl Text {
    /// Compresses the text, a few milliseconds for 100 KB: once for each version, not for each request.
    pub fn new(text: String) -> Self {
        let etag = etag_of(text.as_bytes());
        let coded = |pack: fn(&[u8]) -> Vec<u8>, mark: &str| {
            let bytes = shorter(text.as_bytes(), pack)?;
            Some(Coded { bytes, etag: EntityTag::new_strong(format!("{}-{mark}", etag.tag())) })
        };
        let (brotli, gzip) = (coded(brotli, "br"), coded(gzip, "gz"));
        Self { plain: Coded { bytes: text.into(), etag }, brotli, gzip }
    }

    /// Memory it takes in bytes, for caches that weigh.
    pub fn weight(&self) -> usize {
        let forms = [Some(&self.plain), self.brotli.as_ref(), self.gzip.as_ref()];
        forms.into_iter().flatten().map(|coded| coded.bytes.len()).sum()
    }

    /// The form that the caller likes best, and what it is called; the smaller one, where two are as welcome.
    fn chosen(&self, request: &HttpRequest) -> (&Coded, Option<&'static str>) {
        let accepted = AcceptEncoding::parse(request).map_or_else(|_| Vec::new(), |accepted| accepted.0);
        let liking = |encoding: Encoding| {
            let named = accepted.iter().find(|liked| liked.item == Preference::Specific(encoding.clone()));
            named.map(|liked| liked.quality)
        };
        let forms = [("gzip", Encoding::gzip(), &self.gzip), ("br", Encoding::brotli(), &self.brotli)];
        let liked = forms.into_iter().filter_map(|(name, encoding, coded)| {
            let quality = liking(encoding).filter(|quality| *quality > Quality::ZERO)?;
            Some((quality, name, coded.as_ref()?))
        });
        let best = liked.max_by_key(|(quality, ..)| *quality);
        let plain = liking(Encoding::identity()).unwrap_or(Quality::ZERO);
        match best.filter(|(quality, ..)| *quality >= plain) {
            Some((_, name, coded)) => (coded, Some(name)),
            None => (&self.plain, None),
        }
    }

    /// The answer to a GET or HEAD: in the form the caller takes, or 304 when it has that form.
    pub fn answer(&self, request: &HttpRequest, content_type: &'static str, freshness: Freshness) -> HttpResponse {
        let (coded, encoding) = self.chosen(request);
        let what = Described { content_type, etag: coded.etag.clone(), freshness };
        if is_unchanged(request, &what.etag) {
            return what.not_modified().insert_header((header::VARY, "Accept-Encoding")).finish();
        }
        let mut head = HttpResponse::Ok();
        what.validators(&mut head);
        head.content_type(content_type).insert_header((header::VARY, "Accept-Encoding"));
        if let Some(encoding) = encoding {
            head.insert_header((header::CONTENT_ENCODING, encoding));
        }
        // For HEAD the framework sends the length and leaves the bytes out.
        head.body(coded.bytes.clone())
    }
}

/// `None` when it would not be shorter.
fn shorter(text: &[u8], pack: fn(&[u8]) -> Vec<u8>) -> Option<Bytes> {
    if text.len() < WORTH_COMPRESSING {
        return None;
    }
    let bytes = pack(text);
    (bytes.len() < text.len()).then(|| bytes.into())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::default());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes every byte")
}

fn brotli(text: &[u8]) -> Vec<u8> {
    let room = Vec::with_capacity(text.len() / 4);
    let mut encoder = CompressorWriter::new(room, 4096, BROTLI_QUALITY, BROTLI_WINDOW);
    encoder.write_all(text).expect("memory takes every byte");
    encoder.into_inner()
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
        let (brotli, gzip) = ("br", "gzip");
        for (accept, wanted) in [
            ("gzip", gzip),
            ("GZIP", gzip),
            ("identity;q=0.5, gzip", gzip),
            ("br;q=0.5, gzip", gzip),
            ("br", brotli),
            ("gzip, deflate, br", brotli),
            ("gzip, deflate, br, zstd", brotli),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", brotli),
        ] {
            let response = asked(accept);
            assert_eq!(header_of(&response, "content-encoding"), Some(wanted), "{accept}");
            let bytes = to_bytes(response.into_body()).await.ok().unwrap();
            let mut text = String::new();
            match wanted {
                "gzip" => flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text),
                _ => brotli::Decompressor::new(&bytes[..], 4096).read_to_string(&mut text),
            }
            .unwrap();
            assert_eq!(text, long(), "{accept}");
        }
    }

    #[actix_web::test]
    async fn the_plain_form_goes_to_everybody_else() {
        for accept in ["", "identity", "gzip;q=0", "gzip;q=0, br;q=0", "deflate", "*;q=0, identity", "g\u{e9}zip"] {
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

        let len = super::gzip(long().as_bytes()).len();
        assert!(heard.contains(&format!("content-length: {len}\r\n")), "{heard}");
        assert!(heard.ends_with("\r\n\r\n"), "{heard}");
    }

    #[test]
    fn a_short_text_is_not_compressed() {
        let text = Text::new("#EXTM3U\n".into());
        assert_eq!(text.weight(), 8);
    }
}
