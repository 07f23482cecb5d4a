//! Plain values and rules of the field: identities, byte ranges, what a probe found, how segments
//! are cut, packed, placed and listed.
//!
//! Words: a *rendition* is one coded form of one track; it is cut into *segments*; consecutive
//! segments travel together in a *pack*; a pack at rest is a *blob*, kept as one or more *copies*
//! on *channels*. No I/O, no async and no clock in here.

pub mod chapter;
pub mod extent;
pub mod file_form;
pub mod file_name;
pub mod id;
pub mod key_frame;
pub mod ladder;
pub mod language;
pub mod pack;
pub mod placement;
pub mod plan;
pub mod playlist;
pub mod probe;
pub mod range;
pub mod rendition;
pub mod segment;
pub mod span;
pub mod storyboard;
pub mod subtitles;
pub mod time;
pub mod title;
