//! A film, walked from packet to packet.

use super::packet::{self, Packet};
use super::picture::{Codec, Pictures};
use super::sound::Sounds;
use super::table::Tables;
use super::walk::Walk;
use super::{Stop, plain};
use crate::media::probe;
use std::fs::File;
use std::io;

/// Readers look for the tables so far.
const HEAD: u64 = 5_000_000;

/// A file that was opened: its streams are known.
pub struct Film {
    walk: Walk,
    tables: Tables,
    picture: u16,
    codec: Codec,
    sounds: Sounds,
}

impl Film {
    /// Reads on to the tables. `None` when it is no plain transport stream with one picture in H.264 or HEVC.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(file: File) -> io::Result<Option<Self>> {
        let end = file.metadata()?.len();
        Self::open_growing(file, move |_| Ok(end))
    }

    /// The same of a file that may still grow. `until` is asked for a number of bytes; it waits until the file has as
    /// many, or nothing comes any more, and answers how many it has.
    ///
    /// # Errors
    /// When the file cannot be read, and those of `until`.
    pub fn open_growing(
        file: File,
        until: impl FnMut(u64) -> io::Result<u64> + Send + 'static,
    ) -> io::Result<Option<Self>> {
        plain(Self::head(Walk::begin(file, Box::new(until))))
    }

    fn head(walk: Result<Walk, Stop>) -> Result<Self, Stop> {
        let (mut walk, mut tables) = (walk?, Tables::default());
        while walk.at < HEAD && walk.go_on()? {
            for bytes in walk.packets() {
                if tables.are_in(packet::stream(bytes)) {
                    tables.take(&Packet::of(bytes).ok_or(Stop::Odd)?)?;
                }
            }
            if let Some(streams) = tables.streams()? {
                let known = streams.iter().filter_map(|(kind, stream)| Codec::of(*kind).map(|codec| (codec, *stream)));
                let [(codec, picture)] = known.collect::<Vec<_>>()[..] else { return Err(Stop::Odd) };
                return Ok(Self { walk, tables, picture, codec, sounds: Sounds::among(&streams) });
            }
        }
        Err(Stop::Odd)
    }

    /// The codec of its picture, as readers call it.
    pub fn codec(&self) -> &'static str {
        self.codec.name
    }

    /// Whether a sound in AAC got other channels or another rate, as far as the film was walked.
    pub fn do_sounds_change(&self) -> bool {
        self.sounds.change
    }

    /// Calls `each` with every picture in the order of the film, and its bytes, as long as it returns something.
    /// Times are in ticks of 1/90000 s from that turn of the clock in which `begin` is near the first one. A picture is
    /// shown for `duration` ticks, of at least one, unless another one comes. Whether it is a key frame is to be seen in
    /// its bytes and not said. `None` when the film turns out not to be plain, or `each` returned `None`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pictures(
        &mut self,
        begin: i64,
        duration: u64,
        each: impl FnMut(probe::Packet, &[u8]) -> Option<()>,
    ) -> io::Result<Option<()>> {
        plain(self.walk(begin, duration, each))
    }

    fn walk(
        &mut self,
        begin: i64,
        duration: u64,
        each: impl FnMut(probe::Packet, &[u8]) -> Option<()>,
    ) -> Result<(), Stop> {
        let mut pictures = Pictures::new(self.codec, begin, duration, each)?;
        self.walk.at = 0;
        while self.walk.go_on()? {
            for bytes in self.walk.packets() {
                let stream = packet::stream(bytes);
                if stream == self.picture {
                    pictures.take(&Packet::of(bytes).ok_or(Stop::Odd)?)?;
                } else if self.tables.are_in(stream) {
                    self.tables.take(&Packet::of(bytes).ok_or(Stop::Odd)?)?;
                } else if self.sounds.are_in(stream) {
                    // A damaged one is no sound's set-up, and nothing to pictures.
                    Packet::of(bytes).iter().for_each(|packet| self.sounds.take(packet));
                } else if !packet::is_begun(bytes) {
                    return Err(Stop::Odd);
                }
            }
        }
        pictures.finish()
    }
}

/// Whether a sound in AAC of a transport stream, plain or not, gets other channels or another rate in its middle, as far
/// as can be seen; no, as soon as it shall not go on, which is asked now and then.
///
/// # Errors
/// When the file cannot be read.
pub fn do_sounds_change(file: File, goes_on: impl Fn() -> bool) -> io::Result<bool> {
    let end = file.metadata()?.len();
    let look = || -> Result<bool, Stop> {
        let (mut walk, mut tables) = (Walk::begin(file, Box::new(move |_| Ok(end)))?, Tables::default());
        let mut sounds: Option<Sounds> = None;
        let is_open = |sounds: &Option<Sounds>| sounds.as_ref().is_none_or(Sounds::may_change);
        while is_open(&sounds) && goes_on() && walk.go_on()? {
            for packet in walk.packets().filter_map(Packet::of) {
                match &mut sounds {
                    None if tables.are_in(packet.stream) => {
                        tables.take(&packet)?;
                        sounds = tables.streams()?.map(|streams| Sounds::among(&streams));
                    }
                    Some(sounds) if sounds.are_in(packet.stream) => sounds.take(&packet),
                    _ => {}
                }
            }
        }
        Ok(sounds.is_some_and(|sounds| sounds.change))
    };
    Ok(plain(look())?.unwrap_or(false))
}
