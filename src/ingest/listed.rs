//! What a file lists of its picture by itself, so that it need not be read to be planned: an MP4 in its index, a
//! Matroska film in the heads of its blocks, FLV in those of its tags, and a transport stream in those of its packets.

use super::inspect::Known;
use super::{IngestError, Run};
use crate::cmaf::{Index, IndexedSample, IndexedTrack, Opening, ParameterSets, TrackKind};
use crate::disk;
use crate::flv;
use crate::matroska::{Film, give_decode_times};
use crate::media::probe::{Packet, Ratio, VideoStream};
use crate::mpegts;
use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;

/// Parameter sets stand in the first bytes of a key frame, before its picture.
const KEY_FRAME_BEGIN: usize = 2048;

const NS_PER_S: u64 = 1_000_000_000;

/// The unit of the times of a transport stream.
const TRANSPORT_CLOCK: Ratio = Ratio { num: 1, den: 90_000 };

/// That of FLV.
const TAG_CLOCK: Ratio = Ratio { num: 1, den: 1000 };

/// Ticks a second of pictures, at most, that are copied by their list: the longest segment is counted in 32 bits.
const FINEST_TIMESCALE: u32 = 10_000_000;

/// What was seen of a film's picture where it lies.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) packets: Vec<Packet>,
    /// What any of its key frames says.
    pub(super) opening: Opening,
    /// Whether a sound in AAC gets other channels or another rate.
    pub(super) do_sounds_change: bool,
}

impl Run<'_> {
    /// The packets that a file lists of its picture, and where; `None` when it has to be read for that.
    pub(super) async fn listed(&self, stream: &VideoStream) -> Result<Option<(Vec<Packet>, Known)>, IngestError> {
        let known = |seen: Seen| (seen.packets, Known::Beginnings(seen.opening, seen.do_sounds_change));
        if let Some(index) = self.index().await? {
            let packets = |track: IndexedTrack| track.samples.iter().map(IndexedSample::packet).collect();
            return Ok(listed_picture(&index, stream).map(|track| (packets(track), Known::Index)));
        }
        let seen = self.ingest.foresight.take(self.input(), stream);
        if let Some(seen) = self.work.cancel.run_until_cancelled(seen).await.flatten() {
            return Ok(Some(known(seen)));
        }
        let (path, stream, cancel) = (self.input().to_path_buf(), stream.clone(), self.work.cancel.clone());
        let look = move || {
            if let Some(listed) = blocks(File::open(&path)?, &stream)? {
                return Ok(Some(listed));
            }
            if let Some(film) = flv::Film::open(File::open(&path)?)? {
                return tagged(film, &stream, || !cancel.is_cancelled());
            }
            match mpegts::Film::open(File::open(&path)?)? {
                Some(film) => transported(film, &stream, || !cancel.is_cancelled()),
                None => Ok(None),
            }
        };
        let listed = disk::blocking(look).await.map_err(IngestError::Source)?;
        Ok(listed.map(known))
    }

    /// What any key frame says that keeps it from being copied. Only their first bytes are read.
    pub(super) async fn openings_by_index(&self, stream: &VideoStream) -> Result<Opening, IngestError> {
        let (path, stream) = (self.input().to_path_buf(), stream.clone());
        let look = move || {
            let mut file = BufReader::new(File::open(path)?);
            let mut found = Opening::default();
            let Some(index) = Index::read(&mut file)? else { return Ok(found) };
            let Some(mut sets) = index.source(stream.index).as_ref().and_then(ParameterSets::of) else {
                return Ok(found);
            };
            let file = file.into_inner();
            let mut begin = Vec::with_capacity(KEY_FRAME_BEGIN);
            let samples = listed_picture(&index, &stream).map(|track| track.samples).unwrap_or_default();
            for sample in samples.iter().filter(|sample| sample.sync) {
                begin.resize(KEY_FRAME_BEGIN.min(sample.bytes as usize), 0);
                file.read_exact_at(&mut begin, sample.at)?;
                found = found.and(sets.look(&begin));
            }
            Ok(found)
        };
        disk::blocking(look).await.map_err(IngestError::Source)
    }

    /// The same of a film that was read: at the places where its key frames begin, if its container is one in which
    /// they can be seen there; else it is read once more for that, as readers of any container have them.
    pub(super) async fn openings_by_reading(
        &self,
        container: &str,
        stream: &VideoStream,
        places: Vec<u64>,
    ) -> Result<Opening, IngestError> {
        let (path, codec) = (self.input().to_path_buf(), stream.codec.clone());
        let look: fn(&File, &str, &[u64]) -> io::Result<Option<Opening>> = match container {
            "mpegts" => openings_in_packets,
            container if container.split(',').any(|name| name == "mp4") => openings_of_samples,
            _ => |_, _, _| Ok(None),
        };
        let seen = disk::blocking(move || look(&File::open(path)?, &codec, &places)).await;
        let seen = seen.map_err(IngestError::Source)?;
        if let ("mpegts", Some(seen)) = (container, seen) {
            return Ok(seen);
        }
        let (codec, cancel, ffmpeg) = (stream.codec.as_str(), &self.work.cancel, &self.ingest.ffmpeg);
        let leans = async {
            match seen {
                Some(seen) => Ok(seen.leans),
                None if codec == "h264" => ffmpeg.has_open_key_frames(self.input(), stream.index, cancel).await,
                None => Ok(false),
            }
        };
        let sets = ffmpeg.parameter_sets(self.input(), stream.index, codec, cancel);
        let (sets, leans) = tokio::try_join!(sets, leans)?;
        Ok(Opening { changes: ParameterSets::new(codec).change_in_stream(&sets), leans, enters: None })
    }

    /// The file's own index, if it is an MP4 that has one.
    pub(super) async fn index(&self) -> Result<Option<Index>, IngestError> {
        let path = self.input().to_path_buf();
        let read = disk::blocking(move || Index::read(&mut BufReader::new(File::open(path)?)));
        read.await.map_err(IngestError::Source)
    }
}

/// The picture as an index lists it; `None` when the probe found it to begin elsewhere, or it is not copied by the list:
/// then it is not planned by it either, as ffmpeg may take other pictures for key frames.
pub(super) fn listed_picture(index: &Index, stream: &VideoStream) -> Option<IndexedTrack> {
    let track = index.track(stream.index).filter(|track| track.kind == TrackKind::Video)?;
    let time_base = Ratio { num: 1, den: track.timescale };
    let fits = track.timescale <= FINEST_TIMESCALE && stream.time_base == time_base;
    (fits && stream.start_ticks == track.first_shown()).then_some(track)
}

/// The picture as a Matroska film lists it, and what any of its key frames says; `None` when the probe found it to be
/// another one, or readers take other pictures for key frames than those that are marked.
fn blocks(file: File, stream: &VideoStream) -> io::Result<Option<Seen>> {
    let Some(mut film) = Film::open(file)? else { return Ok(None) };
    let Some(track) = film.track(stream.index).cloned() else { return Ok(None) };
    let time_base = stream.time_base;
    let is_same_clock = u64::from(time_base.num) * NS_PER_S == film.tick_ns().saturating_mul(u64::from(time_base.den));
    let codec = match track.codec.as_str() {
        "V_MPEG4/ISO/AVC" => "h264",
        "V_MPEGH/ISO/HEVC" => "hevc",
        _ => return Ok(None),
    };
    let Some(mut sets) = ParameterSets::of_record(codec, &track.private) else { return Ok(None) };
    if !is_same_clock || stream.codec != codec {
        return Ok(None);
    }
    let (mut packets, mut found, mut are_marked) = (Vec::new(), Opening::default(), true);
    let walked = film.pictures(&track, |packet, begin| {
        let opening = sets.look(begin);
        // Readers of HEVC go by the mark, of H.264 by the picture.
        are_marked &= codec == "hevc" || opening.enters == Some(packet.key);
        found.changes |= opening.changes;
        found.leans |= opening.leans && packet.key;
        packets.push(packet);
    })?;
    give_decode_times(&mut packets, stream.reordered as usize);
    let first_shown = packets.iter().filter_map(|packet| packet.pts).min();
    // The probe has to guess when pictures are decoded, and takes the first for an earlier one where it saw but few of
    // them, as large ones are. Where none waits for another, nothing hangs on it.
    let is_same = first_shown.is_some() && (first_shown == stream.start_ticks || stream.reordered == 0);
    let is_it = walked.is_some() && are_marked && is_same;
    Ok(is_it.then_some(Seen { packets, opening: found, do_sounds_change: false }))
}

/// The picture as the tags of FLV hold it, and what any of its key frames says; `None` as above, or when readers would
/// not believe when its pictures are decoded.
fn tagged(mut film: flv::Film, stream: &VideoStream, goes_on: impl Fn() -> bool) -> io::Result<Option<Seen>> {
    let Some(mut sets) = ParameterSets::of_record("h264", film.record()) else { return Ok(None) };
    let Some(rate) = stream.frame_rate.filter(|_| stream.codec == "h264" && stream.time_base == TAG_CLOCK) else {
        return Ok(None);
    };
    let (mut packets, mut found, mut are_marked) = (Vec::new(), Opening::default(), true);
    let walked = film.pictures(lasting(TAG_CLOCK, rate), |packet, begin| {
        let opening = sets.look(begin);
        are_marked &= opening.enters == Some(packet.key);
        found.changes |= opening.changes;
        found.leans |= opening.leans && packet.key;
        packets.push(packet);
        goes_on().then_some(())
    })?;
    let first_shown = packets.iter().filter_map(|packet| packet.pts).min();
    let is_same = first_shown.is_some() && first_shown == stream.start_ticks;
    let is_it = walked.is_some() && are_marked && is_same && is_decoded_in_turn(&packets, stream.reordered);
    let do_sounds_change = film.does_sound_change();
    Ok(is_it.then_some(Seen { packets, opening: found, do_sounds_change }))
}

/// Ticks for which each of so many pictures a second lasts.
fn lasting(clock: Ratio, rate: Ratio) -> u64 {
    u64::from(clock.den) * u64::from(rate.den) / u64::from(rate.num.max(1))
}

/// The picture as the packets of a transport stream hold it, and what any of its key frames says; `None` when the probe
/// found it to be another one, a picture does not say whether it is a key frame, or it shall not go on, which is asked
/// for each picture.
pub(super) fn transported(
    mut film: mpegts::Film,
    stream: &VideoStream,
    mut goes_on: impl FnMut() -> bool,
) -> io::Result<Option<Seen>> {
    let (Some(rate), Some(begin)) = (stream.frame_rate, stream.start_ticks) else { return Ok(None) };
    if stream.codec != film.codec() || stream.time_base != TRANSPORT_CLOCK {
        return Ok(None);
    }
    let (mut packets, mut found) = (Vec::new(), Opening::default());
    let mut sets = ParameterSets::new(film.codec());
    let walked = film.pictures(begin, lasting(TRANSPORT_CLOCK, rate), |packet, beginning| {
        if !goes_on() {
            return None;
        }
        let opening = sets.look_in_stream(beginning);
        let key = opening.enters?;
        found.changes |= opening.changes;
        found.leans |= opening.leans && key;
        packets.push(Packet { key, ..packet });
        Some(())
    })?;
    let first_shown = packets.iter().filter_map(|packet| packet.pts).min();
    let is_it = walked.is_some() && first_shown == Some(begin) && is_decoded_in_turn(&packets, stream.reordered);
    let do_sounds_change = film.do_sounds_change();
    Ok(is_it.then_some(Seen { packets, opening: found, do_sounds_change }))
}

/// Whether pictures that are shown when they are decoded are those whose turn it is: readers do not believe the others.
fn is_decoded_in_turn(packets: &[Packet], reordered: u32) -> bool {
    let mut guessed = packets.to_vec();
    give_decode_times(&mut guessed, reordered as usize);
    packets.iter().zip(&guessed).all(|(packet, guess)| packet.dts != packet.pts || packet.dts == guess.dts)
}

/// What key frames in the packets of a transport stream say; `None` when one of them does not begin at its place.
fn openings_in_packets(file: &File, codec: &str, places: &[u64]) -> io::Result<Option<Opening>> {
    let (mut sets, mut found) = (ParameterSets::new(codec), Opening::default());
    for &place in places {
        let read = |buffer: &mut [u8], at| read_up_to(file, buffer, at);
        let Some(begin) = mpegts::picture_at(place, KEY_FRAME_BEGIN, read)? else { return Ok(None) };
        let opening = sets.look_in_stream(&begin);
        if opening.enters != Some(true) {
            return Ok(None);
        }
        found = found.and(opening);
    }
    Ok((!places.is_empty()).then_some(found))
}

/// Whether key frames among the samples of an MP4 lean on others: readers take those for key frames that it lists as
/// such. `None` when one of them cannot be seen at its place.
fn openings_of_samples(file: &File, codec: &str, places: &[u64]) -> io::Result<Option<Opening>> {
    let (mut sets, mut found) = (ParameterSets::new(codec), Opening::default());
    let mut begin = [0; KEY_FRAME_BEGIN];
    for &place in places {
        let len = read_up_to(file, &mut begin, place)?;
        let opening = sets.look(&begin[..len]);
        if opening.enters.is_none() {
            return Ok(None);
        }
        found = found.and(opening);
    }
    Ok(Some(found))
}

/// Fills a buffer from a place, as far as the file goes.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], at + len as u64)? {
            0 => break,
            more => len += more,
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests;
