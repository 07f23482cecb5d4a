use super::{plain, read, texts};

#[test]
fn a_plain_file_is_read() {
    let file = "\u{FEFF}1\r\n00:00:01,001 --> 00:00:02,500\r\nOne\r\nline two\r\n\r\n2\r\n00:00:03.000 --> 00:00:04.000\r\nTwo\r\n";
    assert_eq!(read(file), [plain(1001, 2500, "One\nline two"), plain(3000, 4000, "Two")]);
}

#[test]
fn blank_lines_may_be_missing_or_too_many() {
    let missing = "1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n3\n00:00:05,000 --> 00:00:06,000\nThree";
    let inside = "\n\n1\n\n00:00:01,000 --> 00:00:02,000\n\nOne\n\n2\n\n00:00:03,000 --> 00:00:04,000\n\nTwo\n \nmore\n\n\n3\n00:00:05,000 --> 00:00:06,000\nThree";
    assert_eq!(texts(missing), ["One", "Two", "Three"]);
    assert_eq!(texts(inside), ["One", "Two\nmore", "Three"]);
}

#[test]
fn a_number_that_is_said_stays_and_one_that_counts_goes() {
    let said = "7\n00:00:01,000 --> 00:00:02,000\n42\n\n8\n00:00:03,000 --> 00:00:04,000\n42\n\n\n00:00:05,000 --> 00:00:06,000\nend\n1984";
    assert_eq!(texts(said), ["42", "42", "end\n1984"]);
    let unnumbered = "00:00:01,000 --> 00:00:02,000\nOne\n\n00:00:03,000 --> 00:00:04,000\nTwo";
    assert_eq!(texts(unnumbered), ["One", "Two"]);
}

#[test]
fn tags_are_kept_dropped_or_shown() {
    for (said, kept) in [
        ("<I>a</I> <b>b</b> <u>u</u>", "<i>a</i> <b>b</b> <u>u</u>"),
        ("<font color=\"#ff0000\" onclick='x()'>red</font>", "red"),
        ("<s>old</s><br>new<br />end", "old\nnew\nend"),
        ("{\\an8}{\\fs30}up", "up"),
        ("<i>open <b>twice", "<i>open <b>twice</b></i>"),
        ("<i>a<b>b</i>c</b>", "<i>a<b>b</b></i>c"),
        ("</i>stray", "stray"),
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("<i onmouseover=\"x()\">a</i>", "<i>a</i>"),
        ("&lt;i&gt; &amp; &#39;x&#x27; &bogus; &#0;&#10;z", "&lt;i&gt; &amp; 'x' &amp;bogus; \nz".trim_end()),
        ("{curly} stays", "{curly} stays"),
        ("bell\u{7}nul\0esc\u{1b}[0m\ttab\u{85}", "bellnulesc[0m tab"),
    ] {
        assert_eq!(texts(format!("1\n00:00:01,000 --> 00:00:02,000\n{said}\n")), [kept.replace(" \n", "\n")], "{said}");
    }
}

#[test]
fn a_text_asked_to_the_top_goes_there() {
    let file = "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}sign\n\n2\n00:00:01,000 --> 00:00:02,000 X1:0 X2:9\nword";
    let cues = read(file);
    assert_eq!((cues[0].2.as_str(), cues[0].3.as_str()), ("line:0", "sign"));
    assert_eq!(cues[1], plain(1000, 2000, "word"));
}

#[test]
fn cues_that_are_never_shown_are_dropped_and_early_ones_begin_with_the_film() {
    let times = ["00:00:02,000 --> 00:00:02,000", "00:00:03,000 --> 00:00:01,000", "-00:00:05,000 --> -00:00:01,000"];
    let never: String = times.iter().map(|time| format!("{time}\ngone\n\n")).collect();
    let file =
        format!("{never}-00:00:01,000 --> 00:00:01,000\nearly\n\n00:00:05,000 --> 00:00:06,000\n<i> </i>\u{a0}\n");
    assert_eq!(read(file), [plain(0, 1000, "early")]);
}
