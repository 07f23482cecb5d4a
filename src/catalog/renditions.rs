//! Renditions: the coded forms of a video's tracks, each with its init segment and what playlists
//! must declare of it.

use super::jobs::{JobLease, hold};
use super::sqlite::parsed;
use super::{Catalog, CatalogError};
use crate::media::id::RenditionId;
use crate::media::rendition::{Method, Rates, RenditionKind};
use crate::media::time::Timescale;
use rusqlite::{OptionalExtension, Row, params};

/// A rendition about to begin. All of it is fixed from then on.
#[derive(Clone, Debug)]
pub struct NewRendition {
    /// Position among the video's renditions.
    pub number: u32,
    /// Name in URLs, unique in the video: `v0`, `a0`; of a later generation `v0g1`.
    pub name: String,
    /// How often this track was begun anew before.
    pub generation: u32,
    /// What it carries.
    pub kind: RenditionKind,
    /// Whether it is made when the film can be played already: it is shown once it is whole.
    pub refines: bool,
    /// Whether it was copied or encoded.
    pub method: Method,
    /// Why, in words for people.
    pub why: String,
    /// RFC 6381 codecs string.
    pub codecs: String,
    /// Ticks per second.
    pub timescale: Timescale,
    /// `EXT-X-TARGETDURATION` in seconds, the same for all tracks of a video.
    pub target_duration: u32,
    /// Size as shown, for pictures.
    pub size: Option<(u32, u32)>,
    /// Frames per 1000 seconds, for pictures.
    pub frame_rate_milli: Option<u32>,
    /// `PQ` or `HLG`; `None` for SDR and sound.
    pub video_range: Option<String>,
    /// Channels and samples per second, for sound.
    pub sound: Option<(u32, u32)>,
    /// Language tag.
    pub language: Option<String>,
    /// Name for people.
    pub label: Option<String>,
    /// Whether a player takes it unasked.
    pub is_default: bool,
    /// Of subtitles: whether they hold only what is spoken in another language than the sound's.
    pub forced: bool,
    /// Index of the stream in the film's file that it was made from, where that is known.
    pub source_stream: Option<u32>,
    /// Ticks between decoding and showing that its packager chose.
    pub reorder_delay: u32,
    /// Bits per second to declare until it is measured.
    pub planned_bandwidth: u64,
    /// Its init segment.
    pub init: Vec<u8>,
}

/// A rendition as it stands.
#[derive(Clone, Debug)]
pub struct Rendition {
    /// Its id.
    pub id: RenditionId,
    /// Position among the video's renditions.
    pub number: u32,
    /// Name in URLs.
    pub name: String,
    /// What it carries.
    pub kind: RenditionKind,
    /// Whether it was copied or encoded.
    pub method: Method,
    /// Why, in words for people.
    pub why: String,
    /// Whether its last segment is listed.
    pub finished: bool,
    /// Whether it is made when the film can be played already.
    pub refines: bool,
    /// RFC 6381 codecs string.
    pub codecs: String,
    /// Ticks per second.
    pub timescale: Timescale,
    /// `EXT-X-TARGETDURATION` in seconds.
    pub target_duration: u32,
    /// Size as shown.
    pub size: Option<(u32, u32)>,
    /// Frames per 1000 seconds.
    pub frame_rate_milli: Option<u32>,
    /// `PQ` or `HLG`.
    pub video_range: Option<String>,
    /// Number of sound channels.
    pub channels: Option<u32>,
    /// Language tag.
    pub language: Option<String>,
    /// Name for people.
    pub label: Option<String>,
    /// Whether a player takes it unasked.
    pub is_default: bool,
    /// Of subtitles: whether they hold only what is spoken in another language than the sound's.
    pub forced: bool,
    /// Ticks between decoding and showing.
    pub reorder_delay: u32,
    /// Bits per second: measured peak when finished, else planned.
    pub bandwidth: u64,
    /// Bits per second over the whole, once measured.
    pub average_bandwidth: Option<u64>,
    /// Whether every segment listed so far can be decoded without the one before it.
    pub independent: bool,
    /// Index of the stream in the film's file that it was made from, where that is known.
    pub source_stream: Option<u32>,
    /// Rates of its I-frame playlist, once it is finished and has one.
    pub i_frames: Option<Rates>,
}

/// Rates of a finished rendition, from its bytes, in bits per second.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Largest over about a target duration.
    pub peak: u64,
    /// Over the whole.
    pub average: u64,
    /// Those of its I-frame playlist; `None` when it has none.
    pub i_frames: Option<Rates>,
}

pub(super) const COLUMNS: &str =
    "renditions.id, renditions.number, renditions.name, renditions.kind, renditions.method,
    renditions.why, renditions.state = 'finished', renditions.codecs, renditions.timescale, renditions.target_duration,
    renditions.width, renditions.height, renditions.frame_rate_milli, renditions.video_range, renditions.channels,
    renditions.language, renditions.label, renditions.is_default, renditions.reorder_delay,
    coalesce(renditions.peak_bandwidth, renditions.planned_bandwidth), renditions.average_bandwidth, renditions.independent, renditions.refines,
    renditions.forced, renditions.i_frame_peak_bandwidth, renditions.i_frame_average_bandwidth,
    renditions.source_stream";

impl Catalog {
    /// Begins a rendition of the job's video; one of the same name that exists is answered as it is.
    pub async fn begin_rendition(&self, lease: JobLease, new: NewRendition) -> Result<Rendition, CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let sql = format!("SELECT {COLUMNS} FROM renditions WHERE video = ?1 AND name = ?2");
                if let Some(known) = tx.query_row(&sql, params![video, new.name], record).optional()? {
                    return Ok(known);
                }
                insert(tx, video, &new)?;
                let id = tx.last_insert_rowid();
                tx.execute("INSERT INTO init_segments (rendition, bytes) VALUES (?1, ?2)", params![id, new.init])?;
                Ok(tx.query_row(&sql, params![video, new.name], record)?)
            })
            .await
    }

    /// The renditions of the job's video, in order.
    pub async fn renditions_of(&self, lease: JobLease) -> Result<Vec<Rendition>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let video = hold(tx, lease)?;
                let sql = format!("SELECT {COLUMNS} FROM renditions WHERE video = ?1 ORDER BY number, id");
                let mut statement = tx.prepare_cached(&sql)?;
                let rows = statement.query_map([video], record)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The init segment of a rendition.
    pub async fn init_of(&self, rendition: RenditionId) -> Result<Vec<u8>, CatalogError> {
        self.sqlite
            .read(move |tx| {
                let sql = "SELECT bytes FROM init_segments WHERE rendition = ?1 ORDER BY id DESC LIMIT 1";
                Ok(tx.query_row(sql, [rendition.0], |row| row.get(0))?)
            })
            .await
    }

    /// Says that a rendition's last segment is listed, and what its bytes measured.
    pub async fn finish_rendition(
        &self,
        lease: JobLease,
        rendition: RenditionId,
        measured: Measured,
    ) -> Result<(), CatalogError> {
        self.sqlite
            .write(move |tx| {
                let video = hold(tx, lease)?;
                let i_frames = measured.i_frames.map(|rates| (rates.peak, rates.average)).unzip();
                tx.execute(
                    "UPDATE renditions SET state = 'finished', peak_bandwidth = ?3, average_bandwidth = ?4,
                            i_frame_peak_bandwidth = ?5, i_frame_average_bandwidth = ?6
                      WHERE id = ?1 AND video = ?2",
                    params![rendition.0, video, measured.peak, measured.average, i_frames.0, i_frames.1],
                )?;
                Ok(())
            })
            .await
    }
}

fn insert(tx: &rusqlite::Transaction<'_>, video: i64, new: &NewRendition) -> Result<(), CatalogError> {
    tx.execute(
        "INSERT INTO renditions (video, number, name, generation, kind, method, why, state, codecs, timescale,
                target_duration, width, height, frame_rate_milli, video_range, channels, sample_rate, language, label,
                is_default, reorder_delay, planned_bandwidth, refines, forced, source_stream)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'growing', ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
                ?24)",
        params![
            video,
            new.number,
            new.name,
            new.generation,
            new.kind.as_str(),
            new.method.as_str(),
            new.why,
            new.codecs,
            new.timescale,
            new.target_duration,
            new.size.map(|size| size.0),
            new.size.map(|size| size.1),
            new.frame_rate_milli,
            new.video_range,
            new.sound.map(|sound| sound.0),
            new.sound.map(|sound| sound.1),
            new.language,
            new.label,
            new.is_default,
            new.reorder_delay,
            new.planned_bandwidth,
            new.refines,
            new.forced,
            new.source_stream,
        ],
    )?;
    Ok(())
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Rendition> {
    let size: (Option<u32>, Option<u32>) = (row.get(10)?, row.get(11)?);
    let i_frames: (Option<u64>, Option<u64>) = (row.get(24)?, row.get(25)?);
    Ok(Rendition {
        id: RenditionId(row.get(0)?),
        number: row.get(1)?,
        name: row.get(2)?,
        kind: parsed(row, 3)?,
        method: parsed(row, 4)?,
        why: row.get(5)?,
        finished: row.get(6)?,
        codecs: row.get(7)?,
        timescale: row.get(8)?,
        target_duration: row.get(9)?,
        size: size.0.zip(size.1),
        frame_rate_milli: row.get(12)?,
        video_range: row.get(13)?,
        channels: row.get(14)?,
        language: row.get(15)?,
        label: row.get(16)?,
        is_default: row.get(17)?,
        reorder_delay: row.get(18)?,
        bandwidth: row.get(19)?,
        average_bandwidth: row.get(20)?,
        independent: row.get(21)?,
        refines: row.get(22)?,
        forced: row.get(23)?,
        source_stream: row.get(26)?,
        i_frames: i_frames.0.zip(i_frames.1).map(|(peak, average)| Rates { peak, average }),
    })
}
