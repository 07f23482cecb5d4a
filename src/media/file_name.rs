//! Names of files that people get: from a title, which may hold anything, to what every system can keep.

/// Longest stem in bytes: with a suffix and an ending it stays below the 255 bytes that systems take.
const MAX_STEM: usize = 200;

/// Names that some systems give to devices, whatever ending follows.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The name of a file for a film of this title: `<title><suffix>.<ending>`, without what file systems do not take.
pub fn file_name(title: &str, suffix: &str, ending: &str) -> String {
    let plain = |letter: char| match letter {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '-',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    let plain: String = title.chars().map(plain).collect();
    let joined = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    // A name that begins with a dot is hidden, one that begins with a dash an option.
    let stem = shorten(joined.trim_start_matches(['.', '-', ' '])).trim_end_matches(['.', ' ']);
    let stem = match stem {
        "" => "film".to_owned(),
        device if is_device(device) => format!("{device}-film"),
        stem => stem.to_owned(),
    };
    format!("{stem}{suffix}.{ending}")
}

fn shorten(text: &str) -> &str {
    let mut end = text.len().min(MAX_STEM);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn is_device(stem: &str) -> bool {
    let first = stem.split('.').next().unwrap_or_default().trim().to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().any(|name| {
        first.strip_prefix(name).is_some_and(|digit| digit.len() == 1 && digit.as_bytes()[0].is_ascii_digit())
    });
    numbered || DEVICES.contains(&first.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_a_name_that_every_system_takes() {
        for (title, name) in [
            ("The Film (2019)", "The Film (2019).mkv"),
            ("Ünïcödé 日本語", "Ünïcödé 日本語.mkv"),
            ("../../etc/passwd", "etc-passwd.mkv"),
            ("a/b\\c:d*e?f\"g<h>i|j", "a-b-c-d-e-f-g-h-i-j.mkv"),
            ("two\r\nlines\u{0}", "two lines.mkv"),
            (" ..hidden", "hidden.mkv"),
            ("-rf", "rf.mkv"),
            ("ends. . ", "ends.mkv"),
            ("CON", "CON-film.mkv"),
            ("lpt1.txt", "lpt1.txt-film.mkv"),
            ("Contact", "Contact.mkv"),
            ("...", "film.mkv"),
            ("", "film.mkv"),
        ] {
            assert_eq!(file_name(title, "", "mkv"), name, "{title:?}");
        }
    }

    #[test]
    fn a_long_title_is_cut_between_letters() {
        let name = file_name(&"日".repeat(200), " (remuxed 1080p)", "mp4");
        assert!(name.len() <= 255 && name.ends_with("日 (remuxed 1080p).mp4"), "{name}");
    }
}
