//! What a transport stream holds of its pictures (ISO/IEC 13818-1). It has no list of them: its packets are walked from
//! the first to the last, and nothing in them is looked at but what a plan needs, so that a film is known about as soon
//! as it can be read. Of its sounds in AAC it is seen whether they change in the middle.
//!
//! A *packet* is 188 bytes of one *stream*; pictures, sounds and the tables that name them each have a stream. A picture
//! begins with a header of its own, that of PES, in the first of its packets.
//!
//! Only plain films are understood: one programme with one moving picture, nothing lost, nothing scrambled, a picture to
//! a header, one clock from beginning to end. Anything else is `None`, and somebody who reads the film has to say what is
//! in it.

mod begin;
mod film;
mod packet;
mod picture;
mod sound;
mod table;
#[cfg(test)]
mod tests;
mod walk;

pub use begin::picture_at;
pub use film::{Film, do_sounds_change};

use std::io;

/// Why a walk ends early.
#[derive(Debug)]
enum Stop {
    /// The film is not as plain as it has to be.
    Odd,
    Unreadable(io::Error),
}

/// What a walk found; `None` when it met something odd.
fn plain<T>(walked: Result<T, Stop>) -> io::Result<Option<T>> {
    match walked {
        Ok(found) => Ok(Some(found)),
        Err(Stop::Odd) => Ok(None),
        Err(Stop::Unreadable(error)) => Err(error),
    }
}
