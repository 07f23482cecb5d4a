use super::*;

#[test]
fn the_name_of_a_release_becomes_what_a_person_would_write() {
    for (name, title) in [
        ("The.Film.2019.1080p.BluRay.x264-GRP.mkv", "The Film (2019)"),
        ("The_Film_2019_720p_WEB-DL_x264.mp4", "The Film (2019)"),
        ("The Film (2019) [1080p] [YTS].mp4", "The Film (2019)"),
        ("The Film (2019).mkv", "The Film (2019)"),
        ("The.Film.2019.mkv", "The Film (2019)"),
        ("The.Film.2019.Directors.Cut.2160p.UHD.mkv", "The Film (2019)"),
        ("Blade.Runner.2049.2017.1080p.mkv", "Blade Runner 2049 (2017)"),
        ("2001.A.Space.Odyssey.1968.BDRip.avi", "2001 A Space Odyssey (1968)"),
        ("2012.mkv", "2012"),
        ("1917.2019.HEVC.mkv", "1917 (2019)"),
        ("[Group] Some Show - 03 [720p][ABCD1234].mkv", "Some Show - 03"),
        ("Some.Show.S01E02.The.Beginning.1080p.WEBRip.mkv", "Some Show S01E02 The Beginning"),
        ("Film (1080p).mp4", "Film"),
        ("[only brackets].mp4", "only brackets"),
    ] {
        assert_eq!(title_of_file(name), title, "{name}");
    }
}

#[test]
fn an_ordinary_name_stays_as_it_is() {
    for (name, title) in [
        ("Summer holiday 2019.mp4", "Summer holiday 2019"),
        ("Holiday.2019.Beach.mp4", "Holiday 2019 Beach"),
        ("Mr. Robot.mkv", "Mr. Robot"),
        ("my_clip.final.MOV", "my clip final"),
        ("Wedding (Anna & Tom).mp4", "Wedding (Anna & Tom)"),
        ("noextension", "noextension"),
        ("Der Film über Öl.mkv", "Der Film über Öl"),
        ("電影.mp4", "電影"),
        ("-i.mp4", "i"),
        ("a%03d.ts", "a%03d"),
        ("$(id).mp4", "$(id)"),
        ("The film - x264.mkv", "The film"),
    ] {
        assert_eq!(title_of_file(name), title, "{name}");
    }
}

#[test]
fn folders_controls_and_direction_marks_do_not_survive() {
    for (name, title) in [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\clip.mp4", "clip"),
        ("folder/clip.mp4/", "clip"),
        ("a\0b\r\nSet-Cookie: x.mp4", "a b Set-Cookie: x"),
        ("ex\u{202E}4pm.exe\u{2066}.mp4", "ex4pm exe"),
        ("\u{FEFF}bad\u{FFFD}.mp4", "bad"),
        ("", UNTITLED),
        ("...", UNTITLED),
        (".mp4", UNTITLED),
        ("///", UNTITLED),
        ("\u{200E}\0 .mkv", UNTITLED),
    ] {
        assert_eq!(title_of_file(name), title, "{name:?}");
    }
}

#[test]
fn a_title_of_a_person_keeps_its_words() {
    assert_eq!(clean_title("  Part 1:\n the.end [1080p] <b>\u{202E} ").as_deref(), Some("Part 1: the.end [1080p] <b>"));
    assert_eq!(clean_title(" \u{200B}\t"), None);
}

#[test]
fn a_long_title_is_cut_between_letters() {
    assert_eq!(title_of_file(&"x".repeat(4096)).chars().count(), MAX_TITLE);
    let family = "👨\u{200D}👩\u{200D}👧";
    for (cut, text) in [
        (199, format!("{}e\u{301}", "x".repeat(199))),
        (199, format!("{}{family}", "x".repeat(199))),
        (196, format!("{}{family}", "x".repeat(196))),
        (198, format!("{}👍\u{1F3FD}é", "x".repeat(198))),
    ] {
        let long = clean_title(&format!("{text}yyy")).unwrap();
        let expected = if cut == 198 { format!("{}👍\u{1F3FD}", "x".repeat(198)) } else { "x".repeat(cut) };
        assert_eq!(long, expected);
    }
    assert_eq!(clean_title(&"\u{301}".repeat(300)).unwrap().chars().count(), MAX_TITLE);
}

#[test]
fn no_name_makes_a_title_that_breaks_the_rules() {
    let alphabet: Vec<char> = "ab.-_ ()[]{}/\\019\u{0}\n\u{202E}\u{301}\u{200D}é電.mkv".chars().collect();
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut name = String::new();
        for _ in 0..state % 40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            name.push(alphabet[(state >> 33) as usize % alphabet.len()]);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        let title = title_of_file(&name);
        assert!(!title.is_empty() && title.chars().count() <= MAX_TITLE, "{name:?}: {title:?}");
        assert!(!title.chars().any(|letter| letter.is_control() || "/\\\u{202E}".contains(letter)), "{name:?}");
        assert_eq!(title.trim(), title, "{name:?}");
    }
}
