use super::*;
use actix_web::test::TestRequest;

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
    assert_eq!((usual.connections, usual.answers, usual.listeners), (8192, 1365, 2048));
    let small = Capacity::of(1 << 30, 1024);
    assert_eq!((small.connections, small.answers, small.listeners), (384, 341, 96));
    assert_eq!(small.files(), 1024);
    let tiny = Capacity::of(0, 0);
    assert_eq!((tiny.connections, tiny.answers), (16, 64));
}
