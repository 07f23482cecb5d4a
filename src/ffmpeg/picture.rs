//! Posters that are no frames of a film: a picture that a person sends, and a drawing of sound.

use super::command::words;
use super::stills::{MAX_JPEG, fit};
use super::{Ffmpeg, FfmpegError, filter, input};
use bytes::Bytes;
use std::ffi::OsString;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Seconds of sound that are drawn: decoding all of an audio book would take longer than its drawing is worth.
const DRAWN_S: u32 = 1200;

/// Bars of the drawing, each so many pixels wide.
const BARS: u32 = 140;
const BAR: u32 = 8;

/// Colours of the page by night.
const GROUND: &str = "0x11151d";
const LAMP: &str = "0xffb84d";

/// Pictures that may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureKind {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
}

impl PictureKind {
    /// By the first bytes of a file, whatever it is called; `None` for everything else.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    /// ffmpeg's names of the format and of its decoder.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Jpeg => ("jpeg_pipe", "mjpeg"),
            Self::Png => ("png_pipe", "png"),
            Self::WebP => ("webp_pipe", "webp"),
        }
    }
}

impl Ffmpeg {
    /// A picture of this kind as a poster: decoded and encoded again, so that nothing of the file is left but
    /// what it shows; at most 1280 wide and high.
    ///
    /// # Errors
    /// `Refused` or `Failed` when it is damaged or has more pixels than are decoded; `Cancelled`, `Stalled`.
    pub async fn picture_as_poster(
        &self,
        picture: &Path,
        kind: PictureKind,
        cancel: &CancellationToken,
    ) -> Result<Bytes, FfmpegError> {
        let (format, codec) = kind.names();
        let mut list = words("-hide_banner -nostdin -loglevel error -xerror");
        list.extend(input::protections_for(format, codec));
        list.extend(words(&format!("-f {format}")));
        list.extend(["-i".into(), input::url(picture)]);
        list.extend(words("-map 0:v:0 -frames:v 1 -vf"));
        list.push(format!("{},{}", fit(), filter::TO_JPEG).into());
        self.made(list, cancel).await
    }

    /// A drawing of how loud a sound is from beginning to end, or of its first twenty minutes. `stream`: its
    /// index in the file.
    ///
    /// # Errors
    /// `Refused` or `Failed` when it cannot be decoded; `Cancelled`, `Stalled`.
    pub async fn still_of_sound(
        &self,
        file: &Path,
        stream: u32,
        cancel: &CancellationToken,
    ) -> Result<Bytes, FfmpegError> {
        let mut list = words(&format!("-hide_banner -nostdin -loglevel error -t {DRAWN_S}"));
        list.extend(input::protections());
        list.extend(["-i".into(), input::url(file), "-filter_complex".into(), drawing(stream).into()]);
        list.extend(words("-frames:v 1"));
        self.made(list, cancel).await
    }

    async fn made(&self, mut list: Vec<OsString>, cancel: &CancellationToken) -> Result<Bytes, FfmpegError> {
        list.extend(words("-c:v mjpeg -q:v 3 -f image2pipe pipe:1"));
        let jpeg = self.still(list, MAX_JPEG, cancel).await?;
        if jpeg.is_empty() {
            return Err(FfmpegError::refused("Nothing of the picture could be decoded."));
        }
        Ok(jpeg.into())
    }
}

/// One column of pixels for each bar, made wide, and gaps drawn over them.
fn drawing(stream: u32) -> String {
    let width = BARS * BAR;
    format!(
        "[0:{stream}]aformat=channel_layouts=mono,\
         showwavespic=s={BARS}x320:colors={LAMP}:scale=sqrt:draw=full:filter=peak,format=rgba[bars];\
         color=c={GROUND}:s={BARS}x720:r=1:d=1[ground];\
         [ground][bars]overlay=0:200,scale={width}:720:flags=neighbor,pad=1280:720:(ow-iw)/2:0:color={GROUND},\
         drawgrid=w={BAR}:h=0:t=3:c={GROUND},{}",
        filter::TO_JPEG
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        assert_eq!(PictureKind::of(b"\xFF\xD8\xFF\xE0"), Some(PictureKind::Jpeg));
        assert_eq!(PictureKind::of(b"\x89PNG\r\n\x1a\n"), Some(PictureKind::Png));
        assert_eq!(PictureKind::of(b"RIFF\0\0\0\0WEBPVP8 "), Some(PictureKind::WebP));
        for other in [&b"<svg xmlns="[..], b"GIF89a", b"RIFF\0\0\0\0AVI ", b"", b"\xFF\xD8"] {
            assert_eq!(PictureKind::of(other), None);
        }
    }
}
