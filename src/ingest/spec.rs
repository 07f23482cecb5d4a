//! What is known of a track before its first byte.

use crate::catalog::NewRendition;
use crate::cmaf::{SourceTrack, Timing, TrackKind, Wrapping};
use crate::media::plan::{AudioAction, AudioPlan, Cut, Plan, Turn, VideoAction, VideoPlan};
use crate::media::rendition::{MP3, Method, RenditionKind, TrackName, number_of};

/// What a track will be called and declared as, known before its first byte.
#[derive(Clone, Debug)]
pub(super) struct TrackSpec {
    pub(super) kind: TrackKind,
    /// Position among the film's forms of this kind.
    pub(super) position: u32,
    /// How often it was begun, this time included.
    pub(super) generation: u32,
    /// Why it was begun anew, for people.
    pub(super) anew: Option<String>,
    pub(super) turn: Turn,
    pub(super) method: Method,
    pub(super) timing: Timing,
    pub(super) video: Option<VideoPlan>,
    pub(super) audio: Option<AudioPlan>,
    pub(super) target_duration: u32,
    pub(super) cut: Cut,
    /// The ticks at which segments begin, if that is settled: then `cut` says how long one may be at most.
    pub(super) cuts: Vec<i64>,
}

impl TrackSpec {
    /// The forms of the picture that have this turn.
    pub(super) fn pictures(plan: &Plan, turn: Turn) -> Vec<Self> {
        let forms = (0..).zip(&plan.video).filter(|(_, form)| form.turn == turn);
        let spec = |(position, form): (u32, &VideoPlan)| {
            let (timing, method) = match form.action {
                VideoAction::Copy => (Timing::Source, Method::Copied),
                VideoAction::Encode { .. } => (Timing::Spans, Method::Encoded),
            };
            let bare = Self::bare(plan, TrackKind::Video, position, turn);
            // Encoded forms are cut at the same times, however many bytes each has, and where a copy is.
            let encoding = plan.encoding.as_ref().filter(|_| method == Method::Encoded);
            let cuts = encoding.map_or_else(Vec::new, |encoding| encoding.cuts.clone());
            let cut = Cut {
                segment_s: if cuts.is_empty() { bare.cut.segment_s } else { plan.target_duration },
                max_bytes: if encoding.is_some() { u64::MAX } else { bare.cut.max_bytes },
            };
            Self { video: Some(form.clone()), timing, method, cut, cuts, ..bare }
        };
        forms.map(spec).collect()
    }

    /// The forms of the sound that have this turn.
    pub(super) fn sounds(plan: &Plan, turn: Turn) -> Vec<Self> {
        let forms = (0..).zip(&plan.audio).filter(|(_, form)| form.turn == turn);
        let spec = |(position, form): (u32, &AudioPlan)| {
            let method = if form.action.is_copied() { Method::Copied } else { Method::Encoded };
            Self { audio: Some(form.clone()), method, ..Self::bare(plan, TrackKind::Audio, position, turn) }
        };
        forms.map(spec).collect()
    }

    /// A track of nothing yet, made in one piece.
    fn bare(plan: &Plan, kind: TrackKind, position: u32, turn: Turn) -> Self {
        Self {
            kind,
            position,
            generation: 1,
            anew: None,
            turn,
            method: Method::Copied,
            timing: Timing::Source,
            video: None,
            audio: None,
            target_duration: plan.target_duration,
            cut: plan.cut,
            cuts: Vec::new(),
        }
    }

    pub(super) fn rendition_kind(&self) -> RenditionKind {
        if self.kind == TrackKind::Video { RenditionKind::Video } else { RenditionKind::Audio }
    }

    pub(super) fn name(&self) -> TrackName {
        TrackName { generation: self.generation, ..TrackName::new(self.rendition_kind(), self.position) }
    }

    /// Why it is made as it is, for people.
    pub(super) fn why(&self) -> String {
        let plan = self.video.as_ref().map(|plan| &plan.why).or(self.audio.as_ref().map(|plan| &plan.why));
        let why = plan.cloned().unwrap_or_default();
        let how = if self.kind == TrackKind::Video { " in software" } else { "" };
        self.anew.as_ref().map_or_else(|| why.clone(), |anew| format!("{why}; begun anew{how}, since {anew}"))
    }

    /// What its segments are.
    pub(super) fn wrapping(&self) -> Wrapping {
        if self.mp3_channels().is_some() { Wrapping::Transport } else { Wrapping::Fragments }
    }

    /// What players are given before its segments; nothing where these need nothing.
    pub(super) fn init(&self, source: &SourceTrack) -> Vec<u8> {
        match self.wrapping() {
            Wrapping::Fragments => source.init_segment(),
            Wrapping::Transport => Vec::new(),
        }
    }

    /// Channels of MP3 that stays as it is: ffmpeg's fragments always say two.
    fn mp3_channels(&self) -> Option<u32> {
        match self.audio.as_ref()?.action {
            AudioAction::Mp3 { channels } => Some(channels),
            AudioAction::Copy | AudioAction::Aac { .. } => None,
        }
    }

    pub(super) fn rendition(&self, source: &SourceTrack, reorder_delay: u32) -> NewRendition {
        let (video, audio, mp3_channels) = (self.video.as_ref(), self.audio.as_ref(), self.mp3_channels());
        NewRendition {
            number: number_of(self.rendition_kind(), self.position),
            name: self.name().to_string(),
            generation: self.generation,
            kind: self.rendition_kind(),
            refines: self.turn != Turn::First,
            method: self.method,
            why: self.why(),
            codecs: if mp3_channels.is_some() { MP3.to_owned() } else { source.codecs() },
            timescale: source.timescale,
            target_duration: self.target_duration,
            size: video.map(|plan| plan.size),
            frame_rate_milli: video.map(|plan| plan.frame_rate_milli),
            video_range: video.and_then(|plan| plan.range).map(|range| range.as_str().to_owned()),
            sound: audio.map(|_| (mp3_channels.unwrap_or(source.channels), source.sample_rate)),
            language: audio.and_then(|plan| plan.language.clone()),
            label: audio.and_then(|plan| plan.label.clone()),
            is_default: audio.is_none_or(|plan| plan.is_default),
            forced: false,
            source_stream: video.map(|plan| plan.index).or(audio.map(|plan| plan.index)),
            reorder_delay,
            planned_bandwidth: video
                .map(|plan| plan.planned_bandwidth)
                .or(audio.map(|plan| plan.planned_bandwidth))
                .unwrap_or(1),
            init: self.init(source),
        }
    }
}
