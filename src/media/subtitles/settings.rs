//! Cue settings (WebVTT 3.5): where on the picture a cue stands. Only those that are valid survive.

use std::fmt;

/// Valid WebVTT cue settings, each at most once; regions are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings(String);

const NAMES: [&str; 5] = ["vertical", "line", "position", "size", "align"];

impl Settings {
    /// Keeps what is valid of a list like `line:0 align:start`; of a name said twice, the last.
    pub(super) fn parse(text: &str) -> Self {
        let mut values = [""; NAMES.len()];
        for (name, value) in text.split_ascii_whitespace().filter_map(|word| word.split_once(':')) {
            let known = NAMES.iter().zip(&mut values).find(|(known, _)| **known == name);
            if let Some((_, kept)) = known.filter(|_| is_valid(name, value)) {
                *kept = value;
            }
        }
        let said = NAMES.iter().zip(values).filter(|(_, value)| !value.is_empty());
        Self(said.map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(" "))
    }

    /// At the upper edge of the picture.
    pub(super) fn top() -> Self {
        Self("line:0".to_owned())
    }

    /// The list as WebVTT writes it; empty for the player's usual place.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_valid(name: &str, value: &str) -> bool {
    let (place, edge) = value.split_once(',').map_or((value, None), |(place, edge)| (place, Some(edge)));
    let edge_is_one_of = |edges: &[&str]| edge.is_none_or(|edge| edges.contains(&edge));
    match name {
        "vertical" => ["rl", "lr"].contains(&value),
        "line" => (is_percentage(place) || is_line_number(place)) && edge_is_one_of(&["start", "center", "end"]),
        "position" => is_percentage(place) && edge_is_one_of(&["line-left", "center", "line-right"]),
        "size" => is_percentage(value),
        "align" => ["start", "center", "end", "left", "right"].contains(&value),
        _ => false,
    }
}

fn is_line_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// From `0%` to `100%`.
fn is_percentage(text: &str) -> bool {
    let Some(number) = text.strip_suffix('%').filter(|number| number.len() <= 16) else { return false };
    let starts_and_ends_with_digits = number.starts_with(|letter: char| letter.is_ascii_digit())
        && number.ends_with(|letter: char| letter.is_ascii_digit());
    let has_nothing_else = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    starts_and_ends_with_digits
        && has_nothing_else
        && number.parse::<f64>().is_ok_and(|percent| (0.0..=100.0).contains(&percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_settings_are_kept_and_others_dropped() {
        for (said, kept) in [
            ("", ""),
            ("align:start line:0", "line:0 align:start"),
            (
                "line:-1,end position:10%,line-left size:33.3% vertical:rl",
                "vertical:rl line:-1,end position:10%,line-left size:33.3%",
            ),
            ("line:5 line:6", "line:6"),
            ("region:fred X1:40 X2:600 align:middle", ""),
            ("line:1e2% size:101% position:.5% size:5.% line:-1% position:50", ""),
            ("line:<b> align:start-->", ""),
        ] {
            assert_eq!(Settings::parse(said).as_str(), kept, "{said}");
        }
    }
}
