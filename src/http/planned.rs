//! What a film is to become, as the API shows it: decided before anything of it is made.

use crate::media::plan::{AudioAction, AudioPlan, Plan, SubtitlePlan, Turn, VideoAction, VideoPlan};
use crate::media::rendition::{Method, RenditionKind};
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
    /// `first`: the film can be played with it; `later`: it is made when the film can be played.
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
}

/// Every form of a plan: pictures, sounds, subtitles.
pub(super) fn planned(plan: &Plan) -> Vec<PlannedView> {
    let pictures = plan.video.iter().map(picture);
    pictures.chain(plan.audio.iter().map(sound)).chain(plan.subtitles.iter().map(subtitles)).collect()
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
    }
}
