use super::{plain, read, texts, told};
use crate::media::subtitles::{Event, Format, Subtitles};

const HEAD: &str =
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n";

fn said(text: &str) -> Vec<String> {
    texts(format!("{HEAD}Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{text}\n"))
}

#[test]
fn columns_are_where_the_format_line_says() {
    let ass = format!(
        "{HEAD}Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n\
         Dialogue: 0,0:00:03.00,0:00:04.50,Default,,0,0,0,,Hello, you, there\r\n\
         Comment: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,not this\n\
         Dialogue: 1,0:00:03.00,0:00:04.00,Default,,0,0,0,,on top\n\n[Fonts]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,font"
    );
    assert_eq!(read(ass), [plain(3000, 4500, "Hello, you, there"), plain(3000, 4000, "on top")]);
    let ssa = "[Events]\nFormat: End, Start, Text\nDialogue: 0:00:02.00,0:00:01.00,a, b\n";
    assert_eq!(read(ssa), [plain(1000, 2000, "a, b")]);
    let faulty = format!(
        "{HEAD}Format: Text, Start\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,usual\nDialogue: 0,x\nDialogue:\n"
    );
    assert_eq!(texts(faulty), ["usual"]);
}

#[test]
fn overrides_are_stripped_but_for_italics_bold_and_underline() {
    for (raw, kept) in [
        ("{\\i1}Hi{\\i0}, {\\b700\\u1}you{\\r} there", "<i>Hi</i>, <b><u>you</u></b> there"),
        ("{\\i1}a{\\b1}b{\\i0}c", "<i>a<b>b</b></i><b>c</b>"),
        ("{\\be1\\blur2\\bord3\\iclip(1,2,3,4)\\pos(5,6)\\fnArial}x", "x"),
        ("{\\t(0,100,\\i1)}x{\\i1}y", "x<i>y</i>"),
        ("{\\b400}x{\\rSign}y{a comment}z{}", "xyz"),
        ("one\\Ntwo\\nthree\\hfour", "one\ntwo three\u{a0}four"),
        ("\\{kept\\} a\\\\b {open", "{kept} a\\b {open"),
        ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
        ("{\\p1}m 0 0 l 10 10{\\p0}after", "after"),
        ("\\N\\Ngap\\N \\Nend\\N", "gap\nend"),
    ] {
        assert_eq!(said(raw), [kept], "{raw}");
    }
    assert!(said("{\\p1}m 0 0 l 10 10").is_empty());
}

#[test]
fn a_line_asked_to_the_top_goes_there() {
    for (tag, settings) in [("{\\an8}", "line:0"), ("{\\a6}", "line:0"), ("{\\an2}", ""), ("{\\a2}", "")] {
        let file = format!("{HEAD}Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{tag}x\n");
        assert_eq!(read(file)[0].2, settings, "{tag}");
    }
}

#[test]
fn events_of_a_film_are_read_without_their_fields() {
    let event =
        |start_ms, end_ms, payload: &[u8]| Event { start_ms, end_ms, payload: payload.to_vec(), ..Event::default() };
    let events = [event(-500, 1500, b"0,0,Default,,0,0,0,,{\\i1}Hi{\\i0}, you"), event(1, 2, b"broken, event")];
    let track = Subtitles::of_events(Format::Ass, &events).unwrap();
    assert_eq!(told(&track), [plain(0, 1500, "<i>Hi</i>, you")]);

    let vtt = Event { settings: b"line:0 region:x".to_vec(), ..event(5, 6, b"<v Mary>Hi") };
    let track = Subtitles::of_events(Format::WebVtt, &[vtt]).unwrap();
    assert_eq!(told(&track), [(5, 6, "line:0".into(), "<v Mary>Hi</v>".into())]);

    let cyrillic = ["Съешь ещё этих мягких", "французских булок, да выпей чаю"];
    let encoded = cyrillic.map(|text| event(5, 6, &encoding_rs::WINDOWS_1251.encode(text).0));
    let track = Subtitles::of_events(Format::Srt, &encoded).unwrap();
    assert_eq!(told(&track), cyrillic.map(|text| plain(5, 6, text)));
}
