//! A film as one file: the source as it was, where that was kept, else an MP4 of the best form of the picture and of
//! every sound.
//!
//! Neither lies anywhere as a whole. A download is a list of segments, each with its place in the file, and what
//! stands before them; its length and every byte of it follow from the catalog and the segments, so that any part
//! of it can be given without the parts before.

use super::reading::Reading;
use super::{Delivery, DeliveryError, DeliveryStream, Stored, playlists};
use crate::catalog::{Rendition, WholeTrack};
use crate::cmaf::{CmafError, Joining, Place, Restamp, Stretch, merged_header, segment_index};
use crate::media::extent::Hash;
use crate::media::file_form::{FileForm, M4A, MP4};
use crate::media::id::VideoId;
use crate::media::playlist::fullest;
use crate::media::range::ByteRange;
use crate::media::rendition::{AudioRendition, RenditionKind, Resolution, TrackName};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

/// Segments that are asked for at the same time: while one is sent, the next one comes.
const AHEAD: usize = 2;

/// A film as one file, found but not read.
#[derive(Debug)]
pub struct Download {
    video: VideoId,
    making: Making,
    /// What stands before the first segment.
    head: Bytes,
    parts: Vec<Part>,
    len: u64,
    tag: String,
}

/// How a file comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// It is the source itself.
    Original {
        /// What kind of file that is.
        form: FileForm,
        /// SHA-256 of all its bytes.
        sha256: [u8; 32],
    },
    /// It is made of what players get.
    Remuxed {
        /// What kind of file that is.
        form: FileForm,
        /// Size of the picture; `None` without one.
        size: Option<Resolution>,
    },
}

/// A segment in a file.
#[derive(Debug)]
struct Part {
    /// Its bytes in the file.
    range: ByteRange,
    track: TrackName,
    number: u32,
    /// `None`: as it is.
    place: Option<Place>,
}

/// A track that goes into a file, and where in it.
struct Chosen {
    name: TrackName,
    rendition: Rendition,
    whole: WholeTrack,
    /// Whether it is the first of its kind.
    is_first: bool,
}

impl Delivery {
    /// A film as one file; `None` while no form of it is complete.
    ///
    /// # Errors
    /// `Catalog`, `UnknownTrackName`.
    pub async fn download(&self, video: VideoId) -> Result<Option<Arc<Download>>, DeliveryError> {
        let version = self.catalog.version();
        if let Some(known) = self.memory.downloads.get(&video, version) {
            return Ok(Some(known));
        }
        let found = match self.original(video).await? {
            Some(original) => Some(original),
            None => self.remuxed(video).await?,
        };
        let Some(found) = found.map(Arc::new) else { return Ok(None) };
        self.memory.downloads.keep(video, version, &found);
        Ok(Some(found))
    }

    async fn original(&self, video: VideoId) -> Result<Option<Download>, DeliveryError> {
        let Some(kept) = self.catalog.kept_original(video).await? else { return Ok(None) };
        let track: TrackName = kept.track.parse().map_err(|_| DeliveryError::UnknownTrackName(kept.track.clone()))?;
        let form = FileForm::of_ending(&String::from_utf8_lossy(&kept.init));
        let parts = (0..).zip(kept.runs).map(|(number, bytes)| (track, number, bytes, None));
        Ok(Download::of(video, Making::Original { form, sha256: kept.sha256 }, Bytes::new(), parts))
    }

    async fn remuxed(&self, video: VideoId) -> Result<Option<Download>, DeliveryError> {
        let Some(tracks) = self.catalog.tracks(video).await?.filter(|tracks| tracks.finished) else { return Ok(None) };
        let mut chosen = Vec::new();
        for (name, rendition) in best(&tracks.renditions)? {
            let Some(whole) = self.catalog.whole_track(video, name.to_string()).await? else { return Ok(None) };
            let is_first = chosen.iter().all(|other: &Chosen| other.name.kind != name.kind);
            chosen.push(Chosen { name, rendition, whole, is_first });
        }
        let Some(first) = chosen.first() else { return Ok(None) };
        let form = if first.name.kind == RenditionKind::Video { MP4 } else { M4A };
        let size = first.rendition.size.map(|(width, height)| Resolution { width, height });
        match joined(&chosen) {
            Ok((head, parts)) => {
                Ok(Download::of(video, Making::Remuxed { form, size }, Bytes::from(head), parts.into_iter()))
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a film's tracks do not make one file");
                Ok(None)
            }
        }
    }

    /// The bytes `range` of a file found before. The first slice is there when this returns.
    ///
    /// # Errors
    /// `Cache`, `Gone`, `Catalog`, `Segment`; the same may end the stream.
    pub async fn open_download(
        &self,
        download: &Arc<Download>,
        range: ByteRange,
    ) -> Result<DeliveryStream, DeliveryError> {
        let head_len = download.head.len();
        let upto = |end: u64| usize::try_from(end).unwrap_or(usize::MAX).min(head_len);
        let head = download.head.slice(upto(range.start())..upto(range.end()));
        let head = stream::iter((!head.is_empty()).then_some(Ok(head.into())));
        let first = download.parts.partition_point(|part| part.range.end() <= range.start());
        let end = download.parts.partition_point(|part| part.range.start() < range.end());
        let (delivery, download) = (self.clone(), Arc::clone(download));
        let mut slices: DeliveryStream = Box::pin(
            stream::iter(first..end)
                .map(move |at| part_of(delivery.clone(), Arc::clone(&download), at, range, at > first))
                .buffered(AHEAD)
                .try_flatten(),
        );
        let first = slices.try_next().await?;
        Ok(Box::pin(head.chain(stream::iter(first.map(Ok))).chain(slices)))
    }
}

/// What of one part lies within a range of the file.
async fn part_of(
    delivery: Delivery,
    download: Arc<Download>,
    at: usize,
    range: ByteRange,
    is_under_way: bool,
) -> Result<DeliveryStream, DeliveryError> {
    let open = async |stored: &Stored, wanted| {
        let reading = Reading::begin(delivery.clone(), stored, wanted);
        if is_under_way { reading.under_way() } else { reading }.open().await
    };
    let part = &download.parts[at];
    let stored = delivery.segment(download.video, part.track, part.number).await?.ok_or(DeliveryError::Gone)?;
    let begin = part.range.start();
    let (from, to) = (range.start().max(begin) - begin, range.end().min(part.range.end()) - begin);
    let Some(place) = part.place else {
        let wanted = ByteRange::within(stored.len(), from, to).ok_or(DeliveryError::Gone)?;
        return open(&stored, wanted).await;
    };
    // Where its fragments begin is known only from the segment itself, so that it is read from its beginning.
    let until = to.saturating_add(Restamp::FRONT as u64).min(part.range.len());
    let wanted = ByteRange::within(stored.len(), 0, until).ok_or(DeliveryError::Gone)?;
    let (mut restamp, mut given) = (Restamp::new(place, at), 0);
    let slices = open(&stored, wanted).await?.map(move |slice| {
        let mut out = Vec::new();
        restamp.push(slice?.to_bytes().map_err(DeliveryError::AtHand)?, &mut out)?;
        out.retain_mut(|slice| {
            let begin = given;
            given += slice.len() as u64;
            let within = |end: u64| (end.clamp(begin, given) - begin) as usize;
            *slice = slice.slice(within(from)..within(to));
            !slice.is_empty()
        });
        Ok::<_, DeliveryError>(stream::iter(out.into_iter().map(|slice| Ok(slice.into()))))
    });
    Ok(Box::pin(slices.try_flatten()))
}

/// The best form of the picture, and of every sound the fullest, the main one first.
fn best(renditions: &[Rendition]) -> Result<Vec<(TrackName, Rendition)>, DeliveryError> {
    let finished: Vec<(TrackName, &Rendition)> =
        playlists::last_generations(renditions)?.into_iter().filter(|(_, rendition)| rendition.finished).collect();
    let pixels =
        |rendition: &Rendition| rendition.size.map_or(0, |(width, height)| u64::from(width) * u64::from(height));
    let pictures = finished.iter().filter(|(name, _)| name.kind == RenditionKind::Video);
    let picture = pictures.max_by_key(|(name, rendition)| (pixels(rendition), std::cmp::Reverse(name.number)));
    let sounds = finished.iter().filter(|(name, _)| name.kind == RenditionKind::Audio);
    let sounds: Vec<AudioRendition> = sounds.map(|(name, rendition)| playlists::audio(*name, rendition)).collect();
    let names: Vec<TrackName> = picture.map(|(name, _)| *name).into_iter().chain(fullest(&sounds)).collect();
    let of_name = |name: &TrackName| finished.iter().find(|(known, _)| known == name);
    Ok(names.iter().filter_map(of_name).map(|(name, rendition)| (*name, (*rendition).clone())).collect())
}

type NewPart = (TrackName, u32, u64, Option<Place>);

/// What stands before the segments of these tracks, and the segments in the order in which they are played.
fn joined(chosen: &[Chosen]) -> Result<(Vec<u8>, Vec<NewPart>), CmafError> {
    let joinings: Vec<Joining<'_>> = chosen.iter().map(Chosen::joining).collect();
    let mut parts = Vec::new();
    for (at, track) in chosen.iter().enumerate() {
        let place = joinings[at].place(at);
        let mut start = track.whole.start;
        for (number, (bytes, ticks)) in (0..).zip(&track.whole.segments) {
            let begins_us = u128::from(start) * 1_000_000 / u128::from(track.rendition.timescale.max(1));
            parts.push((begins_us, at, *ticks, (track.name, number, *bytes, Some(place))));
            start += u64::from(*ticks);
        }
    }
    parts.sort_by_key(|(begins_us, at, ..)| (*begins_us, *at));
    let mut stretches: Vec<Vec<Stretch>> = vec![Vec::new(); chosen.len()];
    let mut ahead = vec![0; chosen.len()];
    for (_, at, ticks, (_, _, bytes, _)) in &parts {
        for (track, its) in stretches.iter_mut().enumerate() {
            match its.last_mut() {
                _ if track == *at => its.push(Stretch { bytes: *bytes, duration: u64::from(*ticks) }),
                Some(last) => last.bytes += bytes,
                None => ahead[track] += bytes,
            }
        }
    }
    let mut head = merged_header(&joinings)?;
    let mut index = Vec::new();
    for (number, joining) in joinings.iter().enumerate().rev() {
        let its = segment_index(joining, number, ahead[number] + index.len() as u64, &stretches[number]);
        index = [its, index].concat();
    }
    head.extend(index);
    Ok((head, parts.into_iter().map(|(.., part)| part).collect()))
}

impl Chosen {
    fn joining(&self) -> Joining<'_> {
        Joining {
            init: &self.whole.init,
            timescale: self.rendition.timescale,
            start: self.whole.start,
            delay: self.delay(),
            duration: self.whole.segments.iter().map(|(_, ticks)| u64::from(*ticks)).sum(),
            language: self.rendition.language.as_deref(),
            is_enabled: self.is_first,
        }
    }

    /// Ticks between when its first picture is decoded and when that is shown.
    fn delay(&self) -> u64 {
        let noted = self.whole.first_shown.and_then(|first| u64::try_from(first).ok());
        let noted = noted.and_then(|first| first.checked_sub(self.whole.start));
        noted.unwrap_or(u64::from(self.rendition.reorder_delay))
    }
}

impl Download {
    /// `None` when there is nothing in it.
    fn of(video: VideoId, making: Making, head: Bytes, parts: impl Iterator<Item = NewPart>) -> Option<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head);
        let (mut len, mut placed) = (head.len() as u64, Vec::new());
        for (track, number, bytes, place) in parts {
            // A track of one name never changes its bytes.
            hasher.update(format!("{track} {number} {bytes} {place:?}\n").as_bytes());
            let range = ByteRange::at(len, bytes)?;
            placed.push(Part { range, track, number, place });
            len = range.end();
        }
        let tag = match making {
            Making::Original { sha256, .. } => Hash(sha256),
            Making::Remuxed { .. } => Hash(*hasher.finalize().as_bytes()),
        };
        let download = Self { video, making, head, parts: placed, len, tag: tag.to_string() };
        (!download.parts.is_empty()).then_some(download)
    }

    /// Its length in bytes, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is no empty file")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// A word that is another one for other bytes.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// How it comes to be.
    pub fn making(&self) -> Making {
        self.making
    }
}

impl Making {
    /// What kind of file it is.
    pub fn form(self) -> FileForm {
        match self {
            Self::Original { form, .. } | Self::Remuxed { form, .. } => form,
        }
    }
}
