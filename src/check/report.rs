//! What a check found.

use serde::Serialize;

/// Violations and unchecked things that are kept; more are only counted, so that a hostile playlist
/// cannot fill the memory.
const KEPT: usize = 1_000;

/// A rule that is broken, by its number in its document, and what was found instead. Where is added
/// when it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) rule: &'static str,
    pub(super) found: String,
}

impl Fault {
    pub(super) fn new(rule: &'static str, found: impl Into<String>) -> Self {
        Self { rule, found: found.into() }
    }
}

/// A rule that is broken somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule, such as `A 8.2` or `RFC 8216bis 4.4.3.1`.
    pub rule: &'static str,
    /// The address of what breaks it.
    pub address: String,
    /// What was found there.
    pub found: String,
}

/// Something that could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// The address of it.
    pub address: String,
    /// What was not checked, and why.
    pub what: String,
}

/// The result of a check.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What was checked.
    pub url: String,
    /// Playlists read.
    pub playlists: u64,
    /// Media segments, I-frames and subtitle files read.
    pub segments: u64,
    /// Bytes of all bodies received.
    pub bytes: u64,
    /// Violations found, exceptions left out.
    pub violation_count: u64,
    /// Violations of rules that the caller had excepted.
    pub excepted_count: u64,
    /// The violations, the first thousand of them.
    pub violations: Vec<Violation>,
    /// What was not checked, so that silence means that it was.
    pub unchecked: Vec<Unchecked>,
    #[serde(skip)]
    except: Vec<String>,
}

impl Report {
    /// An empty report on `url` that does not count violations of the rules in `except`.
    pub fn new(url: &str, except: &[String]) -> Self {
        Self { url: url.to_owned(), except: except.to_vec(), ..Self::default() }
    }

    /// Whether no rule is broken, but for the excepted ones.
    pub fn is_clean(&self) -> bool {
        self.violation_count == 0
    }

    pub(super) fn add(&mut self, address: &str, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            if self.except.iter().any(|rule| rule == fault.rule) {
                self.excepted_count += 1;
                continue;
            }
            self.violation_count += 1;
            if self.violations.len() < KEPT {
                let address = address.to_owned();
                self.violations.push(Violation { rule: fault.rule, address, found: fault.found });
            }
        }
    }

    /// Notes once that something at this address is not checked.
    pub(super) fn leave(&mut self, address: &str, what: impl Into<String>) {
        let left = Unchecked { address: address.to_owned(), what: what.into() };
        if self.unchecked.len() < KEPT && !self.unchecked.contains(&left) {
            self.unchecked.push(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_and_only_so_much_is_kept() {
        let mut report = Report::new("http://a/", &[]);
        report.add("http://a/", (0..1_500).map(|number| Fault::new("A 1.1", number.to_string())));
        assert_eq!((report.violation_count, report.violations.len()), (1_500, KEPT));
        assert!(!report.is_clean());
    }

    #[test]
    fn an_excepted_rule_is_counted_apart() {
        let mut report = Report::new("http://a/", &["A 9.9".to_owned()]);
        report.add("http://a/", [Fault::new("A 9.9", "one")]);
        assert!(report.is_clean() && report.excepted_count == 1);
        report.add("http://a/", [Fault::new("A 9.91", "two")]);
        assert!(!report.is_clean());
    }

    #[test]
    fn what_is_not_checked_is_said_once() {
        let mut report = Report::new("http://a/", &[]);
        report.leave("http://a/", "time stamps");
        report.leave("http://a/", "time stamps");
        assert_eq!(report.unchecked.len(), 1);
    }
}
