//! A video becomes bytes for a player: playlists, init segments, segments and posters, and for people one file.
//!
//! What is here answers "what is it" (length, tag, text) apart from "give me these bytes", so that
//! a face fetches only what a request is for. `None` always means that there is no such thing for
//! any reader: unknown, in the trash, failed, or not begun. There is no web framework in here.

mod ahead;
mod download;
mod growing;
mod playlists;
mod reading;
mod remembered;
#[cfg(test)]
mod tests;

pub use crate::cache::{Slice, Source};
pub use ahead::Viewer;
pub use download::{Download, Making};

use crate::cache::{CacheError, SegmentCache, Standing};
use crate::catalog::{Catalog, CatalogError};
use crate::cmaf::CmafError;
use crate::media::chapter;
use crate::media::extent::{Hash, PlacedPiece};
use crate::media::id::VideoId;
use crate::media::playlist::{Content, Lists};
use crate::media::probe::{Chapter, Probe};
use crate::media::range::ByteRange;
use crate::media::rendition::{MP3, RenditionKind, TrackName};
use crate::media::storyboard::Storyboard;
use crate::shutdown::Shutdown;
use ahead::Trails;
use bytes::Bytes;
use futures::Stream;
use reading::Reading;
use remembered::{Remembered, SharedHashes, Turns};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;

/// Playlists remembered: tens of kilobytes each.
const PLAYLISTS: NonZeroUsize = NonZeroUsize::new(256).expect("it is not zero");

/// Init segments remembered: about a kilobyte each.
const INITS: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not zero");

/// Places of segments and posters remembered: some hundred bytes each, beside the hashes that they share.
const PLACES: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not zero");

/// Downloads remembered: some tens of bytes for each segment.
const DOWNLOADS: NonZeroUsize = NonZeroUsize::new(64).expect("it is not zero");

/// The first segment that is no opening any more.
const OPENING: u32 = 2;

/// Slices of at most 256 KiB, exactly the bytes asked for, or it ends in an error.
pub type DeliveryStream = Pin<Box<dyn Stream<Item = Result<Slice, DeliveryError>> + Send>>;

/// A cheap handle; clones share what is remembered.
#[derive(Clone)]
pub struct Delivery {
    catalog: Catalog,
    cache: SegmentCache,
    memory: Arc<Memory>,
    shutdown: Shutdown,
}

struct Memory {
    playlists: Remembered<PlaylistKey, Arc<Playlist>>,
    turns: Turns,
    inits: Remembered<(VideoId, TrackName), Bytes>,
    places: Remembered<Thing, Arc<Stored>>,
    hashes: SharedHashes,
    downloads: Remembered<VideoId, Arc<Download>>,
    trails: Trails,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PlaylistKey {
    Master(VideoId, Sounds),
    Media(VideoId, TrackName),
    GrowingMaster(VideoId),
    GrowingMedia(VideoId, TrackName),
    Thumbnails(VideoId, TrackName),
    IFrames(VideoId, TrackName),
    Chapters(VideoId, ChapterList),
}

/// Which forms of its sounds a master playlist names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sounds {
    /// Those that every player takes.
    ForAll,
    /// MP3 as it is, too. hls.js would show such a variant of a film without any sound where the browser takes no
    /// MP3 inside MP4, and some players prefer it unasked, so that it is named only to those who ask.
    WithMp3,
}

/// In which form chapters are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChapterList {
    /// `WebVTT`, for a `<track>`.
    Vtt,
    /// Apple's JSON.
    Json,
}

/// What a piece of storage is to a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Thing {
    Segment(VideoId, TrackName, u32),
    Poster(VideoId),
}

impl Thing {
    /// A film is begun far more often than it is watched to its end, and posters are on every page. The file itself is
    /// downloaded once, if at all.
    fn standing(self) -> Standing {
        match self {
            Self::Segment(_, track, ..OPENING) if track.kind != RenditionKind::Original => Standing::Opening,
            Self::Poster(_) => Standing::Opening,
            Self::Segment(..) => Standing::Passing,
        }
    }
}

/// One version of a playlist.
#[derive(Debug, PartialEq, Eq)]
pub struct Playlist {
    /// Its text.
    pub text: String,
    /// BLAKE3 of the text: the same for the same version, another one for every other.
    pub hash: Hash,
}

/// Something at rest, found but not read.
#[derive(Debug)]
pub struct Stored {
    thing: Thing,
    content: Content,
    pieces: Vec<PlacedPiece>,
    len: u64,
}

/// Why a player gets nothing.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The bytes did not come.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A segment is not as our packager writes them.
    #[error("putting a segment into a file")]
    Segment(#[from] CmafError),
    /// What lay in memory could not be read.
    #[error("reading bytes that were at hand")]
    AtHand(#[source] std::io::Error),
    /// It was deleted while it was read.
    #[error("it was deleted while it was read")]
    Gone,
    /// The catalog holds a track whose name no player could ask for.
    #[error("the catalog holds a track named {0:?}, which is no track name")]
    UnknownTrackName(String),
}

impl Delivery {
    /// Over a catalog and the bytes it names; reads ahead, and waits for bots that rest, until the end begins.
    pub fn new(catalog: Catalog, cache: SegmentCache, shutdown: Shutdown) -> Self {
        let memory = Memory {
            playlists: Remembered::new(PLAYLISTS),
            turns: Turns::new(),
            inits: Remembered::new(INITS),
            places: Remembered::new(PLACES),
            hashes: SharedHashes::new(),
            downloads: Remembered::new(DOWNLOADS),
            trails: Trails::new(),
        };
        Self { catalog, cache, memory: Arc::new(memory), shutdown }
    }

    /// A video's master playlist, once every planned track has a segment; with MP3 where there is some.
    ///
    /// # Errors
    /// `Catalog`, `UnknownTrackName`.
    pub async fn master(&self, video: VideoId, sounds: Sounds) -> Result<Option<Arc<Playlist>>, DeliveryError> {
        let making = async {
            let Some(tracks) = self.catalog.tracks(video).await? else { return Ok(None) };
            if sounds == Sounds::WithMp3 && tracks.renditions.iter().all(|rendition| rendition.codecs != MP3) {
                return Ok(None);
            }
            let has_chapters = !self.chapters_of(video).await?.is_empty();
            playlists::master(&tracks.renditions, Lists::Shown, sounds, has_chapters).map(Some)
        };
        self.list(PlaylistKey::Master(video, sounds), making).await
    }

    /// A video's chapters, as long as there are some and it can be played.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn chapters(&self, video: VideoId, list: ChapterList) -> Result<Option<Arc<Playlist>>, DeliveryError> {
        let making = async {
            if self.catalog.tracks(video).await?.is_none() {
                return Ok(None);
            }
            let chapters = self.chapters_of(video).await?;
            Ok((!chapters.is_empty()).then(|| match list {
                ChapterList::Vtt => chapter::vtt(&chapters),
                ChapterList::Json => chapter::json(&chapters),
            }))
        };
        self.list(PlaylistKey::Chapters(video, list), making).await
    }

    async fn chapters_of(&self, video: VideoId) -> Result<Vec<Chapter>, DeliveryError> {
        let Some((probe, _)) = self.catalog.planned_for(video).await? else { return Ok(Vec::new()) };
        let probe: Option<Probe> = serde_json::from_str(&probe).ok();
        Ok(probe.as_ref().map(chapter::of).unwrap_or_default())
    }

    /// A track's media playlist; `EVENT` while the video grows, `VOD` afterwards.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn media_playlist(
        &self,
        video: VideoId,
        track: TrackName,
    ) -> Result<Option<Arc<Playlist>>, DeliveryError> {
        let making = async {
            let playlist = self.catalog.track_playlist(video, track.to_string()).await?;
            Ok(playlist.filter(|playlist| playlist.shown).map(|playlist| playlists::media(&playlist)))
        };
        self.list(PlaylistKey::Media(video, track), making).await
    }

    /// A track's I-frame playlist, for scrubbing and winding; there is one once the track is complete.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn i_frame_playlist(
        &self,
        video: VideoId,
        track: TrackName,
    ) -> Result<Option<Arc<Playlist>>, DeliveryError> {
        let making = async {
            let found = self.catalog.track_key_frames(video, track.to_string()).await?;
            Ok(found.and_then(|(timescale, key_frames)| playlists::i_frames(timescale, key_frames)))
        };
        self.list(PlaylistKey::IFrames(video, track), making).await
    }

    /// Which part of which sheet of a storyboard shows which time (`WebVTT`), with addresses relative to the track.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn thumbnails(&self, video: VideoId, track: TrackName) -> Result<Option<Arc<Playlist>>, DeliveryError> {
        if track.kind != RenditionKind::Images {
            return Ok(None);
        }
        let making = async {
            let Some(init) = self.init(video, track).await? else { return Ok(None) };
            let board: Option<Storyboard> = serde_json::from_slice(&init).ok();
            Ok(board.map(|board| board.thumbnails()))
        };
        self.list(PlaylistKey::Thumbnails(video, track), making).await
    }

    /// A track's init segment; a transport stream has none.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn init(&self, video: VideoId, track: TrackName) -> Result<Option<Bytes>, DeliveryError> {
        let (key, version) = ((video, track), self.catalog.version());
        if let Some(known) = self.memory.inits.get(&key, version) {
            return Ok(Some(known));
        }
        let bytes = self.catalog.track_init(video, track.to_string()).await?.filter(|bytes| !bytes.is_empty());
        let Some(bytes) = bytes else { return Ok(None) };
        let bytes = Bytes::from(bytes);
        self.memory.inits.keep(key, version, &bytes);
        Ok(Some(bytes))
    }

    /// A listed segment; to be read with `open`.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn segment(
        &self,
        video: VideoId,
        track: TrackName,
        number: u32,
    ) -> Result<Option<Arc<Stored>>, DeliveryError> {
        self.find(Thing::Segment(video, track, number)).await
    }

    /// A video's poster, a JPEG; to be read with `open`.
    ///
    /// # Errors
    /// `Catalog`.
    pub async fn poster(&self, video: VideoId) -> Result<Option<Arc<Stored>>, DeliveryError> {
        self.find(Thing::Poster(video)).await
    }

    /// The bytes `range` of something found before. The first slice is there when this returns, so
    /// that a failure can still become an honest answer. What moves from the spool to the store
    /// while it is read is found again there; what cannot be read for some seconds is waited for.
    ///
    /// # Errors
    /// `Cache`, `Gone`, `Catalog`; the same may end the stream.
    pub async fn open(&self, stored: &Stored, range: ByteRange) -> Result<DeliveryStream, DeliveryError> {
        Reading::begin(self.clone(), stored, range).open().await
    }

    async fn find(&self, thing: Thing) -> Result<Option<Arc<Stored>>, DeliveryError> {
        let version = self.catalog.version();
        if let Some(known) = self.memory.places.get(&thing, version) {
            return Ok(Some(known));
        }
        let found = match thing {
            Thing::Segment(video, track, number) => {
                let pieces = self.catalog.segment_pieces(video, track.to_string(), number).await?;
                (self.content(video, track).await?, pieces)
            }
            Thing::Poster(video) => (Some(Content::Image), self.catalog.poster_pieces(video).await?),
        };
        let (Some(content), Some(mut pieces)) = found else { return Ok(None) };
        self.memory.hashes.share(&mut pieces);
        let len = pieces.iter().map(|placed| placed.piece.range.len()).sum();
        let stored = Arc::new(Stored { thing, content, pieces, len });
        self.memory.places.keep(thing, version, &stored);
        Ok(Some(stored))
    }

    /// What a track's segments hold; only sounds may be of one kind or another.
    async fn content(&self, video: VideoId, track: TrackName) -> Result<Option<Content>, DeliveryError> {
        if track.kind != RenditionKind::Audio {
            return Ok(Some(Content::of(track.kind, "")));
        }
        let codecs = self.catalog.track_codecs(video, track.to_string()).await?;
        Ok(codecs.map(|codecs| Content::of(track.kind, &codecs)))
    }

    /// The list, remembered or made: by one for everybody who asks meanwhile.
    async fn list(
        &self,
        key: PlaylistKey,
        making: impl Future<Output = Result<Option<String>, DeliveryError>>,
    ) -> Result<Option<Arc<Playlist>>, DeliveryError> {
        let playlists = &self.memory.playlists;
        if let Some(known) = playlists.get(&key, self.catalog.version()) {
            return Ok(Some(known));
        }
        let _turn = self.memory.turns.take(&key).await;
        let version = self.catalog.version();
        if let Some(known) = playlists.get(&key, version) {
            return Ok(Some(known));
        }
        let Some(text) = making.await? else { return Ok(None) };
        let hash = Hash(*blake3::hash(text.as_bytes()).as_bytes());
        let playlist = Arc::new(Playlist { text, hash });
        playlists.keep(key, version, &playlist);
        Ok(Some(playlist))
    }
}

impl Stored {
    /// Its length in bytes, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "pieces are never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// What it holds.
    pub fn content(&self) -> Content {
        self.content
    }

    /// A word that is another one for other bytes at the same address. A thing's place in its blob
    /// never changes, wherever the blob itself lies.
    pub fn tag(&self) -> String {
        let first = self.pieces.first().map(|placed| placed.piece);
        let (blob, start) = first.map_or((0, 0), |piece| (piece.blob.0, piece.range.start()));
        format!("{blob:x}-{start:x}-{:x}", self.len)
    }
}
