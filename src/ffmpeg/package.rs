//! The argument list that turns streams of a file into fragmented MP4 on a pipe.
//!
//! Times stay the source's own through decoder, filters and encoder (`-copyts`), so that spans
//! encoded apart join exactly; the muxer moves them so that the file's start comes at ten seconds
//! (`media::time`). One fragment is written for each key frame.

use super::cage::CageLimits;
use super::command::words;
use super::encoder::Encoder;
use super::{Ffmpeg, filter, input};
use crate::media::ladder::Rung;
use crate::media::probe::Ratio;
use crate::media::time::TIMELINE_OFFSET_SECONDS;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Microseconds of sound in one fragment when there is no picture to cut at.
const AUDIO_FRAGMENT_US: u32 = 1_000_000;

/// How much a child in the background gives way (`nice`).
const BACKGROUND: u64 = 10;

/// What to make of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageTask {
    /// The file, by an absolute path that the server made.
    pub input: PathBuf,
    /// The probe's `start_s`: it becomes second 10 of the output.
    pub start_s: f64,
    /// The picture: the first tracks of the output, one for each rung.
    pub video: Option<VideoTask>,
    /// The sounds, which follow in this order. A video clip's bounds do not hold for them, so they are encoded
    /// apart from clips.
    pub audio: Vec<AudioTask>,
    /// Whether others come first where the processor is short.
    pub in_background: bool,
}

/// What becomes of the picture.
#[derive(Clone, Debug, PartialEq)]
pub enum VideoTask {
    /// Bit for bit.
    Copy {
        /// Stream index in the file.
        index: u32,
        /// What it holds, for the name of the sample entry.
        codec: CopiedCodec,
    },
    /// Encoded to H.264 High, 8 bit 4:2:0.
    Encode(Box<VideoEncode>),
}

/// The video codecs that are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopiedCodec {
    /// `avc1`
    H264,
    /// `hvc1`: parameter sets only in the sample entry, as Apple demands (authoring rule 1.10).
    Hevc,
}

/// A picture decoded once and encoded in several forms, or one span of it.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoEncode {
    /// Stream index in the file.
    pub index: u32,
    /// Who encodes.
    pub encoder: Encoder,
    /// The forms, largest first, at least one.
    pub rungs: Vec<Rung>,
    /// The highest picture rate of the output, for the level and the longest GOP.
    pub frame_rate: Ratio,
    /// Drops pictures that are nearer to the one before them than these seconds.
    pub least_gap_s: Option<f64>,
    /// Repeats pictures so that none is shown for more than a second, and the last one for so many seconds.
    pub hold_s: Option<f64>,
    /// Where pictures are repeated: the source's second from which on the first one is, if it is.
    pub held_from_s: Option<f64>,
    /// The source is interlaced.
    pub deinterlace: bool,
    /// The source is turned by its display matrix.
    pub rotated: bool,
    /// Whether the encoder's device is to decode as well, where nothing needs the frames in memory.
    pub device_decodes: bool,
    /// The source's HDR curve, if it is to become SDR.
    pub tone_map: Option<ToneMap>,
    /// Only this part; `None` for all.
    pub clip: Option<Clip>,
    /// Seconds from key frame to key frame, at most.
    pub key_frame_interval_s: u32,
    /// Seconds after the first picture at which there is one in any case.
    pub key_frames_s: Vec<f64>,
}

/// HDR transfer curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToneMap {
    /// SMPTE ST 2084 (`smpte2084`).
    Pq,
    /// Hybrid log-gamma (`arib-std-b67`).
    Hlg,
}

/// A span of the source, in the source's own seconds. Frames are chosen by time stamp from the
/// half-open interval; bounds half a frame before a frame's time are safe from rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// Decoding starts at the last key frame not after this. At least one whole GOP before `from_s`,
    /// because leading pictures of an open GOP need it and a transport stream is entered
    /// inexactly; at or before the file's start there is no seek at all.
    pub seek_s: f64,
    /// The first frame is the first one not before this.
    pub from_s: f64,
    /// The last frame is the last one before this; `None` for the end of the file.
    pub to_s: Option<f64>,
}

/// What becomes of the sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AudioTask {
    /// AAC, bit for bit.
    Copy {
        /// Stream index in the file.
        index: u32,
    },
    /// MP3, bit for bit. Players must not be given it like this: in fragmented MP4 it was seen to crash Chromium.
    Mp3 {
        /// Stream index in the file.
        index: u32,
    },
    /// AAC-LC.
    Aac {
        /// Stream index in the file.
        index: u32,
        /// Channels of the output; more than it has are mixed down.
        channels: u32,
        /// Samples per second: 44100 or 48000.
        sample_rate: u32,
        /// Bits per second.
        bit_rate: u64,
        /// The source's second at which it begins: with silence, if there is none yet.
        from_s: Option<f64>,
        /// The source's second at which it ends at the latest.
        until_s: Option<f64>,
        /// Whether silence follows it up to there.
        is_padded: bool,
    },
}

impl ToneMap {
    /// The curve that a stream's transfer characteristics name, if it is an HDR one.
    pub fn of(transfer: Option<&str>) -> Option<Self> {
        match transfer {
            Some("smpte2084") => Some(Self::Pq),
            Some("arib-std-b67") => Some(Self::Hlg),
            _ => None,
        }
    }
}

impl VideoEncode {
    /// Whether frames stay on the device from decoder to encoder: only where nothing needs them in memory.
    pub fn decodes_on_device(&self) -> bool {
        let plain = !self.deinterlace && !self.rotated && self.tone_map.is_none() && self.hold_s.is_none();
        plain && self.device_decodes && self.encoder != Encoder::Software
    }
}

impl PackageTask {
    /// ffmpeg's arguments, complete. `vaapi` is the path of the VA-API device.
    pub fn arguments(&self, vaapi: &Path) -> Vec<OsString> {
        self.arguments_into(vaapi, self.muxer())
    }

    /// The same into another muxer.
    pub(super) fn arguments_into(&self, vaapi: &Path, muxer: Vec<OsString>) -> Vec<OsString> {
        let mut list = words("-hide_banner -nostdin -loglevel warning -nostats -copyts");
        if let Some(VideoTask::Encode(encode)) = &self.video {
            // Of a damaged film a span may have no picture that can be decoded, and is no failure for that.
            list.extend(words("-max_error_rate 1"));
            list.extend(encode.encoder.device_arguments(vaapi));
            if encode.decodes_on_device() {
                list.extend(words(encode.encoder.decoder_arguments()));
            }
            list.extend(self.seek(encode));
        }
        list.extend(input::protections());
        list.extend(["-i".into(), input::url(&self.input)]);
        list.extend(words("-map_metadata -1 -map_chapters -1 -sn -dn"));
        match &self.video {
            Some(VideoTask::Copy { index, codec }) => list.extend(copy_video(*index, *codec)),
            Some(VideoTask::Encode(encode)) => list.extend(encode.arguments()),
            None => list.push("-vn".into()),
        }
        for (at, task) in self.audio.iter().enumerate() {
            list.extend(task.arguments(at));
        }
        if self.audio.is_empty() {
            list.push("-an".into());
        }
        list.extend(muxer);
        list
    }

    fn seek(&self, encode: &VideoEncode) -> Vec<OsString> {
        match encode.clip {
            // By time stamp and not relative to the start; the frames themselves are chosen by `trim`.
            Some(clip) if clip.seek_s > self.start_s => {
                words(&format!("-noaccurate_seek -seek_timestamp 1 -ss {:.6}", clip.seek_s))
            }
            _ => Vec::new(),
        }
    }

    fn muxer(&self) -> Vec<OsString> {
        let offset = TIMELINE_OFFSET_SECONDS as f64 - self.start_s;
        let (cut, key_frames) = match self.video {
            Some(_) => (String::new(), "+frag_keyframe"),
            None => (format!("-frag_duration {AUDIO_FRAGMENT_US} "), ""),
        };
        words(&format!(
            "-progress pipe:2 -avoid_negative_ts disabled -output_ts_offset {offset:.6} -write_tmcd 0 -write_btrt 0 \
             {cut}-movflags {key_frames}+delay_moov+default_base_moof+frag_discont+skip_sidx -flush_packets 1 -f mp4 pipe:1"
        ))
    }
}

fn copy_video(index: u32, codec: CopiedCodec) -> Vec<OsString> {
    let tag = match codec {
        CopiedCodec::H264 => "avc1",
        CopiedCodec::Hevc => "hvc1",
    };
    words(&format!("-map 0:{index} -c:v copy -tag:v {tag}"))
}

impl VideoEncode {
    fn arguments(&self) -> Vec<OsString> {
        let mut list = words("-filter_complex");
        list.push(filter::graph(self).into());
        for rung in 0..self.rungs.len() {
            list.extend(words(&format!("-map [v{rung}]")));
        }
        list.extend(words(
            "-fps_mode passthrough -enc_time_base:v 1:90000 -video_track_timescale 90000 -force_key_frames",
        ));
        // Counted from the last key frame and not from zero, so that after a gap in the source key
        // frames do not come one after the other. A millisecond less, since times are rounded.
        let interval = f64::from(self.key_frame_interval_s) - 0.001;
        let mut when = vec![format!("expr:isnan(prev_forced_t)+gte(t,prev_forced_t+{interval:.3})")];
        // ffmpeg counts from the first picture here, whatever its time is.
        let times = self.all_key_frames_s().into_iter().map(|at| at - 0.001);
        when.extend(times.map(|at| format!("gte(t,{at:.6})*lt(prev_forced_t,{at:.6})")));
        list.push(when.join("+").into());
        list.extend(self.encoder.arguments(self));
        list
    }

    /// Pictures from key frame to key frame, at most.
    pub(super) fn longest_gop(&self) -> f64 {
        (self.frame_rate.value() * f64::from(self.key_frame_interval_s)).ceil().clamp(1.0, 600.0)
    }

    /// `key_frames_s`, and others evenly between them: a group of a few pictures before one would cost as much as a
    /// long one.
    fn all_key_frames_s(&self) -> Vec<f64> {
        let longest_s = self.longest_gop() / self.frame_rate.value();
        let mut all = Vec::new();
        let mut begun = 0.0;
        for at in &self.key_frames_s {
            let length = at - begun;
            let groups = (length / longest_s - 0.001).ceil().max(1.0);
            all.extend((1..groups as u32).map(|group| begun + length * f64::from(group) / groups));
            all.push(*at);
            begun = *at;
        }
        all
    }
}

impl AudioTask {
    /// As the output's sound `at`, from 0.
    fn arguments(&self, at: usize) -> Vec<OsString> {
        match *self {
            // Transport streams wrap each AAC frame in a header (ADTS) that MP4 does not have.
            Self::Copy { index } => words(&format!("-map 0:{index} -c:a:{at} copy -bsf:a:{at} aac_adtstoasc")),
            Self::Mp3 { index } => words(&format!("-map 0:{index} -c:a:{at} copy")),
            Self::Aac { index, channels, sample_rate, bit_rate, from_s, until_s, is_padded } => {
                let padded_from_s = from_s.filter(|_| is_padded);
                let filters = sound_filters(sample_rate, from_s, until_s, padded_from_s);
                words(&format!(
                    "-map 0:{index} -filter:a:{at} {filters} -ac:a:{at} {channels} -ar:a:{at} {sample_rate} \
                     -c:a:{at} aac -profile:a:{at} aac_low -b:a:{at} {bit_rate} -bsf:a:{at} {ONCE}"
                ))
            }
        }
    }
}

/// Lets no frame pass that begins before the middle of the one before. Where a sound gets other channels or another rate,
/// ffmpeg makes its filters anew, which begin with silence from the beginning of the film again; the muxer would give it
/// times of its own, and to what comes behind it.
const ONCE: &str = "noise=drop='if(ld(1)*lt(dts,ld(0)+512),1,0*st(0,dts)*st(1,1))'";

/// `async=1` fills gaps with silence and cuts overlaps; without `first_pts` the first sample stays where it was. That
/// one is counted in samples of what comes in, so these have their rate before.
fn sound_filters(sample_rate: u32, from_s: Option<f64>, until_s: Option<f64>, padded_from_s: Option<f64>) -> String {
    let sample = |second: f64| (second * f64::from(sample_rate)).round() as i64;
    let begin = from_s.map(|from| format!(":first_pts={}", sample(from))).unwrap_or_default();
    let pad =
        padded_from_s.zip(until_s).map(|(from, until)| format!(",apad=whole_len={}", sample(until) - sample(from)));
    let cut = until_s.map(|until| format!(",atrim=end={until:.6}")).unwrap_or_default();
    format!("aresample={sample_rate},aresample={sample_rate}:async=1{begin}{}{cut}", pad.unwrap_or_default())
}

impl Ffmpeg {
    pub(super) fn package_limits(&self, task: &PackageTask) -> CageLimits {
        let on_device = matches!(&task.video, Some(VideoTask::Encode(encode)) if encode.encoder != Encoder::Software);
        let cpu_s = self.settings.encode_cpu.as_secs().max(1);
        let nice = if task.in_background { BACKGROUND } else { 0 };
        if on_device {
            // Drivers map far more than they use, and keep shader caches and shared memory as files.
            CageLimits { address_space: None, cpu_s, file_size: 1 << 30, open_files: 1024, nice }
        } else {
            CageLimits { address_space: Some(self.settings.address_space), cpu_s, nice, ..CageLimits::default() }
        }
    }
}
