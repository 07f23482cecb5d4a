use super::{plain, read, texts};
use crate::media::subtitles::parse;

#[test]
fn only_cues_are_read() {
    let file = "WEBVTT - a title\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\nSTYLE\n::cue { background: url(http://x/) }\n\n\
        REGION\nid:fred\nwidth:40%\n\nNOTE\nnothing\nto see\n\nid-1\n00:01.000 --> 00:02.000 line:0 region:fred align:start\n\
        One\nline two\n\nNOTE end\n\n00:00:03.000 --> 00:00:04.000\nTwo";
    let cues = read(file);
    assert_eq!(cues[0], (1000, 2000, "line:0 align:start".into(), "One\nline two".into()));
    assert_eq!(cues[1..], [plain(3000, 4000, "Two")]);
}

#[test]
fn a_cue_ends_at_a_blank_line_or_at_the_next_times() {
    let file = "WEBVTT\n\n00:01.000 --> 00:02.000\nOne\n\nlost\n\n00:03.000 --> 00:04.000\nTwo\n00:05.000 --> 00:06.000\nThree\n";
    assert_eq!(texts(file), ["One", "Two", "Three"]);
}

#[test]
fn segments_saved_one_behind_the_other_are_one_track() {
    let part = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:05.000 --> 00:07.000\nacross\n\n";
    let file = [part, part, "WEBVTT\n\n00:08.000 --> 00:09.000\nlast\n"].concat();
    assert_eq!(read(file), [plain(5000, 7000, "across"), plain(8000, 9000, "last")]);
}

#[test]
fn tags_of_webvtt_survive_in_order_and_others_are_text() {
    for (said, kept) in [
        ("<v.loud.x Mary &amp; Ann>Hi</v>", "<v.loud.x Mary &amp; Ann>Hi</v>"),
        ("<v Mary>Hi", "<v Mary>Hi</v>"),
        ("<c.yellow.bg_blue>y</c>", "<c.yellow.bg_blue>y</c>"),
        ("<c.a\"b>y</c>", "<c>y</c>"),
        ("<ruby>漢<rt>kan</rt></ruby>", "<ruby>漢<rt>kan</rt></ruby>"),
        ("<rt>alone</rt>", "alone"),
        ("<lang en-GB>colour</lang>", "<lang en-GB>colour</lang>"),
        ("a<00:00:01.500><c> word</c>", "a<c> word</c>"),
        ("<v foo-->x</v>", "<v foo>x</v>"),
        ("<c.a-->x</c>", "<c.a>x</c>"),
        ("<font color=red>r</font>", "&lt;font color=red&gt;r&lt;/font&gt;"),
        ("<b><svg/onload=x()>", "<b>&lt;svg/onload=x()&gt;</b>"),
        ("{\\an8}kept", "{\\an8}kept"),
        ("a<", "a&lt;"),
    ] {
        assert_eq!(texts(format!("WEBVTT\n\n00:01.000 --> 00:02.000\n{said}\n")), [kept], "{said}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let file = "WEBVTT\n\n00:01.000 --> 100:00:02.500 line:0\n<v Mary>Hi</v> &amp; bye\nnow\n\n00:03.000 --> 00:04.000\n&lt;b&gt;\n";
    let subtitles = parse(file.as_bytes()).unwrap();
    assert_eq!(
        subtitles.write(),
        "WEBVTT\n\n00:00:01.000 --> 100:00:02.500 line:0\n<v Mary>Hi</v> &amp; bye\nnow\n\n\
         00:00:03.000 --> 00:00:04.000\n&lt;b&gt;\n\n"
    );
    assert_eq!(parse(subtitles.write().as_bytes()).unwrap(), subtitles);
}
