//! One segment: fetched, told what it is, and held against the rules of its format.

use super::{AVAILABLE, Reading, Role, parts};
use crate::check::exchange::{self, Holds};
use crate::check::fetch::{Ask, Reply, SEGMENT_MAX, TEXT_MAX};
use crate::check::init::{Init, Track, TrackKind};
use crate::check::list::Listed;
use crate::check::measured::Format;
use crate::check::opening::{self, Opening};
use crate::check::report::Fault;
use crate::check::scan::{Scanned, Scanner};
use crate::check::subtitle::Subtitles;
use crate::check::transport::{self, Transport};
use reqwest::Url;

const FORMAT: &str = "RFC 8216bis 3.1.2";
/// How a packet of MPEG-TS begins.
const SYNC: u8 = 0x47;

/// What the bytes of a segment are.
fn format_of(scanned: &Scanned, listed: &Listed) -> Format {
    match scanned.first.as_slice() {
        _ if listed.encrypted => Format::Encrypted,
        _ if scanned.kinds.contains(b"moof") => Format::Fragments,
        [SYNC, ..] => Format::TransportStream,
        [b'I', b'D', b'3', ..] | [0xFF, 0xE0..=0xFF, ..] => Format::PackedAudio,
        _ if listed.map.is_some() => Format::Fragments,
        _ => Format::Unknown,
    }
}

impl Reading<'_> {
    /// Fetches a segment and reports what is wrong with it.
    pub(super) async fn segment(&mut self, url: &Url, listed: &Listed, is_spot: bool) {
        let is_text = self.task.role == Role::Text;
        let mut ask = Ask::get(url, if is_text { TEXT_MAX } else { SEGMENT_MAX });
        if let Some(part) = listed.part {
            ask = ask.with_range(parts::range_of(part));
        }
        let (mut scanner, mut packets, mut text) = (Scanner::new(), transport::Scanner::default(), Vec::new());
        let answer = self.fetcher.ask(&ask, |slice| {
            scanner.feed(slice);
            packets.feed(slice);
            if is_text {
                text.extend_from_slice(slice);
            }
        });
        let reply = match answer.await {
            Ok(reply) => reply,
            Err(error) => {
                self.opens = None;
                return self.unavailable(url, &error);
            }
        };
        self.report.bytes += reply.len;
        self.report.segments += 1;
        let mut faults: Vec<Fault> = exchange::redirect_fault(&reply).into_iter().collect();
        match listed.part {
            Some(part) => faults.extend(exchange::part_faults(&reply, part.offset, part.len, None)),
            None if reply.status != 200 => {
                faults.push(Fault::new(AVAILABLE, format!("the answer is {}", reply.status)));
            }
            None => {}
        }
        let is_usable = faults.is_empty() || reply.redirects > 0 && faults.len() == 1;
        let scanned = scanner.finish();
        if is_usable {
            faults.extend(self.judge(&reply, url, (&scanned, packets.finish()), listed, &text));
        } else {
            self.opens = None;
        }
        self.report.add(url.as_str(), faults);
        if is_spot && is_usable {
            self.spot(url, &reply, &scanned, listed.part).await;
        }
    }

    fn judge(
        &mut self,
        reply: &Reply,
        url: &Url,
        (scanned, packets): (&Scanned, Transport),
        listed: &Listed,
        text: &[u8],
    ) -> Vec<Fault> {
        self.found.sizes.push((listed.duration, reply.len));
        if self.task.role == Role::Text {
            self.found.format = Format::Text;
            return self.judge_text(reply, text);
        }
        let format = format_of(scanned, listed);
        self.found.format = format;
        let mut faults: Vec<Fault> =
            self.holds(format).and_then(|holds| exchange::type_fault(holds, reply)).into_iter().collect();
        let mut wrong = |rule: &'static str, what: &str| faults.push(Fault::new(rule, what));
        match format {
            Format::Fragments => faults.extend(self.judge_fragments(scanned, listed)),
            Format::TransportStream => faults.extend(self.judge_packets(url, packets, listed)),
            Format::PackedAudio if !scanned.first.starts_with(b"ID3") => {
                wrong("RFC 8216bis 3.1.3", "packed audio without an ID3 tag, which tells its time");
            }
            _ if reply.len == 0 => wrong(AVAILABLE, "a segment without bytes"),
            _ => {}
        }
        if !matches!(format, Format::Fragments | Format::TransportStream) {
            self.opens = None;
        }
        faults
    }

    fn judge_text(&self, reply: &Reply, text: &[u8]) -> Vec<Fault> {
        let read = Subtitles::read(text);
        let outside = self.task.film.map(|film| read.outside(film)).unwrap_or_default();
        let kind = exchange::type_fault(Holds::Text, reply);
        kind.into_iter().chain(read.faults).chain(outside).collect()
    }

    fn holds(&self, format: Format) -> Option<Holds> {
        let init = self.init.as_ref().and_then(|(_, init)| init.as_ref());
        let has = |kind| init.is_some_and(|init| init.tracks.iter().any(|track| track.kind == kind));
        match format {
            Format::Fragments if has(TrackKind::Pictures) => Some(Holds::Pictures),
            Format::Fragments if has(TrackKind::Sound) => Some(Holds::Sound),
            Format::TransportStream => Some(Holds::TransportStream),
            Format::PackedAudio => Some(Holds::PackedAudio),
            _ => None,
        }
    }

    fn judge_fragments(&mut self, scanned: &Scanned, listed: &Listed) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut wrong = |rule: &'static str, what: String| faults.push(Fault::new(rule, what));
        if let Some(error) = scanned.broken {
            wrong(FORMAT, format!("it cannot be read: {error}"));
        }
        let is_cut = scanned.missing > 0 && self.task.role != Role::IFrames;
        if is_cut {
            wrong(FORMAT, format!("{} bytes of its last box are missing", scanned.missing));
        }
        if scanned.kinds.contains(b"sidx") {
            wrong("T sidx", "a segment with a sidx".to_owned());
        }
        if listed.map.is_none() {
            wrong("A 8.20", "fragmented MP4 without EXT-X-MAP".to_owned());
        }
        let init = self.init.take();
        let tracks = init.as_ref().and_then(|(_, init)| init.as_ref()).map(|init: &Init| init.tracks.as_slice());
        match tracks {
            Some([track]) => faults.extend(self.judge_samples(scanned, track, listed)),
            Some(_) => {
                self.opens = None;
                self.leave("segments with several tracks: time stamps and key frames");
            }
            None => self.opens = None,
        }
        self.init = init;
        faults
    }

    fn judge_samples(&mut self, scanned: &Scanned, track: &Track, listed: &Listed) -> Vec<Fault> {
        let opening = match track.kind {
            TrackKind::Pictures => opening::opening(scanned, track),
            _ => Opening::Unknown,
        };
        self.note(opening);
        if self.task.role == Role::IFrames {
            return self.frames.add(scanned, track, opening, listed.duration);
        }
        let mut faults = self.timeline.add(scanned, track, listed.duration, listed.discontinuity);
        if track.kind == TrackKind::Pictures {
            faults.extend(self.opening_faults(scanned, track, opening));
        }
        faults
    }

    /// Whether all segments begin with an IDR, with this one.
    pub(super) fn note(&mut self, opening: Opening) {
        self.opens = match opening {
            Opening::Clean => self.opens,
            Opening::Dependent(_) => self.opens.map(|_| false),
            Opening::Unknown => None,
        };
    }

    pub(super) fn opening_faults(&mut self, scanned: &Scanned, track: &Track, opening: Opening) -> Vec<Fault> {
        if opening == Opening::Unknown {
            self.leave("whether segments begin with an IDR: pictures of this kind are not read here");
        }
        let claimed = self.task.claimed || self.task.list.independent;
        opening::faults(scanned, track, opening, claimed)
    }
}
