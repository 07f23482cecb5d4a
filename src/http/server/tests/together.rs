//! Requests that come together.

use super::*;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpSocket;

const REQUESTS: usize = 60;

/// Time of processor that this program took.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

#[actix_web::test]
async fn what_comes_behind_answers_that_nobody_reads_waits_and_costs_nothing() {
    let stage = Stage::set(roomy(), ENDLESS, false).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let socket = socket.connect(stage.address).await.unwrap().into_std().unwrap();
    let mut asking = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
    let mut player = TcpStream::from_std(socket).unwrap();
    let request = format!("GET {} HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n", stage.path, "x".repeat(8000));
    let asked = actix_web::rt::spawn(async move { asking.write_all(request.repeat(REQUESTS).as_bytes()).await });
    stage.until("http_under_way{kind=\"answers\"}", 1).await;
    // As long as the system takes answers, there is something to do.
    let begun = "http_requests_total{route=\"/hls/{video}/{track}/{segment}\",method=\"GET\",status=\"200\"}";
    let (mut answers, mut alike) = (0, 0);
    while alike < 3 {
        let now = stage.number(begun);
        alike = if now == answers { alike + 1 } else { 0 };
        answers = now;
        tokio::time::sleep(SHORT).await;
    }

    let (before, since) = (worked(), std::time::Instant::now());
    tokio::time::sleep(2 * SHORT).await;
    let (took, wall) = (worked() - before, since.elapsed());
    assert!(took < wall / 4, "{took:?} of {wall:?}");

    let expected = segment("v0", 0);
    for number in 0..REQUESTS {
        assert!(head(&mut player).await.starts_with("http/1.1 200"), "{number}");
        let mut heard = vec![0; SEGMENT];
        player.read_exact(&mut heard).await.unwrap();
        assert!(heard == expected, "{number}");
    }
    asked.await.unwrap().unwrap();
}

#[actix_web::test]
async fn a_head_that_is_too_long_is_told_so_however_it_comes() {
    let stage = Stage::set(roomy(), ENDLESS, false).await;
    for (length, answer) in [(100_000, "http/1.1 200"), (200_000, "http/1.1 431")] {
        let request =
            format!("GET {} HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n", stage.path, "x".repeat(length));
        for slice in [7_000, 1 << 20] {
            let mut player = stage.connected().await;
            let (mut reading, mut writing) = player.split();
            let mut heard = [0; 12];
            let asking = async {
                for part in request.as_bytes().chunks(slice) {
                    // Who is told so may be hung up on before everything is sent.
                    if writing.write_all(part).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            };
            let (_, read) = tokio::join!(asking, reading.read_exact(&mut heard));
            read.unwrap();
            assert_eq!(String::from_utf8_lossy(&heard).to_lowercase(), answer, "{length} in slices of {slice}");
        }
    }
}
