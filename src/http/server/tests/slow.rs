//! Those who send or read too slowly. They are patient with everything but what each test is about.

use super::*;
use crate::tests::POSTER;
use futures::future::join_all;
use std::net::Ipv4Addr;
use tokio::net::TcpSocket;

/// The framework reckons the time for a first head by a clock that ticks twice a second.
const HEAD: Duration = Duration::from_secs(3);

/// Asks for a segment so many times on one connection, of which the system's buffers hold a few, and reads nothing.
async fn stuck(stage: &Stage, times: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let mut socket = socket.connect(stage.address).await.unwrap();
    socket.write_all(keep_alive(&stage.path).repeat(times).as_bytes()).await.unwrap();
    socket
}

#[actix_web::test]
async fn a_first_head_that_trickles_is_answered_with_408() {
    let stage = Stage::set(roomy(), Patience { head: HEAD, ..ENDLESS }, false).await;
    let heard = trickled(stage.connected().await, b"G").await;
    assert!(heard.starts_with("http/1.1 408"), "{heard}");
}

#[actix_web::test]
async fn a_later_head_that_trickles_or_stops_is_cut_off_too() {
    let stage = Stage::set(roomy(), Patience { head: HEAD, ..ENDLESS }, false).await;
    let cut_off = async |beginning: &str, bytes: &[u8]| {
        let mut socket = stage.connected().await;
        socket.write_all(keep_alive("/healthz").as_bytes()).await.unwrap();
        assert!(head(&mut socket).await.starts_with("http/1.1 200"));
        socket.write_all(beginning.as_bytes()).await.unwrap();
        if bytes.is_empty() { drop(rest(&mut socket).await) } else { drop(trickled(socket, bytes).await) }
    };
    // Empty lines before a head belong to it.
    tokio::join!(cut_off("GET / HTTP/1.1\r\nx: ", b"y"), cut_off("\r\n", b"\r\n"), cut_off("GET /", b""));
    stage.until("http_cut_off_total{reason=\"slow_head\"}", 3).await;
}

#[actix_web::test]
async fn a_body_that_nobody_reads_holds_its_connection_no_longer_than_a_head() {
    let stage = Stage::set(roomy(), Patience { head: HEAD, ..ENDLESS }, false).await;
    let mut socket = stage.connected().await;
    let head = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let heard = trickled(socket, b"1\r\nx\r\n").await;
    assert!(heard.starts_with("http/1.1 404"), "{heard}");
}

#[actix_web::test]
async fn a_connection_on_which_nothing_is_asked_any_more_is_closed() {
    let stage = Stage::set(roomy(), Patience { idle: HEAD, ..ENDLESS }, false).await;
    let mut socket = stage.connected().await;
    for _ in 0..3 {
        socket.write_all(keep_alive("/healthz").as_bytes()).await.unwrap();
        assert!(head(&mut socket).await.starts_with("http/1.1 200"));
        let mut body = [0; 6];
        socket.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"alive\n");
    }
    assert!(rest(&mut socket).await.is_empty());
    stage.until("http_connections", 0).await;
}

#[actix_web::test]
async fn every_body_that_trickles_or_stops_is_answered_with_408() {
    let stage = Stage::set(roomy(), Patience { body: SHORT, ..ENDLESS }, false).await;
    let id = crate::media::id::VideoId::fresh();
    let form = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n";
    let cut_off = async |line: &str, kind: &str, beginning: &str, goes_on: bool| {
        let mut socket = stage.connected().await;
        let head = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: 30000\r\n\r\n{beginning}"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let heard = if goes_on {
            trickled(socket, b"x").await
        } else {
            String::from_utf8(rest(&mut socket).await).unwrap().to_lowercase()
        };
        assert!(heard.starts_with("http/1.1 408") && heard.contains("timed_out"), "{line}: {heard}");
    };
    let (json, poster) = (format!("PATCH /api/videos/{id}"), format!("PUT /api/videos/{id}/poster"));
    let subtitles = format!("POST /api/videos/{id}/subtitles");
    let bodies = [
        (json.as_str(), "application/json", "{"),
        (&poster, "image/png", "x"),
        (&subtitles, "multipart/form-data; boundary=b", form),
        ("POST /api/upload", "multipart/form-data; boundary=b", form),
    ];
    let all = bodies.into_iter().flat_map(|body| [(body, true), (body, false)]);
    join_all(all.map(|((line, kind, beginning), goes_on)| cut_off(line, kind, beginning, goes_on))).await;
    stage.until("http_cut_off_total{reason=\"slow_body\"}", 8).await;
    stage.until("http_under_way{kind=\"uploads\"}", 0).await;
}

#[actix_web::test]
async fn of_an_upload_that_trickles_everything_is_kept() {
    let stage = Stage::set(roomy(), Patience { body: SHORT, ..ENDLESS }, false).await;
    let tus = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntus-resumable: 1.0.0\r\n";
    let heard =
        said(stage.address, &format!("POST /api/uploads {tus}upload-length: 5000\r\ncontent-length: 0\r\n\r\n")).await;
    let heard = String::from_utf8(heard).unwrap();
    let place = heard.lines().find_map(|line| line.strip_prefix("location: ")).expect(&heard).trim().to_owned();
    let mut socket = stage.connected().await;
    let patch = format!(
        "PATCH {place} {tus}upload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: 5000\r\n\r\n"
    );
    socket.write_all((patch + &"x".repeat(1000)).as_bytes()).await.unwrap();
    let heard = trickled(socket, b"x").await;
    assert!(heard.starts_with("http/1.1 408"), "{heard}");
    let heard = said(stage.address, &format!("HEAD {place} {tus}\r\n")).await;
    let heard = String::from_utf8(heard).unwrap();
    let offset = heard.lines().find_map(|line| line.strip_prefix("upload-offset: ")).expect(&heard);
    assert!(offset.trim().parse::<u32>().unwrap() >= 1000, "{offset}");
}

#[actix_web::test]
async fn who_never_reads_is_gone_with_all_it_held_and_a_quiet_event_stream_stays() {
    let stage = Stage::set(roomy(), Patience { reader: SHORT, ..ENDLESS }, false).await;
    let mut events = stage.connected().await;
    events.write_all(keep_alive("/api/events").as_bytes()).await.unwrap();
    assert!(head(&mut events).await.starts_with("http/1.1 200"));

    let mut stuck = stuck(&stage, 16).await;
    stage.until("http_cut_off_total{reason=\"slow_reader\"}", 1).await;
    stage.until("http_connections", 1).await;
    stage.until("http_under_way{kind=\"answers\"}", 0).await;
    assert!(rest(&mut stuck).await.len() < 16 * SEGMENT, "it was all sent");
    // As much as the system may keep; it would take megabytes.
    let answers =
        stage.number("http_requests_total{route=\"/hls/{video}/{track}/{segment}\",method=\"GET\",status=\"200\"}");
    assert!((1..=3).contains(&answers), "{answers} answers were begun");

    stage.sample.film("Another").await;
    stage.sample.events.publish(crate::events::Event::System);
    let mut heard = Vec::new();
    let hearing = async {
        while !String::from_utf8_lossy(&heard).contains("event: system") {
            heard.push(events.read_u8().await.expect("the stream goes on"));
        }
    };
    tokio::time::timeout(DEADLINE, hearing).await.expect("the event comes");
}

#[actix_web::test]
async fn a_player_that_stopped_reading_makes_way_when_another_waits() {
    let capacity = Capacity { answers: 1, ..roomy() };
    let stage = Stage::set(capacity, Patience { haste: SHORT, ..ENDLESS }, false).await;
    let _stuck = stuck(&stage, 16).await;
    stage.until("http_under_way{kind=\"answers\"}", 1).await;
    let poster = stage.path.replace("/hls/", "/media/").replace("/v0/0.m4s", "/poster.jpg");
    let asking = async {
        // Until the system takes no more of the other's answers, it holds no place for long.
        while stage.number("http_cut_off_total{reason=\"slow_reader\"}") == 0 {
            let heard = said(stage.address, &get(&poster)).await;
            assert!(heard.ends_with(POSTER), "{}", String::from_utf8_lossy(&heard));
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.expect("it gets in");
}

#[actix_web::test]
async fn who_leaves_while_it_waits_holds_nothing() {
    let capacity = Capacity { listeners: 1, ..roomy() };
    let stage = Stage::set(capacity, Patience { line: 10 * DEADLINE, ..ENDLESS }, false).await;
    let asking = get("/api/events");
    let mut first = stage.connected().await;
    first.write_all(asking.as_bytes()).await.unwrap();
    assert!(head(&mut first).await.starts_with("http/1.1 200"));
    let mut waiting = stage.connected().await;
    waiting.write_all(asking.as_bytes()).await.unwrap();
    stage.until("http_connections", 2).await;
    // It waits by then, or leaves before, which comes to the same.
    tokio::time::sleep(SHORT).await;
    drop(waiting);
    stage.until("http_connections", 1).await;
}

#[actix_web::test]
async fn of_requests_that_came_together_none_waits_for_the_one_before() {
    let stage = Stage::set(Capacity { answers: 1, ..roomy() }, Patience { line: SHORT, ..ENDLESS }, false).await;
    let mut socket = stage.connected().await;
    let requests = keep_alive(&stage.path) + &get(&stage.path);
    socket.write_all(requests.as_bytes()).await.unwrap();
    assert!(head(&mut socket).await.starts_with("http/1.1 200"));
    socket.read_exact(&mut vec![0; SEGMENT]).await.unwrap();
    let second = rest(&mut socket).await;
    assert!(second.starts_with(b"HTTP/1.1 200") && second.ends_with(&segment("v0", 0)));
    stage.until("http_under_way{kind=\"answers\"}", 0).await;
}
