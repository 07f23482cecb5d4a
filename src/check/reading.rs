//! Reading one rendition whole: every init segment, every segment, and spot checks of how they are
//! delivered. What is wrong goes to the report; what the other renditions must agree with is returned.

mod packets;
mod parts;
mod segment;

use super::exchange::{self, Holds};
use super::fetch::{Ask, FetchError, Fetcher, TEXT_MAX};
use super::i_frame::Frames;
use super::init::{Init, TrackKind};
use super::list::{Listed, Map, MediaList};
use super::measured::{Format, Measured};
use super::report::{Fault, Report};
use super::text::shown;
use super::timeline::Timeline;
use super::whole;
use packets::Packets;
use reqwest::Url;
use std::sync::Arc;

/// What is listed can be had (RFC 8216bis, 6.2.1).
const AVAILABLE: &str = "RFC 8216bis 6.2.1";

/// What a playlist is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Play,
    IFrames,
    Text,
}

/// A media playlist that is about to be read.
pub(super) struct Task<'a> {
    pub(super) url: &'a Url,
    pub(super) list: &'a MediaList,
    pub(super) role: Role,
    /// `INDEPENDENT-SEGMENTS` in the master.
    pub(super) claimed: bool,
    /// From when to when the film goes, in seconds, if that is known.
    pub(super) film: Option<(f64, f64)>,
}

/// Reads one rendition.
pub(super) struct Reading<'a> {
    fetcher: &'a Fetcher,
    report: &'a mut Report,
    task: Task<'a>,
    /// The init segment that applies now, and where it came from.
    init: Option<(Arc<Map>, Option<Init>)>,
    timeline: Timeline,
    frames: Frames,
    packets: Packets,
    /// Whether all segments began with an IDR so far; `None` as soon as that is not known.
    opens: Option<bool>,
    found: Measured,
}

impl<'a> Reading<'a> {
    pub(super) fn new(fetcher: &'a Fetcher, report: &'a mut Report, task: Task<'a>) -> Self {
        let list = task.list;
        let found = Measured {
            address: task.url.to_string(),
            target: list.target,
            ended: list.ended,
            independent: list.independent,
            i_frames_only: list.i_frames_only,
            duration: list.duration(),
            discontinuities: list.discontinuities(),
            ..Measured::default()
        };
        let (timeline, frames, packets) = (Timeline::default(), Frames::default(), Packets::default());
        Self { fetcher, report, task, init: None, timeline, frames, packets, opens: Some(true), found }
    }

    /// Reads everything.
    pub(super) async fn finish(mut self) -> Measured {
        let last = self.task.list.segments.len().saturating_sub(1);
        for (at, listed) in self.task.list.segments.iter().enumerate() {
            if listed.gap {
                self.leave("segments that EXT-X-GAP marks as missing");
                self.opens = None;
                continue;
            }
            let Some(url) = self.address(&listed.uri) else { continue };
            self.follow(listed).await;
            let is_spot = at == 0 || at == last || at == last / 2;
            self.segment(&url, listed, is_spot).await;
        }
        self.measure_waiting(None);
        let untold = self.untold();
        self.found.tracks.extend(untold);
        self.say_what_is_left();
        self.found.span = if self.task.role == Role::IFrames { self.frames.span } else { self.timeline.span() };
        self.found.pace = self.timeline.pace();
        let has_pictures = self.found.track(TrackKind::Pictures).is_some() && !self.task.list.segments.is_empty();
        self.found.opens = self.opens.filter(|_| has_pictures);
        self.found
    }

    fn say_what_is_left(&mut self) {
        match self.found.format {
            Format::PackedAudio => self.leave("packed audio: time stamps and codecs; only sizes, types and durations"),
            Format::Encrypted => self.leave("encrypted: time stamps, codecs and key frames; only sizes and types"),
            Format::Unknown if !self.task.list.segments.is_empty() => {
                self.leave("segments of a format that is not known");
            }
            _ => {}
        }
        if self.task.role == Role::Text && self.task.film.is_none() {
            self.leave("whether cues lie within the film, whose times are not known");
        }
        if !self.task.list.ended {
            self.leave("it still grows: bit rates, total durations, and what it will be");
        }
        let pictures = self.found.track(TrackKind::Pictures);
        if pictures.is_some_and(|track| track.range.is_none()) {
            self.leave("VIDEO-RANGE: neither colr nor a parameter set that is read here tells the transfer function");
        }
    }

    fn leave(&mut self, what: &str) {
        self.report.leave(self.task.url.as_str(), what);
    }

    /// A listed address, made whole.
    fn address(&mut self, uri: &str) -> Option<Url> {
        match self.task.url.join(uri) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            Ok(_) => {
                self.leave("addresses that are neither http nor https");
                None
            }
            Err(_) => {
                let fault = Fault::new("RFC 8216bis 4.1", format!("{} is no address", shown(uri)));
                self.report.add(self.task.url.as_str(), [fault]);
                None
            }
        }
    }

    /// Reads the init segment, if another one applies from here on.
    async fn follow(&mut self, listed: &Listed) {
        let Some(map) = &listed.map else { return };
        if self.init.as_ref().is_some_and(|(current, _)| current == map) {
            return;
        }
        let init = match self.address(&map.uri) {
            Some(url) => self.read_init(&url, map).await,
            None => None,
        };
        if let Some(init) = init.as_ref().filter(|_| self.found.tracks.is_empty()) {
            self.found.tracks.clone_from(&init.tracks);
        }
        let before = self.init.replace((map.clone(), init));
        let tracks = |init: Option<&(Arc<Map>, Option<Init>)>| Some(init?.1.as_ref()?.tracks.clone());
        if let (Some(before), Some(now)) = (tracks(before.as_ref()), tracks(self.init.as_ref())) {
            self.report.add(self.task.url.as_str(), whole::change_fault(&before, &now, listed));
        }
    }

    async fn read_init(&mut self, url: &Url, map: &Map) -> Option<Init> {
        let mut ask = Ask::get(url, TEXT_MAX);
        if let Some(part) = map.part {
            ask = ask.with_range(parts::range_of(part));
        }
        let (reply, bytes) = match self.fetcher.read(&ask).await {
            Ok(answer) => answer,
            Err(error) => {
                self.unavailable(url, &error);
                return None;
            }
        };
        self.report.bytes += reply.len;
        let mut faults: Vec<Fault> = exchange::redirect_fault(&reply).into_iter().collect();
        let wanted = if map.part.is_some() { 206 } else { 200 };
        if reply.status != wanted {
            faults.push(Fault::new(AVAILABLE, format!("the answer is {}", reply.status)));
            self.report.add(url.as_str(), faults);
            return None;
        }
        faults.extend(
            map.part.map(|part| exchange::part_faults(&reply, part.offset, part.len, None)).unwrap_or_default(),
        );
        if map.part.is_none() {
            faults.extend(exchange::type_fault(Holds::Init, &reply));
        }
        faults.extend(exchange::caching_faults(&reply));
        let init = match Init::read(&bytes) {
            Ok(init) => {
                faults.extend(init.faults.iter().cloned());
                Some(init)
            }
            Err(error) => {
                faults.push(Fault::new("RFC 8216bis 3.1.2", format!("the init segment cannot be read: {error}")));
                None
            }
        };
        self.report.add(url.as_str(), faults);
        init
    }

    fn unavailable(&mut self, url: &Url, error: &FetchError) {
        self.report.add(url.as_str(), [Fault::new(AVAILABLE, error.to_string())]);
    }
}
