//! Each rule seen kept and broken.

use super::super::text;
use super::*;

const GOOD: &str = r#"#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="6",URI="a1"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,URI="s0"
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=5,CODECS="avc1.64001f",RESOLUTION=2x2,URI="k0"
#EXT-X-STREAM-INF:BANDWIDTH=9,AVERAGE-BANDWIDTH=8,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=2x2,FRAME-RATE=25,AUDIO="a",SUBTITLES="s"
v0
#EXT-X-STREAM-INF:BANDWIDTH=7,AVERAGE-BANDWIDTH=6,CODECS="hvc1.1.6.L93,mp4a.40.2",RESOLUTION=1x1,FRAME-RATE=25,AUDIO="a",SUBTITLES="s"
v1
"#;

fn read(text: &str) -> Master {
    Master::read(&text::lines(text.as_bytes()).0)
}

fn rules_of(text: &str) -> Vec<&'static str> {
    read(text).faults().into_iter().map(|fault| fault.rule).collect()
}

/// The rules that are broken when this is replaced by that everywhere.
fn rules(this: &str, that: &str) -> Vec<&'static str> {
    let text = GOOD.replace(this, that);
    assert_ne!(text, GOOD, "nothing was replaced");
    rules_of(&text)
}

#[test]
fn a_good_master_breaks_no_rule() {
    let master = read(GOOD);
    assert_eq!(master.faults(), []);
    let uris: Vec<_> = master.variants.iter().map(|variant| variant.uri.as_deref()).collect();
    assert_eq!(uris, [Some("v0"), Some("v1")]);
    assert_eq!(master.i_frames[0].uri.as_deref(), Some("k0"));
    assert!(master.independent && master.group("AUDIO", "a").count() == 2);
}

#[test]
fn a_variant_tells_what_it_needs() {
    assert_eq!(rules(",CODECS=\"hvc1.1.6.L93,mp4a.40.2\"", ""), ["A 9.1"]);
    assert_eq!(rules(",AVERAGE-BANDWIDTH=6", ""), ["A 9.14"]);
    assert_eq!(rules(",RESOLUTION=1x1", ""), ["A 9.2"]);
    assert_eq!(rules(",FRAME-RATE=25", ""), ["A 9.15"; 2]);
    assert_eq!(rules("hvc1.1.6.L93", "hev1.1.6.L93"), ["A 1.10"]);
    assert_eq!(rules(",CODECS=\"avc1.64001f\"", ""), ["A 9.3"]);
    assert_eq!(rules(",RESOLUTION=2x2,URI", ",URI"), ["A 9.4"]);
}

#[test]
fn a_variant_has_an_address_and_an_address_a_variant() {
    assert_eq!(rules("\nv1\n", "\n"), ["RFC 8216bis 4.4.6.2"]);
    assert_eq!(rules("\nv1\n", "\nv1\nv2\n"), ["RFC 8216bis 4.4.6.2"]);
}

#[test]
fn groups_that_are_named_exist() {
    assert_eq!(rules("TYPE=SUBTITLES,GROUP-ID=\"s\"", "TYPE=SUBTITLES,GROUP-ID=\"t\""), ["RFC 8216bis 4.4.6.2"; 2]);
    assert_eq!(rules("AUDIO=\"a\",SUB", "AUDIO=\"s\",SUB"), ["RFC 8216bis 4.4.6.2"; 2]);
}

#[test]
fn members_of_a_group_can_be_told_apart() {
    let section = ["RFC 8216bis 4.4.6.1.1"];
    assert_eq!(rules("\"Deutsch\"", "\"English\""), section);
    assert_eq!(rules("\"de\",DEFAULT=NO", "\"de\",DEFAULT=YES"), section);
    assert_eq!(
        rules("\"de\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"6\"", "\"en\",AUTOSELECT=YES,CHANNELS=\"2\""),
        section
    );
}

#[test]
fn members_say_what_they_are() {
    assert_eq!(rules(",LANGUAGE=\"de\"", ""), ["A 8.10"]);
    assert_eq!(rules("DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES,AUTOSELECT=NO"), ["RFC 8216bis 4.4.6.1"]);
    assert_eq!(rules(",CHANNELS=\"6\"", ""), ["RFC 8216bis 4.4.6.1"]);
    assert_eq!(rules("CHANNELS=\"6\"", "CHANNELS=\"six\""), ["RFC 8216bis 4.4.6.1"]);
    assert_eq!(rules(",URI=\"s0\"", ""), ["RFC 8216bis 4.4.6.1"]);
    let captions = "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"c\",NAME=\"c\",LANGUAGE=\"en\"";
    assert_eq!(rules_of(&format!("{GOOD}{captions}\n")), ["RFC 8216bis 4.4.6.1"]);
    assert_eq!(rules_of(&format!("{GOOD}{captions},INSTREAM-ID=\"CC1\"\n")), [""; 0]);
}

#[test]
fn a_film_offers_what_players_need() {
    let frames = "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=5,CODECS=\"avc1.64001f\",RESOLUTION=2x2,URI=\"k0\"\n";
    assert_eq!(rules(frames, ""), ["A 6.1"]);
    assert_eq!(rules("\nv1\n", "\nv0\n"), ["A 9.9"]);
    assert_eq!(rules("mp4a.40.2", "ec-3"), ["A 2.3"]);
    assert_eq!(rules("CHANNELS=\"2\"", "CHANNELS=\"6/JOC\""), ["A 2.3"]);
    assert_eq!(rules("CHANNELS=\"2\"", "CHANNELS=\"1\""), ["A 2.3"]);
}

#[test]
fn a_master_is_told_from_a_list_of_segments() {
    assert!(is_master(&text::lines(GOOD.as_bytes()).0));
    assert!(!is_master(&text::lines(b"#EXTM3U\n#EXTINF:5,\na\n").0));
}
