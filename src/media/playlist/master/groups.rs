//! Groups of sounds and subtitles, and their lines.

use super::{quotable, yes_no};
use crate::media::language;
use crate::media::rendition::{AudioRendition, MP3, Rates, TextRendition, TrackName};
use std::collections::HashSet;
use std::fmt::Write as _;

/// The group of all subtitles.
pub(super) const SUBTITLES: &str = "subtitles";

/// Sound renditions among which a player may switch: each track of the film once.
pub(super) struct Group<'a> {
    pub(super) id: &'static str,
    members: Vec<&'a AudioRendition>,
    main: usize,
}

/// What a form of a sound is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One channel, as the film has it.
    Mono,
    /// Two ears.
    Ears,
    /// A room with more than two loudspeakers.
    Room,
    /// Players that take MP3 as it is.
    Mp3,
}

/// The group of sounds that have one channel in the film.
const MONO: &str = "audio3";

/// For two ears; where a track has more channels for a room, too; where one is there as MP3 with that; and before all
/// of them, where one has a single channel and is also there for two ears, as the film has it. Groups must have the
/// same members (RFC 8216bis, 4.4.6.2.1), so that what lacks a group's form is in it with another. Those for two ears
/// have no MP3: they are what players take that know nothing else.
pub(super) fn of(sounds: &[AudioRendition]) -> Vec<Group<'_>> {
    let tracks = tracks(sounds);
    let is_there = |forms: &[&AudioRendition], wanted| forms.iter().any(|form| Form::of(form) == wanted);
    let has = |wanted| tracks.iter().any(|forms| forms.len() > 1 && is_there(forms, wanted));
    let all: [(&str, &[Form], bool); 4] = [
        (MONO, &[Form::Mono, Form::Ears, Form::Room], has(Form::Mono)),
        ("audio0", &[Form::Ears, Form::Mono, Form::Room], true),
        ("audio1", &[Form::Room, Form::Ears, Form::Mono], has(Form::Room)),
        ("audio2", &[Form::Mp3, Form::Ears, Form::Mono, Form::Room], has(Form::Mp3)),
    ];
    let offered = all.into_iter().filter(|(.., is_offered)| *is_offered);
    offered.filter_map(|(id, forms, _)| group(id, &tracks, forms)).collect()
}

/// The group in which each track has the first of these forms that it has.
fn group<'a>(id: &'static str, tracks: &[Vec<&'a AudioRendition>], wanted: &[Form]) -> Option<Group<'a>> {
    let best = |forms: &Vec<&'a AudioRendition>| {
        wanted.iter().find_map(|wanted| forms.iter().copied().find(|form| Form::of(form) == *wanted))
    };
    let members: Vec<&AudioRendition> = tracks.iter().filter_map(best).collect();
    let main = members.iter().position(|member| member.default).unwrap_or(0);
    (!members.is_empty()).then_some(Group { id, members, main })
}

/// Of each of the film's sounds the form with the most channels that it has itself, the one that is played unasked
/// first. None is MP3, which MP4 holds in a form that not every player takes.
pub fn fullest(sounds: &[AudioRendition]) -> Vec<TrackName> {
    let Some(group) = group("", &tracks(sounds), &[Form::Room, Form::Mono, Form::Ears]) else { return Vec::new() };
    let main = group.main().name;
    let others = group.members.iter().map(|member| member.name).filter(|name| *name != main);
    std::iter::once(main).chain(others).collect()
}

/// The forms of each track that has one for every player: at most one of each. They belong together by the stream
/// they were made from; where that was not written down, by what they are called, and in order where several are called
/// alike.
fn tracks(sounds: &[AudioRendition]) -> Vec<Vec<&AudioRendition>> {
    let mut tracks: Vec<Vec<&AudioRendition>> = Vec::new();
    for sound in sounds {
        let is_same = |other: &AudioRendition| match (other.source, sound.source) {
            (Some(one), Some(another)) => one == another,
            _ => (&other.language, &other.label) == (&sound.language, &sound.label),
        };
        let lacks = |forms: &&mut Vec<&AudioRendition>| {
            is_same(forms[0]) && forms.iter().all(|form| Form::of(form) != Form::of(sound))
        };
        match tracks.iter_mut().find(lacks) {
            Some(forms) => forms.push(sound),
            None => tracks.push(vec![sound]),
        }
    }
    tracks.retain(|forms| forms.iter().any(|form| Form::of(form) != Form::Mp3));
    tracks
}

impl Form {
    fn of(sound: &AudioRendition) -> Self {
        match sound.channels {
            _ if sound.codecs == MP3 => Self::Mp3,
            // Of older films nobody knows which belong together; in those, none is there for two ears besides.
            1 if sound.source.is_some() => Self::Mono,
            channels if channels > 2 => Self::Room,
            _ => Self::Ears,
        }
    }
}

impl Group<'_> {
    /// Whether it is offered with the first picture alone. hls.js goes from one size to the next by bits and whatever the
    /// group, and falls silent for a moment where the number of channels is another one.
    pub(super) fn is_for_first(&self) -> bool {
        self.id == MONO
    }

    /// What a variant must reckon with: the member that needs most.
    pub(super) fn rates(&self) -> Rates {
        Rates {
            peak: self.members.iter().map(|audio| audio.rates.peak).max().unwrap_or(0),
            average: self.members.iter().map(|audio| audio.rates.average).max().unwrap_or(0),
        }
    }

    /// The codecs of all members, each once.
    pub(super) fn codecs(&self) -> Vec<&str> {
        let mut codecs: Vec<&str> = Vec::new();
        for member in &self.members {
            if !codecs.contains(&member.codecs.as_str()) {
                codecs.push(&member.codecs);
            }
        }
        codecs
    }

    /// The member that is played unasked.
    pub(super) fn main(&self) -> &AudioRendition {
        self.members[self.main]
    }

    pub(super) fn write_members(&self, out: &mut String, without_pictures: bool, list: &str) {
        let languages: Vec<Option<String>> =
            self.members.iter().map(|member| tag(member.language.as_deref())).collect();
        let mut names = Names::default();
        for (at, audio) in self.members.iter().enumerate() {
            let name = names.next(audio.label.as_deref(), languages[at].as_deref(), "Sound");
            _ = write!(out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{}\",NAME=\"{name}\"", self.id);
            write_language(out, languages[at].as_deref());
            let main = at == self.main;
            // Automatic choice goes by language, so only one track of each takes part in it.
            let automatic = main || languages[at] != languages[self.main] && !languages[..at].contains(&languages[at]);
            _ = write!(out, ",DEFAULT={},AUTOSELECT={}", yes_no(main), yes_no(automatic));
            _ = write!(out, ",CHANNELS=\"{}\"", audio.channels.max(1));
            if !(without_pictures && main) {
                _ = write!(out, ",URI=\"{}/{list}\"", audio.name);
            }
            out.push('\n');
        }
    }
}

/// The lines of all subtitles. None is shown unasked but those of what is spoken in another language. Of those
/// that are alike to a player which chooses by itself, it may choose the first (RFC 8216bis, 4.4.6.1.1).
pub(super) fn write_subtitles(out: &mut String, texts: &[TextRendition], list: &str) {
    let mut names = Names::default();
    let mut offered = HashSet::new();
    for text in texts {
        let language = tag(text.language.as_deref());
        let automatic = offered.insert((language.clone(), text.forced));
        let name = names.next(text.label.as_deref(), language.as_deref(), "Subtitles");
        _ = write!(out, "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{SUBTITLES}\",NAME=\"{name}\"");
        write_language(out, language.as_deref());
        _ = write!(out, ",DEFAULT=NO,AUTOSELECT={},FORCED={}", yes_no(automatic), yes_no(text.forced));
        _ = writeln!(out, ",URI=\"{}/{list}\"", text.name);
    }
}

/// What nobody said is *undetermined* (RFC 5646): every rendition has a language (A 8.10).
fn write_language(out: &mut String, language: Option<&str>) {
    _ = write!(out, ",LANGUAGE=\"{}\"", language.unwrap_or("und"));
}

fn tag(language: Option<&str>) -> Option<String> {
    language.and_then(language::tag)
}

/// Names that are given once each (RFC 8216bis, 4.4.6.1.1).
#[derive(Default)]
struct Names {
    given: Vec<String>,
}

impl Names {
    /// The name of the next member. What has none is counted: the forms of a sound have the same place in every
    /// group, and so the same name, by which players find them again.
    fn next(&mut self, label: Option<&str>, language: Option<&str>, kind: &str) -> String {
        let label = label.and_then(quotable).or_else(|| language.and_then(language::name));
        let name = label.unwrap_or_else(|| format!("{kind} {}", self.given.len() + 1));
        let mut unique = name.clone();
        let mut number = 2;
        while self.given.contains(&unique) {
            unique = format!("{name} ({number})");
            number += 1;
        }
        self.given.push(unique.clone());
        unique
    }
}
