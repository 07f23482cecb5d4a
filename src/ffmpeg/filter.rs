//! The filter graph of a picture: what happens to it between decoder and encoders.
//!
//! The order matters. Deinterlacing and rate changes look at neighbours, so they come before
//! `trim`, which picks the span's frames by source time; everything after sees only those frames.
//! All that is the same for every rung is done once.

use super::encoder::Encoder;
use super::package::{Clip, ToneMap, VideoEncode};
use crate::media::ladder::Rung;

/// The last step before JPEG, which is full range.
pub(super) const TO_JPEG: &str = "scale=out_range=pc,format=yuvj420p";

/// The whole graph as `-filter_complex` takes it: from the stream to `[v0]`, `[v1]`, … for each rung.
pub(super) fn graph(encode: &VideoEncode) -> String {
    let (mut steps, rungs) = (common(encode), encode.rungs.as_slice());
    let branches: Vec<String> = rungs.iter().map(|rung| branch(encode, rung)).collect();
    let from = format!("[0:{}]", encode.index);
    if let [only] = branches.as_slice() {
        steps.push(only.clone());
        return format!("{from}{}[v0]", steps.join(","));
    }
    let pads: String = (0..branches.len()).map(|at| format!("[s{at}]")).collect();
    steps.push(format!("split={}", branches.len()));
    let forms = branches.iter().enumerate().map(|(at, branch)| format!(";[s{at}]{branch}[v{at}]"));
    format!("{from}{}{pads}{}", steps.join(","), forms.collect::<String>())
}

/// What all rungs share.
fn common(encode: &VideoEncode) -> Vec<String> {
    let mut steps = Vec::new();
    if encode.deinterlace {
        steps.push("bwdif=mode=send_frame:deint=interlaced".to_owned());
    }
    if let Some(hold_s) = encode.hold_s {
        steps.push(filled(hold_s, encode.held_from_s));
    }
    if let Some(clip) = &encode.clip {
        steps.push(trim(clip));
    }
    // Behind `trim`, as it counts from the span's first frame.
    if let Some(gap) = encode.least_gap_s {
        steps.push(format!("select='isnan(prev_selected_t)+gte(t-prev_selected_t,{gap:.6})'"));
    }
    // In linear light and 32 bits a channel: once, and for no more pixels than are needed.
    if let (Some(curve), Some(largest)) = (encode.tone_map, encode.rungs.first()) {
        steps.push(scale(largest));
        steps.push(tone_map(curve));
    }
    steps
}

/// All frames, and where none comes for most of a second, the one before again; before them all, the first one. A copy
/// of the film on an even grid, marked as fields, lends those.
fn filled(hold_s: f64, held_from_s: Option<f64>) -> String {
    let begin = held_from_s.map(|from| format!(":start_time={from:.6}")).unwrap_or_default();
    format!(
        "split[film][copy];[copy]fps=10:round=up{begin},tpad=stop_mode=clone:stop_duration={hold_s:.3},setfield=tff[grid];\
         [film]setfield=prog[own];[own][grid]interleave,\
         select='eq(interlace_type,0)+isnan(prev_selected_t)+gte(t-prev_selected_t,0.895)',setfield=prog"
    )
}

/// What makes one rung of it.
fn branch(encode: &VideoEncode, rung: &Rung) -> String {
    let mut steps = Vec::new();
    if encode.decodes_on_device() {
        steps.push(device_scale(encode.encoder, rung.size));
    } else {
        if encode.tone_map.is_none() || Some(rung) != encode.rungs.first() {
            steps.push(scale(rung));
        }
        steps.push(upload(encode.encoder).to_owned());
    }
    steps.push("setsar=1".to_owned());
    steps.join(",")
}

fn scale(rung: &Rung) -> String {
    let (width, height) = rung.size;
    format!("scale={width}:{height}:flags=bicubic")
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

fn device_scale(encoder: Encoder, (width, height): (u32, u32)) -> String {
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
