//! ffprobe's JSON, and what we make of it.

use crate::media::probe::{AudioStream, Chapter, DataStream, Probe, Ratio, SubtitleStream, VideoStream};
use serde::Deserialize;
use std::collections::BTreeMap;

/// More chapters are not for people.
const MOST_CHAPTERS: usize = 500;

/// What H.264 and HEVC allow.
const MOST_REORDERED: u32 = 16;

#[derive(Debug, Deserialize)]
pub(super) struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    chapters: Vec<ReportedChapter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReportedChapter {
    start_time: Option<String>,
    end_time: Option<String>,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    format_name: String,
    duration: Option<String>,
    start_time: Option<String>,
    size: Option<String>,
    probe_score: u32,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stream {
    index: u32,
    codec_type: String,
    codec_name: String,
    codec_tag_string: String,
    profile: Option<String>,
    level: Option<i64>,
    pix_fmt: Option<String>,
    width: u32,
    height: u32,
    sample_aspect_ratio: Option<String>,
    r_frame_rate: Option<String>,
    avg_frame_rate: Option<String>,
    time_base: Option<String>,
    has_b_frames: i64,
    field_order: Option<String>,
    color_transfer: Option<String>,
    extradata_size: u64,
    bit_rate: Option<String>,
    sample_rate: Option<String>,
    channels: u32,
    channel_layout: Option<String>,
    start_pts: Option<i64>,
    start_time: Option<String>,
    duration: Option<String>,
    disposition: BTreeMap<String, i64>,
    tags: BTreeMap<String, String>,
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

impl Report {
    /// How sure ffprobe is of the container, of 100.
    pub(super) fn score(&self) -> u32 {
        self.format.probe_score
    }

    pub(super) fn into_probe(self) -> Probe {
        let Self { streams, format, chapters } = self;
        let longest = streams.iter().filter_map(|stream| number(stream.duration.as_ref())).reduce(f64::max);
        let earliest = streams.iter().filter_map(|stream| number(stream.start_time.as_ref())).reduce(f64::min);
        let mut probe = Probe {
            duration_s: number(format.duration.as_ref()).or(longest),
            start_s: number(format.start_time.as_ref()).or(earliest).unwrap_or(0.0),
            bytes: format.size.as_ref().and_then(|text| text.parse().ok()).unwrap_or(0),
            title: tag(&format.tags, "title"),
            container: format.format_name,
            video: Vec::new(),
            audio: Vec::new(),
            subtitles: Vec::new(),
            data: Vec::new(),
            cover: None,
            chapters: chapters.into_iter().take(MOST_CHAPTERS).filter_map(ReportedChapter::into_chapter).collect(),
        };
        for stream in streams {
            match stream.codec_type.as_str() {
                "video" if stream.is_still() => {
                    probe.cover.get_or_insert(stream.index);
                }
                "video" => probe.video.push(stream.into_video()),
                "audio" => probe.audio.push(stream.into_audio()),
                "subtitle" => probe.subtitles.push(stream.into_subtitles()),
                "data" if stream.is_missed() => {
                    let named = [stream.codec_name, stream.codec_tag_string];
                    let kind =
                        named.into_iter().find(|name| !matches!(name.as_str(), "" | "none" | "unknown" | "bin_data"));
                    probe.data.push(DataStream {
                        index: stream.index,
                        kind: kind.unwrap_or_else(|| "of no known kind".into()),
                    });
                }
                _ => {}
            }
        }
        probe
    }
}

impl ReportedChapter {
    /// `None` for one whose times make no sense.
    fn into_chapter(self) -> Option<Chapter> {
        let (start_s, end_s) = (number(self.start_time.as_ref())?, number(self.end_time.as_ref())?);
        let is_one = start_s.is_finite() && end_s.is_finite() && end_s > start_s;
        is_one.then(|| Chapter { start_s, end_s, title: tag(&self.tags, "title") })
    }
}

impl Stream {
    fn is_still(&self) -> bool {
        ["attached_pic", "timed_thumbnails", "still_image"].iter().any(|kind| self.has(kind))
    }

    /// Whether somebody may miss these data: time codes and texts that are read as chapters nobody does.
    fn is_missed(&self) -> bool {
        !matches!(self.codec_tag_string.as_str(), "tmcd" | "text" | "rtp ")
    }

    fn has(&self, disposition: &str) -> bool {
        self.disposition.get(disposition).is_some_and(|value| *value != 0)
    }

    /// What the container says of this stream alone: how long it lasts, or when it ends as Matroska's
    /// `01:02:03.5` in a tag.
    fn end(&self) -> Option<f64> {
        let in_tag = || {
            let text = tag(&self.tags, "DURATION")?;
            text.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
        };
        let lasts = number(self.duration.as_ref()).filter(|lasts| *lasts > 0.0);
        let end = lasts.map(|lasts| number(self.start_time.as_ref()).unwrap_or(0.0) + lasts);
        end.or_else(in_tag).filter(|end| end.is_finite())
    }

    fn bits(&self) -> Option<u64> {
        let said = self.bit_rate.clone().or_else(|| tag(&self.tags, "BPS"));
        said.and_then(|text| text.parse().ok()).filter(|rate| *rate > 0)
    }

    fn into_video(self) -> VideoStream {
        let rotation = self.side_data_list.iter().find_map(|data| data.rotation).unwrap_or(0.0);
        VideoStream {
            index: self.index,
            bit_rate: self.bits(),
            language: tag(&self.tags, "language"),
            sample_aspect: ratio(self.sample_aspect_ratio.as_ref()).unwrap_or(Ratio { num: 1, den: 1 }),
            rotation: clockwise(rotation),
            frame_rate: ratio(self.r_frame_rate.as_ref()),
            average_rate: ratio(self.avg_frame_rate.as_ref()),
            time_base: ratio(self.time_base.as_ref()).unwrap_or(Ratio { num: 1, den: 90_000 }),
            start_ticks: self.start_pts,
            end_s: self.end(),
            reordered: u32::try_from(self.has_b_frames).unwrap_or(0).min(MOST_REORDERED),
            changes: false,
            leans: false,
            interlaced: self.field_order.is_some_and(|order| !matches!(order.as_str(), "progressive" | "unknown")),
            transfer: self.color_transfer.filter(|name| name != "unknown"),
            has_extradata: self.extradata_size > 0,
            codec: self.codec_name,
            profile: self.profile.filter(|name| name != "unknown"),
            level: self.level.and_then(|level| u32::try_from(level).ok()).filter(|level| *level > 0),
            pixel_format: self.pix_fmt.unwrap_or_default(),
            width: self.width,
            height: self.height,
        }
    }

    fn into_audio(self) -> AudioStream {
        AudioStream {
            index: self.index,
            bit_rate: self.bits(),
            language: tag(&self.tags, "language"),
            title: tag(&self.tags, "title"),
            default: self.has("default"),
            start_s: number(self.start_time.as_ref()),
            end_s: self.end(),
            time_base: ratio(self.time_base.as_ref()),
            is_empty: false,
            changes: false,
            sample_rate: self.sample_rate.and_then(|rate| rate.parse().ok()).unwrap_or(0),
            channels: self.channels,
            layout: self.channel_layout.filter(|name| name != "unknown"),
            has_extradata: self.extradata_size > 0,
            codec: self.codec_name,
            profile: self.profile.filter(|name| name != "unknown"),
        }
    }

    fn into_subtitles(self) -> SubtitleStream {
        SubtitleStream {
            index: self.index,
            language: tag(&self.tags, "language"),
            title: tag(&self.tags, "title"),
            default: self.has("default"),
            forced: self.has("forced"),
            codec: self.codec_name,
        }
    }
}

/// ffprobe gives the display matrix's angle counter-clockwise, players turn clockwise.
fn clockwise(counter_clockwise: f64) -> u32 {
    let quarters = (-counter_clockwise / 90.0).round().rem_euclid(4.0);
    [0, 90, 180, 270].get(quarters as usize).copied().unwrap_or(0)
}

/// `None` for what is missing, zero or undefined.
fn ratio(text: Option<&String>) -> Option<Ratio> {
    let (num, den) = text?.split_once(['/', ':'])?;
    let ratio = Ratio { num: num.parse().ok()?, den: den.parse().ok()? };
    (ratio.num > 0 && ratio.den > 0).then_some(ratio)
}

fn number(text: Option<&String>) -> Option<f64> {
    text?.parse().ok()
}

/// Containers disagree about the case of names.
fn tag(tags: &BTreeMap<String, String>, name: &str) -> Option<String> {
    let found = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    let value = found.1.trim();
    (!value.is_empty() && value != "und").then(|| value.to_owned())
}
