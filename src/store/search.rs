//! What is said of copies whose puts were never answered, after a channel was searched for them.

use super::StoreError;
use crate::media::extent::{Locator, UnheardCopy};
use std::collections::HashSet;
use uuid::Uuid;

/// What the search of one channel came to. It may have ended early: what it found by then is said all the same.
#[derive(Debug)]
pub struct Search {
    /// Copies that have the imprint of one asked for, and that are not named.
    pub strays: Vec<Locator>,
    /// Imprints that more copies may have than are among the strays. No more have any other one that was asked for.
    pub undecided: HashSet<Uuid>,
    /// Imprints of which fewer copies were found than were asked for, where one may come long after its put.
    pub absent: HashSet<Uuid>,
    /// Why it ended early.
    pub broke_off: Option<StoreError>,
}

impl Search {
    /// One that came to its end.
    pub fn complete(strays: Vec<Locator>) -> Self {
        Self { strays, undecided: HashSet::new(), absent: HashSet::new(), broke_off: None }
    }

    /// One that found these, and then could not look for the rest.
    pub fn broken_off(strays: Vec<Locator>, rest: &[UnheardCopy], error: StoreError) -> Self {
        let undecided = rest.iter().map(|copy| copy.imprint).collect();
        Self { strays, undecided, absent: HashSet::new(), broke_off: Some(error) }
    }
}
