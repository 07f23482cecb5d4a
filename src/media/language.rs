//! Languages: from what containers say of a track to what playlists and people are told.

use isolang::Language;

/// Bibliographic codes of ISO 639-2 that differ from the terminological ones, which are also those of 639-3.
const BIBLIOGRAPHIC: [(&str, &str); 20] = [
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("mao", "mri"),
    ("may", "msa"),
    ("per", "fas"),
    ("rum", "ron"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

/// The longest tag that is passed on (RFC 5646, 4.4.1).
const LONGEST: usize = 35;

/// The tag of RFC 5646 for a container's word: the shortest code of the language, and what follows it as it is.
/// `None` for words that are no tag, and for those that say that nobody knows.
pub fn tag(word: &str) -> Option<String> {
    let word = word.trim();
    let is_tag = word.len() <= LONGEST
        && word
            .split('-')
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let (first, rest) = word.split_once('-').map_or((word, None), |(first, rest)| (first, Some(rest)));
    let first = first.to_ascii_lowercase();
    if !is_tag || matches!(first.as_str(), "und" | "mis" | "mul" | "zxx" | "unk") {
        return None;
    }
    let code = language(&first).map_or(first.as_str(), |language| language.to_639_1().unwrap_or(language.to_639_3()));
    Some(rest.map_or_else(|| code.to_owned(), |rest| format!("{code}-{rest}")))
}

/// The tag of a language that there is: as [`tag`], and its first part is in ISO 639, or for private use.
pub fn known(word: &str) -> Option<String> {
    let tag = tag(word)?;
    let first = tag.split('-').next()?.to_ascii_lowercase();
    let is_private = ("qaa"..="qtz").contains(&first.as_str()) && first.len() == 3;
    (is_private || language(&first).is_some()).then_some(tag)
}

/// What the language of a tag is called by those who speak it, else in English; `None` when it is not known.
pub fn name(tag: &str) -> Option<String> {
    let first = tag.split('-').next()?.to_ascii_lowercase();
    let language = language(&first)?;
    let name = language.to_autonym().unwrap_or_else(|| language.to_name());
    // Some lists give several names at once.
    let name = name.split([',', ';', '/', '(']).next()?.trim();
    let mut letters = name.chars();
    let capital = letters.next()?.to_uppercase();
    Some(capital.chain(letters).collect())
}

/// The code of three letters that MP4 files write for a tag (ISO 639-2/T); `None` when it is not known.
pub fn three_letters(tag: &str) -> Option<&'static str> {
    let first = tag.split('-').next()?.to_ascii_lowercase();
    language(&first).map(|language| language.to_639_3())
}

fn language(code: &str) -> Option<Language> {
    match code.len() {
        2 => Language::from_639_1(code),
        3 => {
            let bibliographic = BIBLIOGRAPHIC.iter().find(|(known, _)| *known == code);
            Language::from_639_3(bibliographic.map_or(code, |(_, code)| code))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_as_short_as_it_can_be() {
        for (word, tag_of_it) in [
            ("ger", "de"),
            ("deu", "de"),
            ("eng", "en"),
            ("ENG", "en"),
            ("de", "de"),
            ("pt-BR", "pt-BR"),
            ("por-BR", "pt-BR"),
            ("gsw", "gsw"),
            ("qaa", "qaa"),
            ("chi", "zh"),
        ] {
            assert_eq!(tag(word).as_deref(), Some(tag_of_it), "{word}");
        }
        for (known, code) in BIBLIOGRAPHIC {
            assert_eq!((tag(known), three_letters(known)), (tag(code), Some(code)), "{known}");
            assert_eq!(tag(known).map(|tag| tag.len()), Some(2), "{known}");
        }
    }

    #[test]
    fn a_tag_has_a_code_of_three_letters() {
        for (tag, code) in [("de", "deu"), ("ger", "deu"), ("pt-BR", "por"), ("gsw", "gsw")] {
            assert_eq!(three_letters(tag), Some(code), "{tag}");
        }
        assert_eq!(three_letters("x"), None);
    }

    #[test]
    fn what_says_nothing_is_no_tag() {
        for word in ["", "und", "UND", "zxx", "mul", "en\",URI=\"x", "en_US", "a b", "deutsches", "en-", "--"] {
            assert_eq!(tag(word), None, "{word}");
        }
    }

    #[test]
    fn a_language_is_known_or_of_private_use() {
        for (word, tag) in [("eng", "en"), ("pt-BR", "pt-BR"), ("zh-Hant", "zh-Hant"), ("qab", "qab")] {
            assert_eq!(known(word).as_deref(), Some(tag), "{word}");
        }
        for word in ["xx", "english", "und", "q", "", "de_DE", "<b>"] {
            assert_eq!(known(word), None, "{word}");
        }
    }

    #[test]
    fn a_language_is_called_as_its_speakers_do() {
        for (tag, known) in
            [("de", "Deutsch"), ("fr", "Français"), ("en", "English"), ("pt-BR", "Português"), ("ja", "日本語")]
        {
            assert_eq!(name(tag).as_deref(), Some(known), "{tag}");
        }
        assert_eq!(name("qaa"), None);
        assert_eq!(name(""), None);
    }
}
