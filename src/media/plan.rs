//! What is done with a file: for each stream copy, encode or leave out, and why. Pure rules, so
//! that they can be read and tested as a table.

use super::ladder::Ladder;
use super::probe::{Packet, Probe};
use super::rendition::VideoRange;
use super::segment::CutRule;
use super::span::{Frames, Span};
use reach::Reach;
use serde::{Deserialize, Serialize};

mod copied;
mod left_out;
mod picture;
mod reach;
mod sound;
mod text;

/// Ticks per second in which copied video is planned; the packager uses the source's own.
const PLAN_TIMESCALE: u32 = 90_000;

/// How the owner wants files treated.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether streams may be copied at all.
    pub copy_mode: bool,
    /// Smallest file, in bytes, whose streams are copied.
    pub copy_min_bytes: u64,
    /// Seconds a segment aims at.
    pub segment_s: u32,
    /// Largest blob: a segment gets no further group of pictures beyond it.
    pub max_blob_bytes: u64,
    /// The forms in which a picture is offered.
    pub ladder: Ladder,
    /// Whether smaller forms than the largest are made.
    pub adaptive: bool,
    /// Whether the file itself is kept, too.
    pub keep_original: bool,
}

/// What is done with a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The forms of the picture, largest first; none without a picture. At least one has its turn first.
    pub video: Vec<VideoPlan>,
    /// How pictures are encoded; `None` when none are.
    pub encoding: Option<Encoding>,
    /// The forms of the sound, the main one first; that one has its turn first, too.
    pub audio: Vec<AudioPlan>,
    /// The subtitles that are made.
    pub subtitles: Vec<SubtitlePlan>,
    /// What is not taken over, and why, in words for people.
    pub left_out: Vec<String>,
    /// `EXT-X-TARGETDURATION` of every playlist of picture and sound, in seconds.
    pub target_duration: u32,
    /// How segments are cut: kept, so that other settings do not change a film half-way.
    pub cut: Cut,
    /// Whether the file itself is kept, too.
    #[serde(default)]
    pub keep_original: bool,
}

/// When something is made, in this order.
///
/// A picture that is copied and that most browsers cannot decode, HEVC, has its turn first, and a form of it in H.264
/// has the next one. That one is begun beside the copy, so that a browser has something to show after seconds, but it
/// is not what the film waits for: players that decode HEVC have all of it as soon as it is copied, and encoding takes
/// hours. And while it grows it is in no master with what is finished. All playlists of a master are of one type and
/// equally long (RFC 8216bis, 6.2.4): the copy would have to be an `EVENT` until the encoder is done, which many
/// players join at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// At once: the film can be played with it, and while it is made.
    First,
    /// Before all others that refine it: browsers play it while it is made, by a master of its own.
    Next,
    /// When the film can be played: shown once it is whole.
    Later,
}

/// How the pictures of all encoded forms are made, so that they can be cut at the same times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    /// Drop pictures that are nearer to the one before them than these seconds.
    #[serde(default)]
    pub least_gap_s: Option<f64>,
    /// Repeat a picture that is shown for long, and the last one for so many seconds.
    #[serde(default)]
    pub hold_s: Option<f64>,
    /// Repeat the first picture from this second of the file on, as sound begins there, long before it.
    #[serde(default)]
    pub held_from_s: Option<f64>,
    /// Where a form that is copied is cut, if there is one: presentation times on the output's timeline, in ticks of
    /// `VIDEO_TIMESCALE`. All others are cut there, too.
    #[serde(default)]
    pub cuts: Vec<i64>,
    /// Second of the file at which the first picture is shown by its own time.
    #[serde(default)]
    pub first_s: Option<f64>,
    /// The runs of film.
    pub spans: Vec<Span>,
}

/// How segments are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Seconds a segment aims at.
    pub segment_s: u32,
    /// Bytes beyond which a segment gets no further group of pictures.
    pub max_bytes: u64,
}

/// A form of the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoPlan {
    /// Stream index in the file.
    pub index: u32,
    /// When it is made.
    pub turn: Turn,
    /// Copy or encode.
    pub action: VideoAction,
    /// Why, in words for people.
    pub why: String,
    /// Width and height as shown.
    pub size: (u32, u32),
    /// Pictures per 1000 seconds, the highest there are.
    pub frame_rate_milli: u32,
    /// Bits per second to declare until it is measured.
    pub planned_bandwidth: u64,
    /// Dynamic range, where it is not the standard one.
    pub range: Option<VideoRange>,
    /// Seconds from the start of the file from which on the first picture of a copy is shown, where sound begins before
    /// its own time.
    #[serde(default)]
    pub from_s: Option<f64>,
    /// Seconds from the start of the file to the end of the last picture, as far as packets tell.
    pub end_s: Option<f64>,
}

/// How the picture is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoAction {
    /// Bit for bit.
    Copy,
    /// Encoded to H.264, span by span.
    Encode {
        /// Bits per second at most.
        max_bit_rate: u64,
    },
}

/// A form of a sound track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioPlan {
    /// Stream index in the file.
    pub index: u32,
    /// When it is made.
    pub turn: Turn,
    /// Whether a player takes its track unasked.
    pub is_default: bool,
    /// Copy or encode.
    pub action: AudioAction,
    /// Why, in words for people.
    pub why: String,
    /// Language tag of the source.
    pub language: Option<String>,
    /// Name of the track.
    pub label: Option<String>,
    /// Bits per second to declare until it is measured.
    pub planned_bandwidth: u64,
    /// Seconds from the film's start at which it begins: silence up to its first sound. `None`: where it begins
    /// by itself.
    #[serde(default)]
    pub from_s: Option<f64>,
    /// Seconds from the film's start at which it ends at the latest; `None`: where it ends by itself.
    #[serde(default)]
    pub end_s: Option<f64>,
    /// Whether silence follows it up to there.
    #[serde(default)]
    pub is_padded: bool,
}

impl AudioPlan {
    /// What people may call its track.
    pub fn name(&self) -> String {
        sound::name(self.index, self.label.as_deref().or(self.language.as_deref()))
    }
}

/// How the sound is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioAction {
    /// Bit for bit.
    Copy,
    /// Encoded to AAC-LC.
    Aac {
        /// Channels: 2 or 6.
        channels: u32,
        /// Samples per second.
        sample_rate: u32,
        /// Bits per second.
        bit_rate: u64,
    },
    /// MP3 bit for bit, in a transport stream.
    Mp3 {
        /// Channels: 1 or 2.
        channels: u32,
    },
}

impl AudioAction {
    /// Whether the source's own packets are taken.
    pub fn is_copied(self) -> bool {
        !matches!(self, Self::Aac { .. })
    }
}

/// A subtitle track that becomes `WebVTT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitlePlan {
    /// Stream index in the file.
    pub index: u32,
    /// Where it comes from, in words for people.
    pub why: String,
    /// Language tag of the source.
    pub language: Option<String>,
    /// Name of the track.
    pub label: Option<String>,
    /// Whether it is shown unasked, as it holds what is spoken in another language.
    pub forced: bool,
    /// Whether the source marks it as the one to show.
    pub is_default: bool,
}

/// The file cannot become a video; the sentence says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Cut {
    /// The rule on a timescale.
    pub fn rule(self, timescale: u32) -> CutRule {
        // Just under half a second, so that a duration never rounds up to one more (RFC 8216bis 4.4.3.1).
        let tolerance = u64::from(timescale) * 49 / 100;
        CutRule { target: u64::from(self.segment_s) * u64::from(timescale), tolerance, max_bytes: self.max_bytes }
    }
}

impl Policy {
    fn cut(&self) -> Cut {
        Cut { segment_s: self.segment_s, max_bytes: self.max_blob_bytes }
    }

    /// Whether streams of this file may be copied at all.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn copies(&self, probe: &Probe) -> Result<(), String> {
        if !self.copy_mode {
            return Err("copying is switched off".into());
        }
        if probe.bytes < self.copy_min_bytes {
            return Err(format!("files below {} MB are always encoded", self.copy_min_bytes / 1_000_000));
        }
        Ok(())
    }
}

/// Decides what is done with a file. `packets` are those of its first video stream, in file order.
///
/// # Errors
/// `Refusal` when there is nothing to play.
pub fn plan(probe: &Probe, packets: &[Packet], policy: &Policy) -> Result<Plan, Refusal> {
    let stream = probe.video.first();
    let frames = stream.map(|stream| Frames::of(packets, stream.time_base.value())).unwrap_or_default();
    let reach = Reach::of(probe, &frames);
    let pictures = stream.map(|stream| picture::forms(probe, stream, (packets, &frames), policy));
    let within =
        pictures.as_ref().map_or_else(|| reach.of_sound(), |pictures| reach.within(pictures.from_s, pictures.until_s));
    let audio = sound::forms(probe, policy, within);
    if pictures.is_none() && audio.is_empty() {
        return Err(Refusal(
            "There is neither moving picture nor sound in this file. Choose the film itself, not a subtitle or a picture."
                .into(),
        ));
    }
    let pictures = pictures.unwrap_or_default();
    let (subtitles, texts_left_out) = text::forms(probe);
    let left_out = [left_out::of(probe), texts_left_out].concat();
    let target_duration = policy.segment_s.max((pictures.longest_s + 0.000_001).round() as u32);
    let cut = policy.cut();
    Ok(Plan {
        video: pictures.forms,
        encoding: pictures.encoding,
        audio,
        subtitles,
        left_out,
        target_duration,
        cut,
        keep_original: policy.keep_original,
    })
}

impl Plan {
    /// How many tracks have their turn first.
    pub fn first(&self) -> u32 {
        let turns = self.video.iter().map(|form| form.turn).chain(self.audio.iter().map(|form| form.turn));
        u32::try_from(turns.filter(|turn| *turn == Turn::First).count()).unwrap_or(u32::MAX)
    }

    /// The turns after the first in which forms of the picture are made, in order.
    pub fn later_turns(&self) -> impl Iterator<Item = Turn> {
        let has = |turn: &Turn| self.video.iter().any(|form| form.turn == *turn);
        [Turn::Next, Turn::Later].into_iter().filter(has)
    }

    /// Whether a form of the picture is copied.
    pub fn is_copied(&self) -> bool {
        self.video.iter().any(|form| form.action == VideoAction::Copy)
    }

    /// Whether anything is made when the film can be played.
    pub fn refines(&self) -> bool {
        let all = self.video.len() + self.audio.len() + self.subtitles.len();
        // Of every picture there are small ones to scrub by.
        self.keep_original || !self.video.is_empty() || all > self.first() as usize
    }

    /// Whether a copy of these packets is the one that was planned: a film may be planned from other packets than
    /// its index lists.
    pub fn copies(&self, probe: &Probe, packets: &[Packet]) -> bool {
        let Some(planned) = self.video.iter().find(|form| form.action == VideoAction::Copy) else { return false };
        let Some(stream) = probe.video.iter().find(|stream| stream.index == planned.index) else { return false };
        let Ok(again) = picture::copied(probe, stream, packets, self.cut) else { return false };
        let cuts = self.encoding.as_ref().map_or(&[][..], |encoding| &encoding.cuts);
        let has_cuts = || again.cuts(probe, stream, packets) == cuts;
        let fits = again.longest_s.round() as u32 <= self.target_duration;
        again.form == *planned && fits && (cuts.is_empty() || has_cuts())
    }
}

/// What people call a codec.
fn name_of(codec: &str) -> String {
    match codec {
        "h264" => "H.264".into(),
        "hevc" => "HEVC".into(),
        "aac" => "AAC".into(),
        "ac3" => "AC-3".into(),
        "eac3" => "E-AC-3".into(),
        "dts" => "DTS".into(),
        "mpeg2video" => "MPEG-2".into(),
        "mpeg4" => "MPEG-4 Part 2".into(),
        "h263" => "H.263".into(),
        "flv1" => "Sorenson H.263".into(),
        "prores" => "ProRes".into(),
        "theora" => "Theora".into(),
        "vorbis" => "Vorbis".into(),
        "opus" => "Opus".into(),
        pcm if pcm.starts_with("pcm_") => "PCM".into(),
        other => other.to_uppercase(),
    }
}

#[cfg(test)]
mod tests;
