//! More than there is room for.

use super::*;
use futures::future::{join, join_all};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::cell::Cell;

async fn listening(stage: &Stage, headers: &str) -> (TcpStream, String) {
    let mut socket = stage.connected().await;
    let request = format!("GET /api/events HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let head = head(&mut socket).await;
    (socket, head)
}

fn is_turned_away(head: &str) -> bool {
    head.starts_with("http/1.1 503") && head.contains("retry-after: ") && head.contains("problem+json")
}

#[actix_web::test]
async fn five_thousand_silent_connections_go_in_time_and_harm_nobody() {
    let found = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: found.maximum, ..found }).unwrap();
    // Both ends of each are ours. A machine that allows fewer files sees fewer of them.
    let files = found.maximum.unwrap_or(u64::MAX);
    let silent = usize::try_from((files.saturating_sub(400) / 2).min(5000)).unwrap();
    let stage = Stage::set(roomy(), Patience { head: Duration::from_secs(3), ..ENDLESS }, false).await;
    let mut viewer = stage.connected().await;
    viewer.write_all(keep_alive("/healthz").as_bytes()).await.unwrap();
    assert!(head(&mut viewer).await.starts_with("http/1.1 200"));
    viewer.read_exact(&mut [0; 6]).await.unwrap();
    let mut sockets = join_all((0..silent).map(|_| stage.connected())).await;
    let is_over = Cell::new(false);
    let gone = async {
        for heard in join_all(sockets.iter_mut().map(rest)).await {
            assert!(heard.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&heard));
        }
        is_over.set(true);
    };
    let watching = async {
        while !is_over.get() {
            viewer.write_all(keep_alive(&stage.path).as_bytes()).await.unwrap();
            assert!(head(&mut viewer).await.starts_with("http/1.1 200"));
            let mut body = vec![0; SEGMENT];
            viewer.read_exact(&mut body).await.unwrap();
            assert!(body == segment("v0", 0));
        }
    };
    tokio::time::timeout(DEADLINE, join(watching, gone)).await.expect("both come to an end");
    stage.until("http_connections", 1).await;
}

#[actix_web::test]
async fn at_the_bound_those_that_wait_longest_make_way() {
    let stage = Stage::set(Capacity { connections: 3, ..roomy() }, ENDLESS, false).await;
    let (_events, heard) = listening(&stage, "").await;
    assert!(heard.starts_with("http/1.1 200"));
    let mut idle = Vec::new();
    for _ in 1..=2 {
        let mut socket = stage.connected().await;
        socket.write_all(keep_alive("/healthz").as_bytes()).await.unwrap();
        assert!(head(&mut socket).await.starts_with("http/1.1 200"));
        idle.push(socket);
    }
    assert!(said(stage.address, &get(&stage.path)).await.ends_with(&segment("v0", 0)));
    assert_eq!(rest(&mut idle[0]).await, b"alive\n", "it was closed without another word");
    stage.until("http_cut_off_total{reason=\"made_way\"}", 1).await;
    stage.until("http_connections", 2).await;
    idle[1].write_all(keep_alive("/healthz").as_bytes()).await.unwrap();
    idle[1].read_exact(&mut [0; 6]).await.unwrap();
    assert!(head(&mut idle[1]).await.starts_with("http/1.1 200"), "the other one stays");
}

#[actix_web::test]
async fn where_every_connection_is_busy_a_newcomer_is_told_when_to_come_back() {
    let stage = Stage::set(Capacity { connections: 2, ..roomy() }, ENDLESS, false).await;
    let mut busy = vec![listening(&stage, "").await, listening(&stage, "").await];
    assert!(busy.iter().all(|(_, head)| head.starts_with("http/1.1 200")));
    let heard = String::from_utf8(said(stage.address, &keep_alive(&stage.path)).await).unwrap().to_lowercase();
    let (head, _) = heard.split_once("\r\n\r\n").unwrap();
    assert!(is_turned_away(head) && head.contains("connection: close"), "{head}");
    for always in ["/healthz", "/metrics", "/", "/system", "/api/system/status", "/api/videos"] {
        let heard = said(stage.address, &get(always)).await;
        assert!(heard.starts_with(b"HTTP/1.1 200"), "{always}: {}", String::from_utf8_lossy(&heard));
    }
    stage.until("http_turned_away_total{reason=\"connections\"}", 1).await;
    busy.pop();
    stage.until("http_connections", 1).await;
    assert!(said(stage.address, &get(&stage.path)).await.ends_with(&segment("v0", 0)));
}

#[actix_web::test]
async fn each_kind_has_its_places_and_who_was_turned_away_gets_in_when_one_is_free() {
    let capacity = Capacity { listeners: 1, uploads: 1, ..roomy() };
    let stage = Stage::set(capacity, Patience { line: Duration::from_millis(50), ..ENDLESS }, false).await;
    let (first, heard) = listening(&stage, "").await;
    assert!(heard.starts_with("http/1.1 200"));
    let (_, heard) = listening(&stage, "").await;
    assert!(is_turned_away(&heard), "{heard}");

    let mut sending = stage.connected().await;
    let form = "POST /api/upload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-type: multipart/form-data; boundary=b\r\ncontent-length: 1000\r\n\r\n--b\r\n";
    sending.write_all(form.as_bytes()).await.unwrap();
    stage.until("http_under_way{kind=\"uploads\"}", 1).await;
    let heard = String::from_utf8(said(stage.address, form).await).unwrap().to_lowercase();
    assert!(is_turned_away(heard.split_once("\r\n\r\n").unwrap().0), "{heard}");
    assert!(heard.contains("\"code\":\"busy\""), "{heard}");

    assert!(said(stage.address, &get(&stage.path)).await.ends_with(&segment("v0", 0)), "players are others");
    for reason in ["listeners", "uploads"] {
        stage.until(&format!("http_turned_away_total{{reason=\"{reason}\"}}"), 1).await;
        stage.until(&format!("http_under_way{{kind=\"{reason}\"}}"), 1).await;
    }
    drop((first, sending));
    stage.until("http_under_way{kind=\"uploads\"}", 0).await;
    stage.until("http_under_way{kind=\"listeners\"}", 0).await;
    assert!(listening(&stage, "").await.1.starts_with("http/1.1 200"));
}

#[actix_web::test]
async fn behind_a_proxy_each_address_has_its_share_and_this_machine_has_none() {
    let capacity = Capacity { client: 2, ..roomy() };
    let stage = Stage::set(capacity, Patience { line: Duration::from_millis(50), ..ENDLESS }, true).await;
    let theirs = "x-forwarded-for: 198.51.100.1, 203.0.113.7\r\n";
    let mut open = Vec::new();
    for headers in [theirs, theirs, "x-forwarded-for: 203.0.113.8\r\n", "", "", ""] {
        let (socket, heard) = listening(&stage, headers).await;
        assert!(heard.starts_with("http/1.1 200"), "{headers}: {heard}");
        open.push(socket);
    }
    let (_, heard) = listening(&stage, theirs).await;
    assert!(is_turned_away(&heard), "{heard}");
    stage.until("http_turned_away_total{reason=\"client\"}", 1).await;
    stage.until("http_under_way{kind=\"listeners\"}", 6).await;
    let film = get(&stage.path).replace("host:", &format!("{theirs}host:"));
    assert!(said(stage.address, &film).await.ends_with(&segment("v0", 0)), "what is played is counted by itself");

    let alone = Stage::set(capacity, ENDLESS, false).await;
    for _ in 0..3 {
        let (socket, heard) = listening(&alone, theirs).await;
        assert!(heard.starts_with("http/1.1 200"), "nobody configured a proxy, so that nobody believes it: {heard}");
        open.push(socket);
    }
}

#[actix_web::test]
async fn a_burst_on_a_busy_server_is_told_to_come_back_and_leaves_no_more_connections_than_there_may_be() {
    let stage = Stage::set(Capacity { connections: 2, ..roomy() }, ENDLESS, false).await;
    let busy = [listening(&stage, "").await, listening(&stage, "").await];
    let mut burst = join_all((0..6).map(|_| stage.connected())).await;
    stage.until("http_connections", 8).await;
    for socket in &mut burst {
        socket.write_all(keep_alive(&stage.path).as_bytes()).await.unwrap();
        let heard = String::from_utf8(rest(socket).await).unwrap().to_lowercase();
        assert!(is_turned_away(heard.split_once("\r\n\r\n").unwrap().0), "{heard}");
    }
    stage.until("http_connections", 2).await;
    drop(busy);
}
