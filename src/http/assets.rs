//! The files of `web/`, embedded in the program and ready to send.
//!
//! They live under one address per *set*, `/assets/{set hash}/{path}`: relative imports between
//! modules stay inside the set, a browser may keep every file for ever, and a page never mixes files
//! of two versions. The hash is made from all paths and contents. Text is compressed once, when it is first asked for: all
//! of it at the start would delay the first answer by tens of milliseconds.

use actix_web::http::header::{self, AcceptEncoding, Encoding, EntityTag, Header, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::OnceLock;

#[cfg(test)]
mod tests;

/// Where [`serve`] is mounted; the tail may hold slashes.
pub const ROUTE: &str = "/assets/{set}/{path:.*}";

/// What the address of a set promises: its bytes never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What an address without a set's hash promises: ask again, the `ETag` makes that cheap.
const ASK_AGAIN: &str = "no-cache";

#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// Every file of the pages, in memory, plain and compressed.
#[derive(Debug)]
pub struct Assets {
    set: String,
    files: BTreeMap<String, Asset>,
}

#[derive(Debug)]
struct Asset {
    media_type: String,
    /// BLAKE3 of the plain bytes, 32 hexadecimal digits.
    hash: String,
    plain: Bytes,
    /// Only of text, and when it is smaller than `plain`.
    gzip: OnceLock<Option<Bytes>>,
}

impl Assets {
    /// Reads the embedded files and hashes them. Call it once, before serving.
    pub fn load() -> Self {
        let names: std::collections::BTreeSet<String> = Web::iter().map(String::from).collect();
        let mut set = blake3::Hasher::new();
        let mut files = BTreeMap::new();
        for name in names {
            let Some(file) = Web::get(&name) else { continue };
            let asset = Asset::new(&name, Bytes::from(file.data.into_owned()));
            // Each part has a fixed or stated length, so no two sets can spell the same input.
            set.update(&(name.len() as u64).to_le_bytes());
            set.update(name.as_bytes());
            set.update(asset.hash.as_bytes());
            files.insert(name, asset);
        }
        Self { set: short_hex(set.finalize(), 16), files }
    }

    /// The address of a file, given by its path inside `web/`, for example `css/tokens.css`.
    /// A path that is not there gives an address that answers 404.
    pub fn url(&self, path: &str) -> String {
        format!("/assets/{}/{path}", self.set)
    }

    /// The hash in the address of this set: 16 hexadecimal digits.
    pub fn set_hash(&self) -> &str {
        &self.set
    }

    /// Whether `web/` holds this path.
    pub fn contains(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }
}

impl Asset {
    fn new(name: &str, plain: Bytes) -> Self {
        let hash = short_hex(blake3::hash(&plain), 32);
        Self { media_type: media_type(name), hash, plain, gzip: OnceLock::new() }
    }

    fn gzip(&self) -> Option<&Bytes> {
        let pack = || {
            let packed = is_text(&self.media_type).then(|| compressed(&self.plain));
            packed.filter(|packed| packed.len() < self.plain.len())
        };
        self.gzip.get_or_init(pack).as_ref()
    }

    fn answer(&self, request: &HttpRequest, cache_control: &'static str) -> HttpResponse {
        let packed = takes_gzip(request).then(|| self.gzip()).flatten();
        // The two encodings are two representations, so they need two tags (RFC 9110, 8.8.3.3).
        let tag = EntityTag::new_strong(if packed.is_some() { format!("{}-gz", self.hash) } else { self.hash.clone() });
        let known = is_known(request, &tag);
        let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer
            .insert_header((header::CACHE_CONTROL, cache_control))
            .insert_header((header::VARY, "Accept-Encoding"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header(header::ETag(tag));
        if known {
            return answer.finish();
        }
        answer.insert_header((header::CONTENT_TYPE, self.media_type.as_str()));
        match packed {
            Some(packed) => answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(packed.clone()),
            None => answer.body(self.plain.clone()),
        }
    }
}

/// `GET /assets/{set}/{path}`: 200, 304 for a known tag, 404 for another set's hash or an unknown path.
pub async fn serve(
    request: HttpRequest,
    assets: web::Data<Assets>,
    address: web::Path<(String, String)>,
) -> HttpResponse {
    let (set, path) = address.into_inner();
    match assets.files.get(&path).filter(|_| set == assets.set) {
        Some(asset) => asset.answer(&request, FOR_EVER),
        None => missing(),
    }
}

/// `GET /favicon.svg`: the mark, at the address browsers look for, revalidated each time.
pub async fn favicon(request: HttpRequest, assets: web::Data<Assets>) -> HttpResponse {
    assets.files.get("favicon.svg").map_or_else(missing, |asset| asset.answer(&request, ASK_AGAIN))
}

fn missing() -> HttpResponse {
    // A page of an older version may ask for its set once more; nobody may remember that it is gone.
    HttpResponse::NotFound().insert_header((header::CACHE_CONTROL, "no-store")).finish()
}

fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(items)) => items.iter().any(|item| item.weak_eq(tag)),
        Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
        Err(_) => false,
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let offered = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .ok()
        .and_then(|accepted| accepted.negotiate(offered.iter()))
        .is_some_and(|chosen| chosen == Encoding::gzip())
}

fn media_type(name: &str) -> String {
    let guessed = mime_guess::from_path(name).first_or_octet_stream().to_string();
    if is_text(&guessed) { format!("{guessed}; charset=utf-8") } else { guessed }
}

fn is_text(media_type: &str) -> bool {
    ["text/", "application/javascript", "application/json", "image/svg+xml"]
        .iter()
        .any(|prefix| media_type.starts_with(prefix))
}

fn compressed(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).expect("writing to memory does not fail");
    Bytes::from(encoder.finish().expect("writing to memory does not fail"))
}

fn short_hex(hash: blake3::Hash, digits: usize) -> String {
    hash.to_hex().chars().take(digits).collect()
}
