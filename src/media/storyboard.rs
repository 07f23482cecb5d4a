//! A storyboard: small pictures of a film at even distances, for players to show while a viewer
//! scrubs. They lie as *tiles* on JPEG *sheets* of ten by ten, and a WebVTT file says which tile
//! belongs to which time, as players know it.
//!
//! Everything follows from four numbers, so nothing else needs to be stored. What a sheet shows is
//! decided here; `ffmpeg` only draws it.

use super::subtitles::clock;
use serde::{Deserialize, Serialize};

/// Tiles in a row of a sheet, and rows of a sheet.
pub const SIDE: u32 = 10;

/// Tiles on a full sheet.
const FULL: u32 = SIDE * SIDE;

/// Pixels of a tile's longer edge.
const EDGE: u32 = 160;

/// Tiles of the longest films. With them a sheet each 100 tiles stays below 40 sheets.
const MAX_TILES: u64 = 3600;

/// Seconds between tiles for films up to this many seconds long.
const INTERVALS: [(u64, u64); 3] = [(60, 1), (5 * 60, 2), (30 * 60, 5)];

/// Seconds between tiles of longer films.
const LONGEST_INTERVAL: u64 = 10;

/// A film's storyboard. Tile `n` shows the film at `n × interval_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storyboard {
    /// Milliseconds of film from tile to tile, at least 1000.
    pub interval_ms: u64,
    /// Width of a tile in pixels, even.
    pub tile_width: u32,
    /// Height of a tile in pixels, even.
    pub tile_height: u32,
    /// How many tiles there are, 1 to 3600.
    pub tiles: u32,
}

impl Storyboard {
    /// For a film of this length and of this size as seen (`VideoStream::display_size`): a tile
    /// every second for a minute, every 2 s up to five minutes, every 5 s up to half an hour, every
    /// 10 s up to ten hours, and 3600 tiles beyond. A tile is 160 pixels wide for a wide picture,
    /// 160 high for a tall one. A film without a length has one tile.
    pub fn of(duration_s: f64, (width, height): (u32, u32)) -> Self {
        // Casts saturate, and what is not a number becomes 0.
        let length_ms = (duration_s * 1000.0).round() as u64;
        let usual =
            INTERVALS.iter().find(|(up_to, _)| length_ms <= up_to * 1000).map_or(LONGEST_INTERVAL, |(_, every)| *every);
        let interval_ms = (usual * 1000).max(length_ms.div_ceil(MAX_TILES * 1000).saturating_mul(1000));
        let tiles = length_ms.div_ceil(interval_ms).clamp(1, MAX_TILES);
        let (tile_width, tile_height) = fit(width.max(1), height.max(1));
        Self { interval_ms, tile_width, tile_height, tiles: tiles as u32 }
    }

    /// How many sheets there are, at least 1.
    pub fn sheets(&self) -> u32 {
        self.tiles.div_ceil(FULL)
    }

    /// Rows and columns of a sheet: only the last one is shorter, and it is narrower only when it is
    /// the first and has a single row. `(0, 0)` for a sheet that there is not.
    pub fn grid(&self, sheet: u32) -> (u32, u32) {
        let before = sheet.saturating_mul(FULL);
        let tiles = self.tiles.saturating_sub(before).min(FULL);
        (tiles.div_ceil(SIDE), self.tiles.min(SIDE).min(tiles.saturating_mul(SIDE)))
    }

    /// The film's pictures for players: a cue for each tile with the name of its sheet, relative to
    /// this file (`0.jpg`, `1.jpg`, …), and its place there as a media fragment (W3C Media Fragments
    /// 4.2.2). Times are the film's own, without the HLS timeline's offset, since players read this
    /// file themselves. The last cue may end up to an interval after the film.
    pub fn thumbnails(&self) -> String {
        let mut file = String::from("WEBVTT\n\n");
        for tile in 0..self.tiles {
            let start = u64::from(tile).saturating_mul(self.interval_ms);
            let (sheet, place) = (tile / FULL, tile % FULL);
            let (x, y) = (place % SIDE * self.tile_width, place / SIDE * self.tile_height);
            file.push_str(&format!(
                "{} --> {}\n{sheet}.jpg#xywh={x},{y},{},{}\n\n",
                clock::write(start),
                clock::write(start.saturating_add(self.interval_ms)),
                self.tile_width,
                self.tile_height
            ));
        }
        file
    }
}

/// The largest even size of this shape whose longer edge is `EDGE`.
fn fit(width: u32, height: u32) -> (u32, u32) {
    let shorter = |short: u32, long: u32| {
        let exact = f64::from(EDGE) * f64::from(short) / f64::from(long);
        ((exact / 2.0).round() as u32 * 2).max(2)
    };
    if width >= height { (EDGE, shorter(height, width)) } else { (shorter(width, height), EDGE) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::subtitles;

    fn tiles(duration_s: f64) -> (u64, u32, u32) {
        let board = Storyboard::of(duration_s, (1920, 1080));
        (board.interval_ms, board.tiles, board.sheets())
    }

    #[test]
    fn the_interval_grows_with_the_film() {
        assert_eq!(tiles(0.04), (1000, 1, 1));
        assert_eq!(tiles(60.0), (1000, 60, 1));
        assert_eq!(tiles(60.5), (2000, 31, 1));
        assert_eq!(tiles(300.0), (2000, 150, 2));
        assert_eq!(tiles(1800.0), (5000, 360, 4));
        assert_eq!(tiles(7200.0), (10_000, 720, 8));
        assert_eq!(tiles(36_000.0), (10_000, 3600, 36));
        assert_eq!(tiles(36_000.5), (11_000, 3273, 33));
        assert_eq!(tiles(7.0 * 24.0 * 3600.0), (168_000, 3600, 36));
    }

    #[test]
    fn a_length_that_makes_no_sense_gives_one_tile_or_the_most() {
        for none in [0.0, -5.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(tiles(none), (1000, 1, 1));
        }
        let endless = Storyboard::of(f64::INFINITY, (1, 1));
        assert!(endless.tiles <= 3600 && endless.tiles > 0);
    }

    #[test]
    fn tiles_keep_the_shape_of_the_picture() {
        for (size, tile) in [
            ((1920, 1080), (160, 90)),
            ((1080, 1920), (90, 160)),
            ((720, 576), (160, 128)),
            ((500, 500), (160, 160)),
            ((1920, 804), (160, 68)),
            ((32_768, 2), (160, 2)),
            ((0, 0), (160, 160)),
        ] {
            let board = Storyboard::of(10.0, size);
            assert_eq!((board.tile_width, board.tile_height), tile, "{size:?}");
        }
    }

    #[test]
    fn only_the_last_sheet_is_shorter() {
        let board = Storyboard { interval_ms: 2000, tile_width: 160, tile_height: 90, tiles: 212 };
        assert_eq!((0..4).map(|sheet| board.grid(sheet)).collect::<Vec<_>>(), [(10, 10), (10, 10), (2, 10), (0, 0)]);
        assert_eq!(Storyboard { tiles: 3, ..board }.grid(0), (1, 3));
        assert_eq!(Storyboard { tiles: 11, ..board }.grid(0), (2, 10));
        assert_eq!(Storyboard { tiles: 101, ..board }.grid(1), (1, 10));
    }

    #[test]
    fn every_time_of_the_film_has_its_tile() {
        let board = Storyboard { interval_ms: 5000, tile_width: 160, tile_height: 90, tiles: 112 };
        let file = board.thumbnails();
        assert!(file.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:05.000\n0.jpg#xywh=0,0,160,90\n\n"));
        assert!(file.contains("\n00:04:15.000 --> 00:04:20.000\n0.jpg#xywh=160,450,160,90\n\n"));
        assert!(file.ends_with("\n00:09:15.000 --> 00:09:20.000\n1.jpg#xywh=160,90,160,90\n\n"));
        let cues = subtitles::parse(file.as_bytes()).unwrap();
        assert_eq!(cues.cues().len(), 112);
        assert!(cues.cues().windows(2).all(|pair| pair[0].end_ms == pair[1].start_ms));
    }
}
