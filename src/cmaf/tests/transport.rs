//! What is written is what ffmpeg reads, frame by frame, and what players ask of transport streams.

use super::*;
use crate::cmaf::chunk::{Chunk, Placed};
use crate::cmaf::transport::{Row, check_sum, segment};
use crate::cmaf::{CmafError, Wrapping};

const PACKET: usize = 188;
const PROGRAMMES: u16 = 0;
const PROGRAMME: u16 = 0x1000;
const SOUND: u16 = 0x100;
const SECOND: u64 = 90_000;

/// Segments of a sine of so many seconds at this rate of samples, and the frames that went in.
fn made(rate: u32, words: &str) -> (Vec<Segment>, Vec<(i64, Bytes)>) {
    let dir = TempDir::new().unwrap();
    ffmpeg(dir.path(), &format!("-f lavfi -i sine=440:r={rate}:d=14 -c:a libmp3lame {words} sound.mp3"));
    let stream = ffmpeg(dir.path(), &format!("-i sound.mp3 -c copy {SOUND_FRAGMENTS}"));
    let (init, fragments) = demuxed(&stream, 1 << 16);
    let source = track(&init, TrackKind::Audio);
    assert_eq!(source.timescale, rate);
    let runs = runs(&fragments, source.id);
    let frames = runs.iter().flatten().map(|sample| (sample.pts, sample.data.clone())).collect();
    let settings = PackagerSettings { wrapping: Wrapping::Transport, ..settings(source, Timing::Source) };
    (packaged(settings, &runs), frames)
}

/// One packet, taken apart by the book.
struct Read<'a> {
    place: u16,
    begins: bool,
    counter: u8,
    /// Discontinuity, and the clock in ticks of 90 kHz.
    field: Option<(bool, Option<u64>)>,
    carried: &'a [u8],
}

fn read(packet: &[u8]) -> Read<'_> {
    assert_eq!((packet.len(), packet[0]), (PACKET, 0x47));
    let place = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
    let mut carried = &packet[4..];
    let mut field = None;
    if packet[3] & 0x20 != 0 {
        let (body, rest) = carried[1..].split_at(usize::from(carried[0]));
        let clock = |bytes: &[u8]| bytes[..5].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) >> 7;
        let flags = body.first().copied().unwrap_or(0);
        field = Some((flags & 0x80 != 0, (flags & 0x10 != 0).then(|| clock(&body[1..]))));
        carried = rest;
    }
    assert!(packet[3] & 0x10 != 0 && !carried.is_empty(), "a packet without anything in it");
    Read { place, begins: packet[1] & 0x40 != 0, counter: packet[3] & 0x0F, field, carried }
}

/// The time stamp of a PES packet.
fn stamp(pes: &[u8]) -> u64 {
    assert_eq!((&pes[..4], pes[7], pes[8]), (&[0, 0, 1, 0xC0][..], 0x80, 5));
    let bits = |at: usize, shift: u32| u64::from(pes[at]) >> shift;
    (bits(9, 1) & 7) << 30 | bits(10, 0) << 22 | bits(11, 1) << 15 | bits(12, 0) << 7 | bits(13, 1)
}

/// The PES packets of a segment: the clock that is told with each, its time stamp and what it carries.
fn sounds(segment: &Segment) -> Vec<(u64, u64, Vec<u8>)> {
    let bytes = segment.data.concat();
    let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
    for packet in bytes.chunks(PACKET).map(read).filter(|packet| packet.place == SOUND) {
        match found.last_mut() {
            Some((_, pes)) if !packet.begins => pes.extend(packet.carried),
            _ => found.push((packet.field.unwrap().1.unwrap(), packet.carried.to_vec())),
        }
    }
    let whole = |(told, pes): (u64, Vec<u8>)| {
        assert_eq!(usize::from(u16::from_be_bytes([pes[4], pes[5]])), pes.len() - 6);
        (told, stamp(&pes), pes[14..].to_vec())
    };
    found.into_iter().map(whole).collect()
}

/// Rates of samples of MPEG-1 and MPEG-2, and bits: the largest and the smallest frames there are.
const MAKES: [(u32, &str); 5] = [
    (44_100, "-b:a 128k"),
    (48_000, "-b:a 320k"),
    (32_000, "-b:a 32k"),
    (22_050, "-b:a 64k"),
    (24_000, "-b:a 8k -ac 1"),
];

#[test]
fn every_frame_comes_out_as_it_went_in() {
    for (rate, words) in MAKES {
        let (segments, frames) = made(rate, words);
        assert_eq!(segments.len(), 3, "{rate}: 14 seconds in segments of 6");
        let came: Vec<u8> = segments.iter().flat_map(sounds).flat_map(|(_, _, bytes)| bytes).collect();
        let went: Vec<u8> = frames.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();
        assert!(came == went, "{rate}: {} bytes of {}", came.len(), went.len());
    }
}

#[test]
fn times_are_those_of_the_frames_and_the_clock_runs_ahead_of_them() {
    for (rate, words) in MAKES {
        let (segments, frames) = made(rate, words);
        let mut left = frames.iter();
        let mut told_before = None;
        for (told, shown, mut bytes) in segments.iter().flat_map(sounds) {
            let (first, _) = left.as_slice()[0];
            let exact = first as f64 * 90_000.0 / f64::from(rate);
            assert!((shown as f64 - exact).abs() <= 0.5, "{rate}: {shown} and not {exact}");
            assert_eq!(shown - told, SECOND / 10);
            if let Some(before) = told_before.replace(told) {
                assert!(
                    (1..=9_000).contains(&(told - before)),
                    "{rate}: the clock is told after {} ticks",
                    told - before
                );
            }
            while !bytes.is_empty() {
                let (_, frame) = left.next().unwrap();
                bytes = bytes.strip_prefix(frame.as_ref()).unwrap().to_vec();
            }
        }
        let frame = if rate >= 32_000 { 1152 } else { 576 };
        assert_eq!(segments.iter().map(|segment| segment.duration).sum::<u64>(), frames.len() as u64 * frame);
        assert_eq!(segments[0].start as i64, frames[0].0);
        assert!(segments.windows(2).all(|pair| pair[0].start + pair[0].duration == pair[1].start));
    }
}

#[test]
fn each_segment_begins_with_its_tables_and_counts_on() {
    let (segments, _) = made(44_100, "-b:a 128k");
    let mut next = 0;
    for segment in &segments {
        let bytes = segment.data.concat();
        assert!(segment.len == bytes.len() as u64 && segment.len.is_multiple_of(PACKET as u64) && segment.independent);
        let packets: Vec<Read<'_>> = bytes.chunks(PACKET).map(read).collect();
        assert_eq!([packets[0].place, packets[1].place], [PROGRAMMES, PROGRAMME]);
        for table in &packets[..2] {
            let section = &table.carried[1..4 + usize::from(table.carried[3])];
            assert_eq!((table.begins, table.field, check_sum(section)), (true, Some((true, None)), 0));
        }
        for packet in &packets[2..] {
            assert_eq!((packet.place, packet.counter), (SOUND, next));
            next = (next + 1) % 16;
        }
    }
}

#[test]
fn both_kinds_of_mp3_are_told_apart() {
    for (rate, kind) in [(44_100, 3), (22_050, 4)] {
        let bytes = made(rate, "-b:a 64k").0[0].data.concat();
        let packet = read(&bytes[PACKET..2 * PACKET]);
        assert_eq!(packet.carried[13], kind, "{rate}");
    }
}

/// The largest frame that is taken: larger than any there is.
const LARGEST: usize = 16 * 1024;

fn frame(pts: i64, bytes: usize) -> Placed {
    let data = [&[0xFF, 0xFB, 0x90, 0x64][..], &vec![7; bytes.saturating_sub(4)]].concat();
    Placed { dts: pts, pts, duration: 1152, sync: true, data: Bytes::from(data[..bytes].to_vec()) }
}

fn segment_of(frames: Vec<Placed>) -> Result<Segment, CmafError> {
    segment(&Chunk::new(frames)?, 48_000)
}

#[test]
fn the_clock_begins_anew_after_33_bits() {
    let wrap = ((1_i64 << 33) * 48_000 + 45_000) / 90_000;
    let made = segment_of(vec![frame(wrap - 4800 * 2, 400), frame(wrap, 400)]).unwrap();
    let stamps: Vec<u64> = sounds(&made).into_iter().map(|(_, shown, _)| shown).collect();
    assert!(stamps[0] > (1 << 33) - 2 * SECOND && stamps[1] < 2, "{stamps:?}");
}

#[test]
fn frames_whose_times_were_rounded_are_put_in_a_row_and_gaps_stay() {
    let placed = |times: &[i64]| {
        let sample = |pts: &i64| Sample { dts: *pts, pts: *pts, duration: 1, sync: true, data: frame(0, 400).data };
        let mut samples: Vec<Sample> = times.iter().map(sample).collect();
        // In two runs, as they come in fragments.
        let (mut row, (before, after)) = (Row::default(), samples.split_at_mut(times.len() / 2));
        row.place(before, 44_100);
        row.place(after, 44_100);
        samples.iter().map(|sample| (sample.dts, sample.pts)).collect::<Vec<_>>()
    };
    let even: Vec<i64> = (0..50).map(|number| number * 1152).collect();
    let down: Vec<i64> = even.iter().map(|time| time * 1000 / 44_100 * 44_100 / 1000).collect();
    assert_ne!(down, even);
    assert_eq!(placed(&down), even.iter().map(|time| (*time, *time)).collect::<Vec<_>>());
    assert_eq!(placed(&[0, 1150, 2304 + 89, 3550]), [(0, 0), (1152, 1152), (2393, 2393), (3545, 3545)]);
}

#[test]
fn a_gap_is_followed_by_a_time_stamp() {
    let made = segment_of(vec![frame(480_000, 400), frame(481_152, 400), frame(483_000, 400)]).unwrap();
    let stamps: Vec<u64> = sounds(&made).into_iter().map(|(_, shown, _)| shown).collect();
    assert_eq!(stamps, [900_000, 905_625]);
}

#[test]
fn any_size_is_packed_and_what_can_be_no_frame_is_refused() {
    for bytes in (20..800).chain([LARGEST]) {
        let made = segment_of(vec![frame(480_000, bytes)]).unwrap();
        let count = made.len as usize / PACKET - 2;
        let first = &made.data.concat()[2 * PACKET..3 * PACKET];
        assert!(read(first).carried.len() >= 18, "{bytes} bytes: both headers are in one packet");
        assert!(count.is_multiple_of(16), "{bytes} bytes in {count} packets");
        assert_eq!(sounds(&made)[0].2.len(), bytes);
    }
    for bytes in [0, 3, 19, LARGEST + 1] {
        assert!(matches!(segment_of(vec![frame(480_000, bytes)]), Err(CmafError::Unsupported(_))), "{bytes}");
    }
}

#[test]
fn a_last_frame_that_was_cut_off_costs_no_other() {
    let sample = |(number, bytes): (usize, usize)| {
        let pts = 480_000 + 1152 * number as i64;
        Sample { dts: pts, pts, duration: 1152, sync: true, data: frame(0, bytes).data }
    };
    let cut = CutRule { target: 6 * 48_000, tolerance: 24_000, max_bytes: 64 << 20 };
    let (kind, timing, wrapping) = (TrackKind::Audio, Timing::Source, Wrapping::Transport);
    let settings = PackagerSettings { timescale: 48_000, kind, cut, cuts: Vec::new(), timing, wrapping, resume: None };
    let sizes = |sizes: &[usize]| sizes.iter().copied().enumerate().map(sample).collect::<Vec<_>>();
    let segments = packaged(settings.clone(), &[sizes(&[400, 400, 400, 7])]);
    assert_eq!(segments.iter().map(|segment| segment.duration).collect::<Vec<_>>(), [3 * 1152]);
    let came: usize = segments.iter().flat_map(sounds).map(|(_, _, bytes)| bytes.len()).sum();
    assert_eq!(came, 1200);
    assert_eq!(packaged(settings.clone(), &[sizes(&[7])]).len(), 0);
    let mut packager = Packager::new(settings).unwrap();
    packager.push(sizes(&[400, 7, 400])).unwrap();
    assert!(matches!(packager.finish(), Err(CmafError::Unsupported(_))), "one in the middle is none of that");
}

#[test]
fn ffmpeg_reads_the_same_packets_and_has_nothing_to_complain_of() {
    let dir = TempDir::new().unwrap();
    for (rate, words) in MAKES {
        let (segments, frames) = made(rate, words);
        let file = dir.path().join("sound.ts");
        std::fs::write(&file, segments.iter().flat_map(|segment| segment.data.concat()).collect::<Vec<u8>>()).unwrap();
        decoded(&file);
        let sizes: Vec<u64> = packets(&file, "a").into_iter().map(|(_, _, bytes)| bytes).collect();
        let went: Vec<u64> = frames.iter().map(|(_, bytes)| bytes.len() as u64).collect();
        assert_eq!(sizes, went, "{rate}");
    }
}
