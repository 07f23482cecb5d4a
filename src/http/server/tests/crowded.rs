//! More than there is room for.

use super::*;
use futures::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

async fn listening(stage: &Stage, headers: &str) -> (TcpStream, String) {
    let mut socket = stage.connected().await;
    let request = format!("GET /api/events HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let head = head(&mut socket).await;
    (socket, head)
}

fn is_turned_away(head: &str, status: u16) -> bool {
    head.starts_with(&format!("http/1.1 {status}")) && head.contains("retry-after: ") && head.contains("problem+json")
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
    let gone = async {
        for heard in join_all(sockets.iter_mut().map(rest)).await {
            assert!(heard.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&heard));
        }
    };
    let watching = async {
        loop {
            viewer.write_all(keep_alive(&stage.path).as_bytes()).await.unwrap();
            assert!(head(&mut viewer).await.starts_with("http/1.1 200"));
            let mut body = vec![0; SEGMENT];
            viewer.read_exact(&mut body).await.unwrap();
            assert!(body == segment("v0", 0));
        }
    };
    tokio::select! {
        () = gone => {}
        () = watching => {}
    }
    stage.until("http_connections", 1).await;
}

#[actix_web::test]
async fn at_the_bound_those_that_wait_longest_make_way() {
    let stage = Stage::set(Capacity { connections: 3, ..roomy() }, ENDLESS, false).await;
    let (_events, heard) = listening(&stage, "").await;
    assert!(heard.starts_with("http/1.1 200"));
    let mut idle = Vec::new();
    for count in 1..=2 {
        idle.push(stage.connected().await);
        stage.until("http_connections", count + 1).await;
    }
    for _ in 0..5 {
        assert!(said(stage.address, &get("/healthz")).await.starts_with(b"HTTP/1.1 200"));
    }
    assert!(rest(&mut idle[0]).await.is_empty(), "it was closed without a word");
    stage.until("http_turned_away_total{reason=\"connections\"}", 0).await;
}

#[actix_web::test]
async fn where_every_connection_is_busy_a_newcomer_is_told_when_to_come_back() {
    let stage = Stage::set(Capacity { connections: 2, ..roomy() }, ENDLESS, false).await;
    let mut busy = vec![listening(&stage, "").await, listening(&stage, "").await];
    assert!(busy.iter().all(|(_, head)| head.starts_with("http/1.1 200")));
    let heard = String::from_utf8(said(stage.address, &keep_alive(&stage.path)).await).unwrap().to_lowercase();
    let (head, _) = heard.split_once("\r\n\r\n").unwrap();
    assert!(is_turned_away(head, 503) && head.contains("connection: close"), "{head}");
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
    assert!(is_turned_away(&heard, 503), "{heard}");

    let mut sending = stage.connected().await;
    let form = "POST /api/upload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-type: multipart/form-data; boundary=b\r\ncontent-length: 1000\r\n\r\n--b\r\n";
    sending.write_all(form.as_bytes()).await.unwrap();
    stage.until("http_under_way{kind=\"uploads\"}", 1).await;
    let heard = String::from_utf8(said(stage.address, form).await).unwrap().to_lowercase();
    assert!(is_turned_away(heard.split_once("\r\n\r\n").unwrap().0, 503), "{heard}");
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
    let stage = Stage::set(capacity, ENDLESS, true).await;
    let theirs = "x-forwarded-for: 198.51.100.1, 203.0.113.7\r\n";
    let mut open = Vec::new();
    for headers in [theirs, theirs, "x-forwarded-for: 203.0.113.8\r\n", "", "", ""] {
        let (socket, heard) = listening(&stage, headers).await;
        assert!(heard.starts_with("http/1.1 200"), "{headers}: {heard}");
        open.push(socket);
    }
    let (_, heard) = listening(&stage, theirs).await;
    assert!(is_turned_away(&heard, 429), "{heard}");
    stage.until("http_turned_away_total{reason=\"client\"}", 1).await;
    stage.until("http_under_way{kind=\"listeners\"}", 6).await;

    let alone = Stage::set(capacity, ENDLESS, false).await;
    for _ in 0..3 {
        let (socket, heard) = listening(&alone, theirs).await;
        assert!(heard.starts_with("http/1.1 200"), "nobody configured a proxy, so that nobody believes it: {heard}");
        open.push(socket);
    }
}
