//! A film as one file: `/media/{video}/original`.

use super::address;
use super::auth::Grant;
use super::body::{Opening, open};
use super::conditional::{Described, Freshness};
use super::error::ApiError;
use super::openapi::ProblemView;
use crate::catalog::{Video, VideoState};
use crate::delivery::{Delivery, Download, Making};
use crate::library::Library;
use crate::media::file_name::file_name;
use crate::media::id::VideoId;
use actix_web::http::header::{
    self, Charset, ContentDisposition, DispositionParam, DispositionType, EntityTag, ExtendedValue, HeaderName,
    HeaderValue, TryIntoHeaderValue as _,
};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

/// The hash of what is at an address, whatever part of it is sent (RFC 9530).
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// A film as one file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DownloadView {
    /// Where it is.
    url: String,
    /// `original`: the file as it was added. `remuxed`: an MP4 of the best size, copied from what players get.
    #[schema(example = "original")]
    making: &'static str,
    /// The name it is saved under.
    name: String,
    /// Its length.
    bytes: u64,
    /// Lines of its picture, such as 1080; null without one, and of an original.
    lines: Option<u32>,
    /// SHA-256 of an original, in hexadecimal digits.
    sha256: Option<String>,
}

impl DownloadView {
    pub(super) fn of(id: VideoId, title: &str, download: &Download) -> Self {
        let (making, sha256, lines) = match download.making() {
            // The tag of an original is its hash.
            Making::Original { .. } => ("original", Some(download.tag().to_owned()), None),
            Making::Remuxed { size, .. } => ("remuxed", None, size.map(|size| size.lines())),
        };
        let (url, name) = (format!("/media/{id}/original"), name_of(title, download));
        Self { url, making, name, bytes: download.len(), lines, sha256 }
    }
}

/// Download a film as one file
///
/// The file as it was added, where `KEEP_ORIGINAL` kept it; its SHA-256 is in `Repr-Digest`. Otherwise an MP4 of the best
/// size and every sound, copied from what players get, and `remuxed` in its name. A single `Range` is served, and a
/// download that broke off goes on with `If-Range`.
#[utoipa::path(get, path = "/media/{video}/original", tag = "playback", params(("video" = Uuid, Path, description = "The film")), responses(
    (status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
    (status = 206, description = "The part asked for", content_type = "application/octet-stream", body = Vec<u8>),
    (status = 304, description = "The caller has it"),
    (status = 404, description = "There is no such film, or it is in the trash", body = ProblemView),
    (status = 409, description = "It is not ready yet", body = ProblemView),
    (status = 416, description = "The part lies outside", body = ProblemView),
    (status = 503, description = "The store is busy, or the server has no room; Retry-After says when", body = ProblemView),
))]
pub(super) async fn original(
    _: Grant,
    request: HttpRequest,
    library: web::Data<Library>,
    delivery: web::Data<Delivery>,
    video: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let film = library.video(address::video(&video)?).await?;
    let found = delivery.download(film.id).await?.ok_or_else(|| nothing_yet(&film))?;
    let (content_type, etag) = (found.making().form().media_type, EntityTag::new_strong(found.tag().to_owned()));
    let what = Described { content_type, etag, freshness: Freshness::Revalidate };
    let mut response = match open(&request, &what, found.len())? {
        Opening::Answered(response) => response,
        Opening::Wanted(wanted) => {
            let bytes = delivery.open_download(&found, wanted.range()).await?;
            wanted.send(&request, bytes)
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, saved_as(&name_of(&film.title, &found))?);
    if let Making::Original { sha256, .. } = found.making() {
        let digest = format!("sha-256=:{}:", BASE64_STANDARD.encode(sha256));
        headers.insert(REPR_DIGEST, HeaderValue::from_str(&digest).map_err(ApiError::internal)?);
    }
    Ok(response)
}

fn nothing_yet(film: &Video) -> ApiError {
    ApiError::Conflict(match film.state {
        VideoState::Failed => "this film could not be prepared, so there is no file of it; its error says why".into(),
        _ => "this film is still being prepared; its file is there once the film is ready".into(),
    })
}

fn name_of(title: &str, download: &Download) -> String {
    let suffix = match download.making() {
        Making::Original { .. } => String::new(),
        Making::Remuxed { size: Some(size), .. } => format!(" (remuxed {}p)", size.lines()),
        Making::Remuxed { size: None, .. } => " (remuxed)".to_owned(),
    };
    file_name(title, &suffix, download.making().form().ending)
}

/// To be saved under this name and never shown in the page (RFC 6266; old readers get it in plain letters).
fn saved_as(name: &str) -> Result<HeaderValue, ApiError> {
    let plain = |letter: char| if letter.is_ascii() && letter != '%' { letter } else { '_' };
    let mut parameters = vec![DispositionParam::Filename(name.chars().map(plain).collect())];
    if !name.chars().all(|letter| plain(letter) == letter) {
        let (charset, value) = (Charset::Ext("UTF-8".to_owned()), name.as_bytes().to_vec());
        parameters.push(DispositionParam::FilenameExt(ExtendedValue { charset, language_tag: None, value }));
    }
    let saved = ContentDisposition { disposition: DispositionType::Attachment, parameters };
    saved.try_into_value().map_err(ApiError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_for_new_readers_and_for_old_ones() {
        for (name, written) in [
            ("Film.mkv", r#"attachment; filename="Film.mkv""#),
            ("Bäume 100%.mkv", r#"attachment; filename="B_ume 100_.mkv"; filename*=UTF-8''B%C3%A4ume%20100%25.mkv"#),
            ("日本.mp4", "attachment; filename=\"__.mp4\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.mp4"),
        ] {
            assert_eq!(saved_as(name).unwrap().to_str().unwrap(), written);
        }
    }
}
