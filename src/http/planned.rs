//! What a film is to become, as the API shows it: decided before anything of it is made; and what came of making it
//! better.

use crate::catalog::{JobState, Refinement};
use crate::media::plan::{AudioAction, AudioPlan, Plan, SubtitlePlan, Turn, VideoAction, VideoPlan};
use crate::media::rendition::{Method, RenditionKind, TrackName};
use serde::Serialize;
use utoipa::ToSchema;

/// A form of a film that is planned, made or not.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlannedView {
    /// What it carries.
    #[schema(value_type = String, example = "video")]
    kind: RenditionKind,
    /// Whether the source's own packets are taken or encoded again.
    #[schema(value_type = String, example = "copied")]
    method: Method,
    /// Why so, for people.
    why: String,
    /// `first`: the film can be played with it; `next`: browsers can, while it is made; `later`: it is made when the
    /// film can be played.
    #[schema(value_type = String, example = "first")]
    turn: Turn,
    /// Pixels across, as shown.
    width: Option<u32>,
    /// Pixels down, as shown.
    height: Option<u32>,
    /// Sound channels; null when they stay as they are.
    channels: Option<u32>,
    /// Language tag of the source.
    language: Option<String>,
    /// Name of the track.
    label: Option<String>,
    /// Whether it is there as a whole.
    made: bool,
}

/// The last try to make a film better that can be played.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefinementView {
    /// Where it is in its life.
    #[schema(value_type = String, example = "done")]
    state: JobState,
    /// Why it waits or failed, for people.
    error: Option<String>,
    /// Whether it failed and `POST /api/videos/{id}/retry` tries it again.
    retriable: bool,
}

impl From<Refinement> for RefinementView {
    fn from(Refinement { state, error, retriable }: Refinement) -> Self {
        Self { state, error, retriable }
    }
}

/// Every form of a plan: pictures, sounds, subtitles. `made`: the tracks that are whole.
pub(super) fn planned(plan: &Plan, made: &[TrackName]) -> Vec<PlannedView> {
    let forms = |kind, views: Vec<PlannedView>| {
        let is_made = move |number| made.iter().any(|name| (name.kind, name.number) == (kind, number));
        (0..).zip(views).map(move |(number, view)| PlannedView { made: is_made(number), ..view })
    };
    let pictures = forms(RenditionKind::Video, plan.video.iter().map(picture).collect());
    let sounds = forms(RenditionKind::Audio, plan.audio.iter().map(sound).collect());
    let texts = forms(RenditionKind::Subtitles, plan.subtitles.iter().map(subtitles).collect());
    pictures.chain(sounds).chain(texts).collect()
}

fn picture(form: &VideoPlan) -> PlannedView {
    let method = if form.action == VideoAction::Copy { Method::Copied } else { Method::Encoded };
    PlannedView {
        kind: RenditionKind::Video,
        method,
        why: form.why.clone(),
        turn: form.turn,
        width: Some(form.size.0),
        height: Some(form.size.1),
        channels: None,
        language: None,
        label: None,
        made: false,
    }
}

fn sound(form: &AudioPlan) -> PlannedView {
    let (method, channels) = match form.action {
        AudioAction::Copy | AudioAction::Mp3 { .. } => (Method::Copied, None),
        AudioAction::Aac { channels, .. } => (Method::Encoded, Some(channels)),
    };
    PlannedView {
        kind: RenditionKind::Audio,
        method,
        why: form.why.clone(),
        turn: form.turn,
        width: None,
        height: None,
        channels,
        language: form.language.clone(),
        label: form.label.clone(),
        made: false,
    }
}

fn subtitles(form: &SubtitlePlan) -> PlannedView {
    PlannedView {
        kind: RenditionKind::Subtitles,
        method: Method::Encoded,
        why: form.why.clone(),
        turn: Turn::Later,
        width: None,
        height: None,
        channels: None,
        language: form.language.clone(),
        label: form.label.clone(),
        made: false,
    }
}
