//! From one address to everything that belongs to it.

use super::exchange::{self, Holds};
use super::fetch::{Ask, FetchError, Fetcher, TEXT_MAX};
use super::init::TrackKind;
use super::list::MediaList;
use super::master::{Master, Variant, is_master};
use super::measured::{Format, Measured};
use super::reading::{Reading, Role, Task};
use super::report::{Fault, Report};
use super::tags::{self, Place};
use super::text::{self, Content, Line, shown};
use super::variant::{self, Cast};
use super::whole;
use reqwest::{Method, Url};
use std::collections::BTreeMap;

/// Media playlists of one master that are read.
const PLAYLISTS_MAX: usize = 500;

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is no address of the web.
    #[error("{0} is no address like https://films.example.org/master.m3u8")]
    Address(String),
    /// Nothing answers there.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What answers has no playlist.
    #[error("the server answers {0} instead of a playlist")]
    Status(u16),
    /// What is there is something else.
    #[error("what is there is no playlist: there is no #EXTM3U in it")]
    NotAPlaylist,
}

/// Checks the playlist at `url` and all that it names. Violations of the rules in `except` are only
/// counted.
///
/// # Errors
/// When there is no playlist to begin with. What goes wrong later is in the report.
pub async fn check(url: &str, except: &[String]) -> Result<Report, CheckError> {
    let parsed = Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https"));
    let parsed = parsed.ok_or_else(|| CheckError::Address(shown(url)))?;
    let mut walk = Walk { fetcher: Fetcher::new()?, report: Report::new(url, except), found: BTreeMap::new() };
    let (place, bytes) = walk.playlist(&parsed).await?;
    if !bytes.windows(7).any(|seven| seven == b"#EXTM3U") {
        return Err(CheckError::NotAPlaylist);
    }
    let (lines, faults) = text::lines(&bytes);
    walk.report.add(url, faults);
    if is_master(&lines) {
        walk.master(url, &place, &lines).await;
    } else {
        let role = role_of(&lines);
        let measured = walk.media(&place, &lines, role, false, None).await;
        let fault = whole::claim_faults(None, &measured);
        walk.report.add(url, fault);
    }
    Ok(walk.report)
}

struct Walk {
    fetcher: Fetcher,
    report: Report,
    /// Renditions that could be read, by their address.
    found: BTreeMap<String, Measured>,
}

/// What a playlist without a master is for.
fn role_of(lines: &[Line]) -> Role {
    let mut role = Role::Play;
    for line in lines {
        match &line.content {
            Content::Tag { name, .. } if name == "EXT-X-I-FRAMES-ONLY" => role = Role::IFrames,
            Content::Uri(uri) => {
                let path = uri.split(['?', '#']).next().unwrap_or_default();
                let is_text = path.ends_with(".vtt") || path.ends_with(".webvtt");
                return if is_text { Role::Text } else { role };
            }
            Content::Tag { .. } => {}
        }
    }
    role
}

impl Walk {
    /// Reads a playlist, and reports how it is delivered. Returns where it came from, too.
    async fn playlist(&mut self, url: &Url) -> Result<(Url, Vec<u8>), CheckError> {
        let (reply, bytes) = self.fetcher.read(&Ask::get(url, TEXT_MAX)).await?;
        self.report.bytes += reply.len;
        if reply.status != 200 {
            return Err(CheckError::Status(reply.status));
        }
        self.report.playlists += 1;
        let mut ask = Ask::get(url, TEXT_MAX);
        ask.headers = vec![("accept-encoding", "gzip, br".to_owned())];
        let (coded, body) = self.fetcher.read(&ask).await?;
        let head = Ask { method: Method::HEAD, ..Ask::get(url, TEXT_MAX) };
        let head = self.fetcher.ask(&head, |_| {}).await?;
        let mut faults: Vec<Fault> = exchange::compression_fault(&bytes, &coded, &body).into_iter().collect();
        faults.extend(exchange::head_faults(&reply, reply.len, &head));
        if !faults.is_empty() && self.fetcher.read(&Ask::get(url, TEXT_MAX)).await?.1 != bytes {
            self.report.leave(url.as_str(), "compression and HEAD: the playlist changed meanwhile");
            faults.clear();
        }
        faults.extend(exchange::type_fault(Holds::Playlist, &reply));
        let is_open = !bytes.windows(14).any(|window| window == b"#EXT-X-ENDLIST");
        faults.extend(exchange::playlist_caching_fault(&reply).filter(|_| is_open));
        self.report.add(url.as_str(), faults);
        Ok((reply.place.unwrap_or_else(|| url.clone()), bytes))
    }

    /// Reads the segments of a media playlist.
    async fn media(
        &mut self,
        url: &Url,
        lines: &[Line],
        role: Role,
        claimed: bool,
        film: Option<(f64, f64)>,
    ) -> Measured {
        let list = MediaList::read(lines);
        self.report.add(url.as_str(), tags::faults(lines, Place::Media));
        self.report.add(url.as_str(), list.faults());
        if role == Role::IFrames && !list.i_frames_only {
            self.report.add(url.as_str(), [Fault::new("A 6.8", "an I-frame playlist without EXT-X-I-FRAMES-ONLY")]);
        }
        self.say_what_is_left(url, lines);
        let task = Task { url, list: &list, role, claimed, film };
        Box::pin(Reading::new(&self.fetcher, &mut self.report, task).finish()).await
    }

    fn say_what_is_left(&mut self, url: &Url, lines: &[Line]) {
        for line in lines {
            let Content::Tag { name, .. } = &line.content else { continue };
            match name.as_str() {
                "EXT-X-DEFINE" => self.report.leave(url.as_str(), "variables of EXT-X-DEFINE, which are not put in"),
                "EXT-X-PART" | "EXT-X-PRELOAD-HINT" => self.report.leave(url.as_str(), "partial segments"),
                "EXT-X-SKIP" => self.report.leave(url.as_str(), "what EXT-X-SKIP leaves out"),
                "EXT-X-DATERANGE" => self.report.leave(url.as_str(), "the attributes of EXT-X-DATERANGE"),
                _ => {}
            }
        }
    }

    async fn master(&mut self, address: &str, url: &Url, lines: &[Line]) {
        let master = Master::read(lines);
        self.report.add(address, tags::faults(lines, Place::Master));
        self.report.add(address, master.faults());
        self.say_what_is_left(url, lines);
        for (uri, role) in named(&master) {
            self.rendition(url, uri, role, &master).await;
        }
        let film = self.film(url, &master).cloned();
        for measured in self.found.values() {
            let beside = film.as_ref().filter(|film| film.address != measured.address);
            let faults = beside.map(|film| whole::faults(film, measured)).unwrap_or_default();
            self.report.add(&measured.address, faults);
            self.report.add(&measured.address, whole::claim_faults(Some(&master), measured));
        }
        self.variants(address, url, &master);
    }

    /// The rendition with which the others are compared.
    fn film(&self, url: &Url, master: &Master) -> Option<&Measured> {
        let variants = || master.variants.iter().filter_map(|variant| self.of(url, variant.uri.as_deref()?));
        let has_pictures = |measured: &&Measured| measured.track(TrackKind::Pictures).is_some();
        variants().find(has_pictures).or_else(|| variants().next())
    }

    fn of(&self, url: &Url, uri: &str) -> Option<&Measured> {
        self.found.get(url.join(uri).ok()?.as_str())
    }

    async fn rendition(&mut self, master_url: &Url, uri: &str, role: Role, master: &Master) {
        const AVAILABLE: &str = "RFC 8216bis 6.2.1";
        let Some(url) = master_url.join(uri).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
            let fault = Fault::new("RFC 8216bis 4.1", format!("{} is no address of the web", shown(uri)));
            return self.report.add(master_url.as_str(), [fault]);
        };
        if self.found.contains_key(url.as_str()) {
            return;
        }
        if self.found.len() >= PLAYLISTS_MAX {
            return self.report.leave(url.as_str(), format!("more than {PLAYLISTS_MAX} playlists of one master"));
        }
        let (place, bytes) = match self.playlist(&url).await {
            Ok(read) => read,
            Err(error) => return self.report.add(url.as_str(), [Fault::new(AVAILABLE, error.to_string())]),
        };
        let (lines, faults) = text::lines(&bytes);
        self.report.add(url.as_str(), faults);
        let film = self.film(master_url, master).filter(|film| film.ended).and_then(|film| film.span);
        let mut measured = self.media(&place, &lines, role, master.independent, film).await;
        measured.address = url.to_string();
        self.found.insert(url.to_string(), measured);
    }

    /// What the master says of each variant, against what was measured.
    fn variants(&mut self, address: &str, url: &Url, master: &Master) {
        let mut faults = Vec::new();
        for variant in master.variants.iter().chain(&master.i_frames) {
            let Some(own) = variant.uri.as_deref().and_then(|uri| self.of(url, uri)) else { continue };
            let sounds = self.sounds(url, master, variant, own);
            faults.extend(Cast { variant, own, sounds }.faults());
        }
        for media in master.media.iter().filter(|media| media.kind == "AUDIO") {
            let measured = media.uri.as_deref().and_then(|uri| self.of(url, uri));
            faults.extend(measured.map(|measured| variant::sound_faults(media, measured)).unwrap_or_default());
        }
        let is_hdr =
            |measured: &Measured| measured.tracks.iter().any(|track| matches!(track.range, Some("PQ" | "HLG")));
        faults.extend(variant::range_faults(master, self.found.values().any(is_hdr)));
        self.report.add(address, faults);
    }

    fn sounds<'a>(&'a self, url: &Url, master: &Master, variant: &Variant, own: &Measured) -> Vec<&'a Measured> {
        let Some(group) = variant.audio.as_deref() else { return Vec::new() };
        let members = master.group("AUDIO", group).filter_map(|media| self.of(url, media.uri.as_deref()?));
        members.filter(|sound| sound.address != own.address && sound.format != Format::Unknown).collect()
    }
}

/// Every playlist that a master names, what is played first.
fn named(master: &Master) -> Vec<(&str, Role)> {
    let variants = master.variants.iter().filter_map(|variant| Some((variant.uri.as_deref()?, Role::Play)));
    let of_kind = |kinds: &'static [&'static str], role| {
        let members = master.media.iter().filter(move |media| kinds.contains(&media.kind.as_str()));
        members.filter_map(move |media| Some((media.uri.as_deref()?, role)))
    };
    let frames = master.i_frames.iter().filter_map(|variant| Some((variant.uri.as_deref()?, Role::IFrames)));
    let media = of_kind(&["AUDIO", "VIDEO"], Role::Play);
    variants.chain(media).chain(frames).chain(of_kind(&["SUBTITLES"], Role::Text)).collect()
}
