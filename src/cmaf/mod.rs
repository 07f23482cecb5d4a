//! MP4 fragments as values: ffmpeg's fragmented MP4 comes in, our own CMAF segments go out. Pure
//! bytes to bytes: no I/O, no async, no clock.
//!
//! A [`Demuxer`] is fed what ffmpeg writes to its pipe and yields the tracks and then *fragments*:
//! samples with their real presentation times, the source's edit list already applied. A
//! [`Packager`] takes the samples of one track, gives them decode times that hold without an edit
//! list, joins them into segments by the rule of `media::segment`, and reports exact durations and
//! the byte ranges of key frames. [`SourceTrack`] writes the init segment all of them share.
//!
//! MP3 goes into packets of MPEG-TS instead, as players take it in no fragments (`transport`).
//!
//! An [`Index`] is that of a whole MP4 file: a film need not be read to be planned, nor ffmpeg be run to
//! copy it.
//!
//! A *merged* file is made of the segments of several tracks: `merged_header` and `segment_index` write what stands before
//! them, and a [`Restamp`] gives each its place in that file.
//!
//! Input may be broken or hostile: nothing here panics on it or allocates more than a small
//! multiple of what was fed.

mod boxes;
mod chunk;
mod codec;
mod demux;
mod descriptions;
mod error;
mod fragment;
mod index;
mod init;
mod merge;
mod packager;
mod parameter_sets;
mod restamp;
mod sample_entry;
mod source;
#[cfg(test)]
mod tests;
mod timing;
mod transport;

pub use chunk::Segment;
pub use demux::{Demuxer, Event, Limits};
pub use descriptions::Descriptions;
pub use error::CmafError;
pub use fragment::{Fragment, Sample, TrackRun};
pub use index::{Index, IndexedSample, IndexedTrack};
pub use merge::{Joining, Place, Stretch, merged_header, segment_index};
pub use packager::{Packager, PackagerSettings, Resume, Timing, Wrapping};
pub use parameter_sets::{Opening, ParameterSets};
pub use restamp::Restamp;
pub use source::{SourceInit, SourceTrack, TrackKind};
