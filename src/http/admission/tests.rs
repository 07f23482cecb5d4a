use super::*;
use actix_web::test::TestRequest;
use futures::FutureExt as _;

#[test]
fn what_holds_memory_needs_a_place_and_nothing_else_does() {
    for (method, path, kind) in [
        (Method::GET, "/hls/x/master.m3u8", Some(Kind::Answer)),
        (Method::GET, "/hls/x/v0/0.m4s", Some(Kind::Answer)),
        (Method::HEAD, "/media/x/original", Some(Kind::Answer)),
        (Method::POST, "/api/upload", Some(Kind::Upload)),
        (Method::POST, "/api/uploads", Some(Kind::Upload)),
        (Method::PATCH, "/api/uploads/x", Some(Kind::Upload)),
        (Method::POST, "/api/videos/x/subtitles", Some(Kind::Upload)),
        (Method::PUT, "/api/videos/x/poster", Some(Kind::Upload)),
        (Method::GET, "/api/events", Some(Kind::Listener)),
        (Method::GET, "/%68ls/x/v0/0.m4s", Some(Kind::Answer)),
        (Method::PATCH, "/api/%75ploads/x", Some(Kind::Upload)),
        (Method::GET, "/api/%65vents", Some(Kind::Listener)),
        (Method::HEAD, "/api/uploads/x", None),
        (Method::DELETE, "/api/uploads/x", None),
        (Method::GET, "/api/upload/x/progress", None),
        (Method::PATCH, "/api/videos/x", None),
        (Method::GET, "/api/videos", None),
        (Method::GET, "/healthz", None),
        (Method::GET, "/metrics", None),
        (Method::GET, "/system", None),
    ] {
        let request = TestRequest::default().method(method.clone()).uri(path).to_srv_request();
        assert_eq!(Kind::of(&request), kind, "{method} {path}");
    }
    let progress = TestRequest::get().uri("/api/upload/x/progress").insert_header(("accept", "text/event-stream"));
    assert_eq!(Kind::of(&progress.to_srv_request()), Some(Kind::Listener));
}

#[test]
fn an_address_is_what_the_nearest_proxy_says_and_never_what_others_say() {
    for (peer, forwarded, behind_proxy, expected) in [
        ("127.0.0.1:9", "", true, None),
        ("127.0.0.1:9", "203.0.113.7", false, None),
        ("127.0.0.1:9", "203.0.113.7", true, Some("203.0.113.7")),
        ("[::1]:9", "203.0.113.7:4711", true, Some("203.0.113.7")),
        ("127.0.0.1:9", "198.51.100.1, 203.0.113.7", true, Some("203.0.113.7")),
        ("127.0.0.1:9", "198.51.100.1, 203.0.113.7, 127.0.0.1", true, Some("203.0.113.7")),
        ("127.0.0.1:9", "198.51.100.1, unknown", true, None),
        ("127.0.0.1:9", "[2001:db8:1:2:3:4:5:6]:443", true, Some("2001:db8:1:2::")),
        ("127.0.0.1:9", "2001:db8:1:2:ffff::1", true, Some("2001:db8:1:2::")),
        ("192.0.2.1:9", "203.0.113.7", true, Some("192.0.2.1")),
        ("[::ffff:192.0.2.1]:9", "", false, Some("192.0.2.1")),
    ] {
        let request = TestRequest::default().peer_addr(peer.parse().unwrap());
        let request = if forwarded.is_empty() { request } else { request.insert_header((FORWARDED_FOR, forwarded)) };
        let found = client(&request.to_srv_request(), behind_proxy);
        assert_eq!(found, expected.map(|address| address.parse().unwrap()), "{peer} {forwarded}");
    }
}

#[test]
fn a_usual_machine_has_room_for_a_thousand_players_and_a_small_one_for_what_it_can_hold() {
    let usual = Capacity::of(4 << 30, 1 << 19);
    assert_eq!((usual.connections, usual.answers, usual.listeners), (8192, 1024, 2048));
    let small = Capacity::of(1 << 30, 1024);
    assert_eq!((small.connections, small.answers, small.listeners), (256, 256, 64));
    assert_eq!(small.files(), 1024);
    let tiny = Capacity::of(0, 0);
    assert_eq!((tiny.connections, tiny.answers), (16, 64));
}

fn admission(capacity: Capacity) -> Admission {
    let patience = Patience { line: Duration::ZERO, ..Patience::default() };
    Admission::new(Settings { capacity, patience }, Transport::default(), Metrics::new())
}

#[tokio::test]
async fn one_address_gets_half_of_the_places_of_a_kind_at_most_and_each_kind_by_itself() {
    let capacity = Capacity { connections: 16, answers: 4, uploads: 3, listeners: 1, client: 100 };
    let admission = admission(capacity);
    let [one, other] = ["203.0.113.7", "203.0.113.8"].map(|address| Some(address.parse().unwrap()));
    let mut held = Vec::new();
    for (kind, client) in [
        (Kind::Answer, one),
        (Kind::Answer, one),
        (Kind::Upload, one),
        (Kind::Listener, one),
        (Kind::Answer, other),
        (Kind::Upload, other),
        (Kind::Answer, None),
    ] {
        held.push(admission.enter(kind, client).await.unwrap());
    }
    for kind in [Kind::Answer, Kind::Upload, Kind::Listener] {
        let refusal = admission.enter(kind, one).await.err().expect("it has its share");
        assert_eq!((refusal.status_code().as_u16(), refusal.code()), (503, "too_many_requests"), "{kind:?}");
    }
    let refusal = admission.enter(Kind::Answer, None).await.err().expect("all places are taken");
    assert_eq!((refusal.status_code().as_u16(), refusal.code()), (503, "busy"));
    held.remove(0);
    assert!(admission.enter(Kind::Answer, one).await.is_ok());
}

#[tokio::test]
async fn readers_are_pressed_only_while_somebody_waits() {
    let capacity = Capacity { connections: 1, answers: 1, uploads: 1, listeners: 1, client: 1 };
    let mut admission = admission(capacity);
    admission.patience.line = Duration::from_secs(1000);
    let now = Instant::now();
    let held = admission.enter(Kind::Answer, None).await.unwrap();
    assert!(!admission.is_pressed(now), "every place is taken, and nobody wants another");
    {
        let mut waiting = std::pin::pin!(admission.enter(Kind::Answer, None));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(admission.is_pressed(now));
    }
    assert!(!admission.is_pressed(now), "it left");
    drop(held);
}

#[test]
fn a_reader_that_had_its_time_is_looked_after_while_others_are_still_in_line() {
    let patience = Patience::default();
    let second = Duration::from_secs(1);
    assert_eq!(patience.until_look(Duration::ZERO), patience.haste);
    assert_eq!(patience.until_look(patience.haste - second), second);
    assert!(patience.until_look(patience.haste) < patience.line);
    assert_eq!(patience.until_look(patience.reader - second / 4), second / 4);
}
