//! What a master playlist says of a variant, against what its renditions are.

use super::codec::is_same;
use super::encoding;
use super::init::TrackKind;
use super::master::{CodecKind, Master, Media, Variant, codec_kind};
use super::measured::{Format, Measured};
use super::rate::{Rates, is_near, rates};
use super::report::Fault;
use super::text::shown;
use super::timeline::Pace;

/// How far a frame rate of three decimals may be from the measured one, as a share of it.
const PACE_SLACK: f64 = 0.0005;
/// Pixels by which a stretched size may be rounded another way.
const PIXELS: u32 = 1;

/// A variant with what was measured of its renditions.
pub(super) struct Cast<'a> {
    pub(super) variant: &'a Variant,
    /// The playlist of its own.
    pub(super) own: &'a Measured,
    /// The playlists of its sound group, the own one left out.
    pub(super) sounds: Vec<&'a Measured>,
}

impl Cast<'_> {
    /// What is wrong with what the master says.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = self.codecs();
        faults.extend(encoding::faults(self.variant, self.own));
        faults.extend(self.pictures());
        if self.own.ended && self.sounds.iter().all(|sound| sound.ended) {
            faults.extend(self.bandwidth());
        }
        let line = self.variant.line;
        faults.iter_mut().for_each(|fault| fault.found.insert_str(0, &format!("line {line}: ")));
        faults
    }

    /// The peak and mean that a player must reckon with: its pictures and the worst of its sounds. A
    /// variant of sound alone is played instead of the other members of its group.
    fn rates(&self) -> Rates {
        let of = |measured: &Measured| rates(&measured.sizes, measured.target.unwrap_or(1) as f64);
        let own = of(self.own);
        let mut worst = Rates::default();
        for sound in self.sounds.iter().map(|sound| of(sound)) {
            worst = Rates { peak: worst.peak.max(sound.peak), average: worst.average.max(sound.average) };
        }
        if self.variant.has_pictures() {
            return Rates { peak: own.peak + worst.peak, average: own.average + worst.average };
        }
        Rates { peak: own.peak.max(worst.peak), average: own.average.max(worst.average) }
    }

    fn bandwidth(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let is_known = |measured: &Measured| measured.format != Format::Unknown && !measured.sizes.is_empty();
        if !is_known(self.own) || !self.sounds.iter().all(|sound| is_known(sound)) {
            return faults;
        }
        let measured = self.rates();
        let mut compare = |rule: &'static str, name: &str, declared: Option<u64>, found: f64| {
            if let Some(declared) = declared.filter(|declared| !is_near(*declared, found)) {
                let off = (declared as f64 / found - 1.0) * 100.0;
                faults.push(Fault::new(rule, format!("{name}={declared}, measured {found:.0} bit/s ({off:+.0} %)")));
            }
        };
        compare("A 1.27", "BANDWIDTH", self.variant.bandwidth, measured.peak);
        compare("A 1.26", "AVERAGE-BANDWIDTH", self.variant.average, measured.average);
        faults
    }

    fn codecs(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let is_readable = |measured: &&Measured| match measured.format {
            Format::TransportStream => {
                !measured.tracks.is_empty() && measured.tracks.iter().all(|track| !track.codec.is_empty())
            }
            format => format == Format::Fragments,
        };
        let parts: Vec<&Measured> = std::iter::once(self.own).chain(self.sounds.iter().copied()).collect();
        let tracks = parts.iter().flat_map(|part| &part.tracks);
        let found: Vec<&str> = tracks.map(|track| track.codec.as_str()).filter(|codec| !codec.is_empty()).collect();
        let declared: Vec<&str> = self.variant.codec_list().collect();
        if declared.is_empty() {
            return faults;
        }
        let mut told: Vec<&str> = Vec::new();
        for codec in &found {
            if !told.contains(codec) && !declared.iter().any(|name| is_same(name, codec)) {
                told.push(codec);
                let list = shown(self.variant.codecs.as_deref().unwrap_or_default());
                faults.push(Fault::new("RFC 8216bis 4.4.6.2", format!("CODECS={list}, there is {codec}")));
            }
        }
        if parts.iter().all(is_readable) {
            let is_text = |name: &&&str| codec_kind(name) == CodecKind::Text && self.variant.subtitles.is_some();
            let extra =
                declared.iter().filter(|name| !is_text(name) && !found.iter().any(|codec| is_same(name, codec)));
            for name in extra {
                let what = format!("CODECS names {}, which is not there", shown(name));
                faults.push(Fault::new("RFC 8216bis 4.4.6.2", what));
            }
        }
        faults
    }

    fn pictures(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let Some(track) = self.own.track(TrackKind::Pictures) else { return faults };
        let mut wrong = |rule: &'static str, what: String| faults.push(Fault::new(rule, what));
        let is_other = |one: u32, other: u32| one.abs_diff(other) > PIXELS;
        if let (Some(declared), Some(found)) = (self.variant.resolution, track.shown)
            && (is_other(declared.0, found.0) || is_other(declared.1, found.1))
        {
            let what = format!("RESOLUTION={}x{}, shown at {}x{}", declared.0, declared.1, found.0, found.1);
            wrong("RFC 8216bis 4.4.6.2", what);
        }
        if let (Some(declared), Some(Pace(low, high)), false) =
            (self.variant.frame_rate, self.own.pace, self.own.i_frames_only)
        {
            // Three decimals are half a thousandth off at most.
            let slack = high * PACE_SLACK + 0.0005;
            if declared < low - slack || declared > high + slack {
                wrong("RFC 8216bis 4.4.6.2", format!("FRAME-RATE={declared}, measured {low:.3} to {high:.3}"));
            }
        }
        let declared = self.variant.range.as_deref().unwrap_or("SDR");
        if let Some(found) = track.range.filter(|found| *found != declared) {
            wrong("RFC 8216bis 4.4.6.2", format!("VIDEO-RANGE is {declared}, the pictures are {found}"));
        }
        faults
    }
}

/// `VIDEO-RANGE` stands everywhere as soon as something is not SDR (A 9.16).
pub(super) fn range_faults(master: &Master, is_other_than_sdr: bool) -> Vec<Fault> {
    let all = || master.variants.iter().chain(&master.i_frames).filter(|variant| variant.has_pictures());
    if !is_other_than_sdr && all().all(|variant| variant.range.as_deref().unwrap_or("SDR") == "SDR") {
        return Vec::new();
    }
    let silent = all().filter(|variant| variant.range.is_none());
    silent.map(|variant| Fault::new("A 9.16", format!("line {}: no VIDEO-RANGE beside HDR", variant.line))).collect()
}

/// What a member of a sound group says, against what it is.
pub(super) fn sound_faults(media: &Media, measured: &Measured) -> Vec<Fault> {
    let found = measured.track(TrackKind::Sound).and_then(|track| track.channels);
    let declared = media.channels.as_deref().and_then(|channels| channels.split('/').next()?.parse::<u32>().ok());
    match (declared, found) {
        (Some(declared), Some(found)) if declared != found => {
            let what = format!("line {}: CHANNELS={declared}, there are {found}", media.line);
            vec![Fault::new("RFC 8216bis 4.4.6.1", what)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::init::Track;
    use super::super::text;
    use super::*;

    fn rendition(kind: TrackKind, codec: &str, bytes: u64) -> Measured {
        let pictures = kind == TrackKind::Pictures;
        let track = Track {
            kind,
            codec: codec.to_owned(),
            shown: pictures.then_some((640, 360)),
            range: pictures.then_some("SDR"),
            channels: (!pictures).then_some(2),
            ..Track::default()
        };
        Measured {
            target: Some(6),
            ended: true,
            tracks: vec![track],
            sizes: vec![(6.0, bytes); 3],
            pace: Some(Pace(23.976, 23.976)),
            format: Format::Fragments,
            ..Measured::default()
        }
    }

    const GOOD: &str = "BANDWIDTH=1100000,AVERAGE-BANDWIDTH=1100000,CODECS=\"avc1.64001f,mp4a.40.2\",\
                        RESOLUTION=640x360,FRAME-RATE=23.976,AUDIO=\"a\"";

    fn rules_of(list: &str, own: &Measured, sounds: &[&Measured]) -> Vec<&'static str> {
        let text = format!("#EXTM3U\n#EXT-X-STREAM-INF:{list}\nv\n");
        let master = Master::read(&text::lines(text.as_bytes()).0);
        let cast = Cast { variant: &master.variants[0], own, sounds: sounds.to_vec() };
        cast.faults().into_iter().map(|fault| fault.rule).collect()
    }

    fn rules(this: &str, that: &str) -> Vec<&'static str> {
        let own = rendition(TrackKind::Pictures, "avc1.64001f", 750_000);
        let sounds =
            [rendition(TrackKind::Sound, "mp4a.40.2", 75_000), rendition(TrackKind::Sound, "mp4a.40.2", 1_000)];
        rules_of(&GOOD.replace(this, that), &own, &sounds.each_ref())
    }

    #[test]
    fn what_is_said_is_what_is_there() {
        assert_eq!(rules("", ""), [""; 0]);
    }

    #[test]
    fn bandwidths_are_those_of_pictures_and_the_worst_sound() {
        assert_eq!(rules("BANDWIDTH=1100000,A", "BANDWIDTH=1250000,A"), ["A 1.27"]);
        assert_eq!(rules("BANDWIDTH=1100000,A", "BANDWIDTH=900000,A"), ["A 1.27"]);
        assert_eq!(rules("E-BANDWIDTH=1100000", "E-BANDWIDTH=1000000"), [""; 0]);
        assert_eq!(rules("E-BANDWIDTH=1100000", "E-BANDWIDTH=950000"), ["A 1.26"]);
    }

    #[test]
    fn sound_alone_is_one_of_its_group() {
        let list = "BANDWIDTH=100000,AVERAGE-BANDWIDTH=100000,CODECS=\"mp4a.40.2\",AUDIO=\"a\"";
        let (quiet, loud) =
            (rendition(TrackKind::Sound, "mp4a.40.2", 10_000), rendition(TrackKind::Sound, "mp4a.40.2", 75_000));
        assert_eq!(rules_of(list, &quiet, &[&loud]), [""; 0]);
        assert_eq!(rules_of(list, &quiet, &[]), ["A 1.27", "A 1.26"]);
    }

    #[test]
    fn codecs_are_those_of_the_init_segments() {
        let section = "RFC 8216bis 4.4.6.2";
        assert_eq!(rules("avc1.64001f", "avc1.640020"), [section; 2]);
        assert_eq!(rules(",mp4a.40.2", ""), [section]);
        assert_eq!(rules("mp4a.40.2\"", "mp4a.40.2,wvtt\",SUBTITLES=\"s\""), [""; 0]);
        assert_eq!(rules("mp4a.40.2\"", "mp4a.40.2,ec-3\""), [section]);
    }

    #[test]
    fn size_pace_and_range_are_those_of_the_pictures() {
        let section = ["RFC 8216bis 4.4.6.2"];
        assert_eq!(rules("640x360", "640x480"), section);
        assert_eq!(rules("640x360", "641x360"), [""; 0]);
        assert_eq!(rules("23.976", "24.000"), section);
        assert_eq!(rules("23.976", "25.000"), section);
        assert_eq!(rules("FRAME-RATE=23.976", "FRAME-RATE=23.976,VIDEO-RANGE=PQ"), section);
    }

    #[test]
    fn a_growing_film_is_not_measured_yet() {
        let mut own = rendition(TrackKind::Pictures, "avc1.64001f", 5);
        own.ended = false;
        assert_eq!(rules_of(&GOOD.replace(",mp4a.40.2", ""), &own, &[]), [""; 0]);
    }

    #[test]
    fn beside_hdr_every_range_is_told() {
        let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=2x2,VIDEO-RANGE=PQ\nv\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=2x2\nw\n";
        let read = |text: &str| Master::read(&text::lines(text.as_bytes()).0);
        assert_eq!(range_faults(&read(text), false).len(), 1);
        assert_eq!(range_faults(&read(&text.replace("=PQ", "=SDR")), false).len(), 0);
        assert_eq!(range_faults(&read(&text.replace(",VIDEO-RANGE=PQ", "")), true).len(), 2);
    }

    #[test]
    fn channels_are_those_of_the_sound() {
        let media = |channels: &str| Media { channels: Some(channels.to_owned()), ..Media::default() };
        let stereo = rendition(TrackKind::Sound, "mp4a.40.2", 5);
        assert_eq!(sound_faults(&media("2"), &stereo).len(), 0);
        assert_eq!(sound_faults(&media("6"), &stereo).len(), 1);
    }
}
