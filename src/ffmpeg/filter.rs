//! The filter chain of a rung: what happens to a picture between decoder and encoder.
//!
//! The order matters. Deinterlacing and rate changes look at neighbours, so they come before
//! `trim`, which picks the span's frames by source time; everything after sees only those frames.

use super::encoder::Encoder;
use super::package::{Clip, ToneMap, VideoEncode};

/// The last step before JPEG, which is full range.
pub(super) const TO_JPEG: &str = "scale=out_range=pc,format=yuvj420p";

/// The whole chain as `-vf` takes it.
pub(super) fn chain(encode: &VideoEncode) -> String {
    let mut steps = Vec::new();
    if encode.deinterlace {
        steps.push("bwdif=mode=send_frame:deint=interlaced".to_owned());
    }
    if let Some(rate) = encode.fixed_rate {
        steps.push(format!("fps=fps={}/{}", rate.num, rate.den));
    }
    if let Some(clip) = &encode.clip {
        steps.push(trim(clip));
    }
    let (width, height) = (encode.width, encode.height);
    if encode.decodes_on_device() {
        steps.push(device_scale(encode.encoder, width, height));
    } else {
        steps.push(format!("scale={width}:{height}:flags=bicubic"));
        if let Some(curve) = encode.tone_map {
            steps.push(tone_map(curve));
        }
        steps.push(upload(encode.encoder).to_owned());
    }
    steps.push("setsar=1".to_owned());
    steps.join(",")
}

/// Frames whose source time is in `[from, to)`.
fn trim(clip: &Clip) -> String {
    let end = clip.to_s.map(|to| format!(":end={to:.6}")).unwrap_or_default();
    format!("trim=start={:.6}{end}", clip.from_s)
}

/// HDR to BT.709, in linear light. The curve is named, since some files only tag their container.
pub(super) fn tone_map(curve: ToneMap) -> String {
    let transfer = match curve {
        ToneMap::Pq => "smpte2084",
        ToneMap::Hlg => "arib-std-b67",
    };
    format!(
        "zscale=tin={transfer}:min=2020_ncl:pin=2020:t=linear:npl=100,format=gbrpf32le,zscale=p=709,\
         tonemap=tonemap=hable:desat=0,zscale=t=709:m=709:p=709:r=limited"
    )
}

fn device_scale(encoder: Encoder, width: u32, height: u32) -> String {
    match encoder {
        Encoder::Vaapi => format!("scale_vaapi=w={width}:h={height}:format=nv12:extra_hw_frames=24"),
        Encoder::Nvenc => format!("scale_cuda=w={width}:h={height}:format=yuv420p"),
        Encoder::Qsv => {
            format!(
                "scale_vaapi=w={width}:h={height}:format=nv12:extra_hw_frames=24,hwmap=derive_device=qsv,format=qsv"
            )
        }
        Encoder::Software => format!("scale={width}:{height}:flags=bicubic"),
    }
}

/// From frames in memory to what the encoder takes.
fn upload(encoder: Encoder) -> &'static str {
    match encoder {
        Encoder::Vaapi => "format=nv12,hwupload=extra_hw_frames=24",
        Encoder::Qsv => "format=nv12,hwupload=extra_hw_frames=64,format=qsv",
        Encoder::Nvenc | Encoder::Software => "format=yuv420p",
    }
}
