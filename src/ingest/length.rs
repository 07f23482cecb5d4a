//! How long a film is, and whether all of it is there: what containers claim, against what lies in the file.

use super::{IngestError, Run};
use crate::media::probe::{AudioStream, MAX_SECONDS, Packet, Probe, VideoStream};
use crate::media::span::Frames;
use std::collections::BTreeMap;
use std::ops::Range;

/// Sound that is said to go on so many seconds after the last picture is not believed unheard.
const TAIL_S: f64 = 2.0;

/// Programme and transport streams (ISO/IEC 13818-1) are taken to end where the last packet of a sound begins, and one
/// may hold frames of several seconds.
const PACKED: [&str; 2] = ["mpeg", "mpegts"];
const LONGEST_PACKET_S: f64 = 5.0;

impl Run<'_> {
    /// Listens to the sounds of which more has to be known than is said: see [`is_doubted`], and to the end of those
    /// that end with the last picture or somewhat later than is said, see [`is_said_early`]. That picture ends at
    /// `picture_end_s` seconds of the file. None goes on for longer than a film can last.
    pub(super) async fn listen(&self, probe: &mut Probe, picture_end_s: Option<f64>) -> Result<(), IngestError> {
        let file_end_s = probe.duration_s.map(|length| probe.start_s + length);
        let (sounds, latest_s) = (probe.audio.len(), probe.start_s + MAX_SECONDS);
        let doubted = |sound: &AudioStream| is_doubted(sound, sounds, picture_end_s, file_end_s);
        if probe.audio.iter().any(doubted) {
            let mut heard = self.heard(&probe.audio, None).await?;
            for sound in probe.audio.iter_mut().filter(|sound| doubted(sound)) {
                let reach = heard.remove(&sound.index);
                sound.is_empty = reach.is_none();
                if let Some((begin, end)) = reach.filter(|(begin, _)| begin.is_finite()) {
                    (sound.start_s, sound.end_s) = (Some(begin), Some(end));
                }
            }
        }
        if let Some(picture_s) = picture_end_s.filter(|_| PACKED.contains(&probe.container.as_str())) {
            self.listen_to_the_end(&mut probe.audio, picture_s, latest_s).await?;
        }
        for sound in &mut probe.audio {
            sound.end_s = sound.end_s.map(|end| end.min(latest_s));
        }
        Ok(())
    }

    /// Finds where sounds end of which only the beginning of their last packet is known. Where that cannot be listened
    /// to, they end as is said: in a damaged stream ffprobe does not find the place.
    async fn listen_to_the_end(
        &self,
        sounds: &mut [AudioStream],
        picture_s: f64,
        latest_s: f64,
    ) -> Result<(), IngestError> {
        let is_early = |said: &f64| is_said_early(*said, picture_s);
        let said_s = sounds.iter().filter_map(|sound| sound.end_s.filter(is_early)).reduce(f64::min);
        let Some(said_s) = said_s else { return Ok(()) };
        let heard = self.heard(sounds, Some(said_s - LONGEST_PACKET_S..latest_s)).await;
        let Some(heard) = unless_unheard(heard)? else { return Ok(()) };
        for sound in sounds.iter_mut().filter(|sound| sound.end_s.is_some_and(|said| is_early(&said))) {
            let end_s = heard.get(&sound.index).map(|(_, end)| *end);
            sound.end_s = sound.end_s.map(|said| later_end(said, end_s));
        }
        Ok(())
    }

    /// From when to when there is sound, by stream, in seconds of the file: infinite where no packet has a time. Streams
    /// that hold nothing are left out. The file is read once, or what is `within` seconds of it.
    async fn heard(
        &self,
        sounds: &[AudioStream],
        within: Option<Range<f64>>,
    ) -> Result<BTreeMap<u32, (f64, f64)>, IngestError> {
        let bases: BTreeMap<u32, f64> =
            sounds.iter().filter_map(|sound| Some((sound.index, sound.time_base?.value()))).collect();
        let mut heard: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        let mut hear = |stream: u32, packet: Packet| {
            let (begin, end) = heard.entry(stream).or_insert((f64::INFINITY, f64::NEG_INFINITY));
            if let Some((at, base)) = packet.pts.or(packet.dts).zip(bases.get(&stream)) {
                *begin = begin.min(at as f64 * base);
                *end = end.max((at as f64 + packet.duration as f64) * base);
            }
        };
        self.ingest.ffmpeg.scan_sounds(self.input(), within, &self.work.cancel, &mut hear).await?;
        Ok(heard)
    }

    /// The film's length in seconds, from its start to the end of what goes on longest.
    ///
    /// # Errors
    /// `Refused` when the file was cut off.
    pub(super) async fn length(
        &self,
        probe: &mut Probe,
        stream: &VideoStream,
        packets: &[Packet],
    ) -> Result<Option<f64>, IngestError> {
        let Some(end_s) = Frames::of(packets, stream.time_base.value()).end_s() else { return Ok(probe.duration_s) };
        let measured_s = end_s - probe.start_s;
        // What the picture says of itself is said before anything is heard, as a file that was cut off is read slowly.
        if let Some(own_end_s) = stream.end_s {
            whole(own_end_s - probe.start_s, measured_s)?;
        }
        self.listen(probe, Some(end_s)).await?;
        let heard_s = probe.audio.iter().filter(|sound| !sound.is_empty).filter_map(|sound| sound.end_s);
        let longest_s = heard_s.map(|end| end - probe.start_s).fold(measured_s, f64::max);
        if let (None, Some(claimed_s)) = (stream.end_s, probe.duration_s) {
            whole(claimed_s, longest_s)?;
        }
        Ok(Some(believable(probe.duration_s, longest_s)))
    }
}

/// Whether a sound, one of so many of a file, is not taken at its word: its beginning was not seen; it is said to go on
/// after the last picture; or there is no picture, and the other sounds would be filled with silence up to its end.
fn is_doubted(sound: &AudioStream, sounds: usize, picture_end_s: Option<f64>, file_end_s: Option<f64>) -> bool {
    let goes_on = match (picture_end_s, sound.end_s.or(file_end_s)) {
        (Some(picture_s), Some(claimed_s)) => claimed_s > picture_s + TAIL_S,
        (Some(_), None) => false,
        (None, _) => sounds > 1,
    };
    sound.start_s.is_none() || goes_on
}

/// Whether it matters that a sound goes on for a packet longer than is said: up to the last picture, or after it.
fn is_said_early(said_s: f64, picture_s: f64) -> bool {
    said_s > picture_s - 2.0 * LONGEST_PACKET_S && said_s <= picture_s + TAIL_S
}

/// What was heard, or nothing where that failed and was not stopped: what is said of the sounds counts then.
fn unless_unheard<T>(heard: Result<T, IngestError>) -> Result<Option<T>, IngestError> {
    match heard {
        Ok(heard) => Ok(Some(heard)),
        Err(IngestError::Stopped) => Err(IngestError::Stopped),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "the ends of sounds could not be listened to");
            Ok(None)
        }
    }
}

/// The end that was heard, if it is one packet later at most: one further on is that of damaged time stamps.
fn later_end(said_s: f64, heard_s: Option<f64>) -> f64 {
    heard_s.filter(|end| *end <= said_s + LONGEST_PACKET_S).map_or(said_s, |end| end.max(said_s))
}

/// Holds a claimed end against the measured one. A header that claims somewhat more than there is belongs to a
/// file that was cut off; one that claims many times as much is simply wrong.
fn whole(claimed_s: f64, measured_s: f64) -> Result<(), IngestError> {
    let is_wrong = claimed_s > measured_s * 20.0;
    if !is_wrong && measured_s < claimed_s * 0.9 && claimed_s - measured_s > 5.0 {
        return Err(IngestError::refused(format!(
            "The picture ends early, at {:.0} % of the film. The file was probably cut off when it was copied here: \
             copy it again and add it once more.",
            measured_s / claimed_s * 100.0
        )));
    }
    Ok(())
}

/// The claimed length, if it is near the measured one.
fn believable(claimed_s: Option<f64>, measured_s: f64) -> f64 {
    let is_near =
        |claimed: &f64| *claimed <= measured_s + 5.0_f64.max(measured_s * 0.1) && measured_s <= claimed + 60.0;
    claimed_s.filter(is_near).unwrap_or(measured_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::FfmpegError;

    #[test]
    fn a_claimed_length_counts_only_near_the_measured_one() {
        assert!((believable(Some(143_165.0), 1.5) - 1.5).abs() < 1e-9);
        assert!((believable(Some(61.0), 60.0) - 61.0).abs() < 1e-9);
        assert!((believable(None, 60.0) - 60.0).abs() < 1e-9);
    }

    #[test]
    fn an_end_that_others_wait_for_is_not_believed_unheard() {
        let sound = |end_s| AudioStream {
            index: 0,
            codec: "aac".into(),
            profile: None,
            sample_rate: 48_000,
            channels: 2,
            layout: None,
            has_extradata: true,
            bit_rate: None,
            language: None,
            title: None,
            default: false,
            start_s: Some(0.0),
            end_s,
            time_base: None,
            is_empty: false,
            changes: false,
        };
        let claims = sound(Some(359_996_400.0));
        assert!(is_doubted(&claims, 2, None, Some(8.0)), "another sound would be silent until then");
        assert!(!is_doubted(&claims, 1, None, Some(8.0)), "alone it ends where it ends");
        assert!(is_doubted(&claims, 1, Some(8.0), None) && is_doubted(&sound(None), 1, Some(8.0), Some(60.0)));
        assert!(!is_doubted(&sound(Some(9.0)), 2, Some(8.0), Some(60.0)));
    }

    #[test]
    fn an_end_that_was_heard_is_that_of_one_packet() {
        for (heard, end) in
            [(Some(60.3), 60.3), (Some(59.0), 60.0), (Some(66.0), 60.0), (Some(1e6), 60.0), (None, 60.0)]
        {
            assert!((later_end(60.0, heard) - end).abs() < 1e-9, "{heard:?}");
        }
    }

    #[test]
    fn a_film_whose_sounds_cannot_be_listened_to_is_not_refused_for_that() {
        assert_eq!(unless_unheard(Ok(3)).unwrap(), Some(3));
        for error in [IngestError::refused("broken"), IngestError::Ffmpeg(FfmpegError::Stalled { seconds: 60 })] {
            assert_eq!(unless_unheard::<u32>(Err(error)).unwrap(), None);
        }
        assert!(matches!(unless_unheard::<u32>(Err(IngestError::Stopped)), Err(IngestError::Stopped)));
    }

    #[test]
    fn a_film_that_was_cut_off_is_refused() {
        let refusal = whole(7200.0, 2736.0).unwrap_err().to_string();
        assert!(refusal.contains("ends early, at 38 %"), "{refusal}");
        assert!(whole(143_165.0, 1.5).is_ok() && whole(61.0, 60.0).is_ok());
    }
}
