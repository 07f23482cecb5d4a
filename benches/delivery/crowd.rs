//! Row 15: five hundred players want the same segment at once, and the server has to fetch it from Telegram first: bots
//! that answer after 20 ms, with lines of 100 Mbit/s.

use crate::film;
use crate::load::{on_core, read_head};
use crate::stage::report::{Goal, Row, Spread, short};
use crate::stage::{Server, median};
use crate::stored::Stored;
use crate::{Plan, note};
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use telegram_sim::{Settings, Simulator};

const PLAYERS: usize = 500;
const SEGMENT_MIB: u64 = 1;
const SEGMENTS: u64 = 12;
const LATENCY: Duration = Duration::from_millis(20);
/// 100 Mbit/s.
const LINE: u64 = 12_500_000;

pub async fn measure(plan: &Plan) {
    let bots = Settings { latency: LATENCY, bot_bytes_per_second: Some(LINE), ..Settings::bots(8) };
    let stored = Stored::made(plan, "crowd", bots, &[], SEGMENT_MIB, SEGMENTS).await;
    let Stored { sim, server, video, .. } = &stored;
    // Behind the last one there is nothing that could be read ahead, and be counted.
    let path = film::segments(server, video).await.pop().unwrap();
    let wanted = server.bytes(&path).await;
    let (mut fetches, mut spreads, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    clear(server).await;
    on_core(plan.client_core, || all_at_once(server.address(), &path, &wanted, Reading::Compared));
    for _ in 0..plan.rounds {
        clear(server).await;
        let before = downloads(sim);
        let times = on_core(plan.client_core, || all_at_once(server.address(), &path, &wanted, Reading::Counted));
        fetches.push((downloads(sim) - before) as f64);
        spreads.push(times.most / times.least);
        firsts.push(times.least * 1000.0);
        lasts.push(times.most * 1000.0);
    }
    stored.end();
    let what = format!("{PLAYERS} players, one cold segment of {:.1} MB", wanted.len() as f64 / 1e6);
    let rows = [
        Row {
            key: "15a",
            what: format!("{what}: fetches"),
            seen: "counted by the simulator; in a turn before, every byte of every player was compared".into(),
            figure: Spread::of(fetches),
            unit: "",
            goal: Goal::AtMost(1.0),
        },
        Row {
            key: "15b",
            what: format!("{what}: the last player's time beside the first one's"),
            seen: format!("{} beside {} ms", short(median(lasts)), short(median(firsts))),
            figure: Spread::of(spreads),
            unit: "×",
            goal: Goal::AtMost(1.2),
        },
    ];
    note(&rows);
}

async fn clear(server: &Server) {
    let cleared = server.client.post(format!("{}/api/system/cache/clear", server.base)).send().await;
    cleared.unwrap().error_for_status().unwrap();
}

/// What a player does with the bytes.
#[derive(Clone, Copy)]
enum Reading {
    /// Compares them, which takes the client longer than it takes the server to send them.
    Compared,
    /// Has the kernel throw them away.
    Counted,
}

fn downloads(sim: &Simulator) -> u64 {
    let world = sim.world();
    world.bots().into_iter().map(|bot| world.counters(bot.id).requests_of("download")).sum()
}

/// Seconds until each had all of it.
fn all_at_once(address: SocketAddr, path: &str, wanted: &[u8], reading: Reading) -> Spread {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let mut players: Vec<Player> = (0..PLAYERS).map(|_| Player::at(address)).collect();
    for (number, player) in players.iter().enumerate() {
        epoll::add(&poll, &player.socket, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN).unwrap();
    }
    let began = Instant::now();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for player in &mut players {
        player.socket.write_all(request.as_bytes()).unwrap();
    }
    let (mut times, mut buffer) = (Vec::new(), vec![0; 256 * 1024]);
    let mut events: Vec<epoll::Event> = Vec::with_capacity(PLAYERS);
    while times.len() < PLAYERS {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None).unwrap();
        for event in &events {
            let player = &mut players[usize::try_from(event.data.u64()).unwrap()];
            if player.receive(&mut buffer, wanted, reading) {
                times.push(began.elapsed().as_secs_f64());
            }
        }
    }
    Spread::of(times)
}

struct Player {
    socket: TcpStream,
    head: Vec<u8>,
    /// Bytes of the body; nothing before its head is there.
    got: Option<usize>,
}

impl Player {
    fn at(address: SocketAddr) -> Self {
        Self { socket: TcpStream::connect(address).unwrap(), head: Vec::new(), got: None }
    }

    /// Takes what is there, and says whether that was the last of it.
    fn receive(&mut self, buffer: &mut [u8], wanted: &[u8], reading: Reading) -> bool {
        let Some(got) = self.got else { return self.receive_head(wanted) };
        let flags = match reading {
            Reading::Compared => RecvFlags::empty(),
            Reading::Counted => RecvFlags::TRUNC,
        };
        let (_, len) = recv(&self.socket, &mut *buffer, flags).unwrap();
        assert!(len > 0, "a connection was closed instead of answered");
        assert!(got + len <= wanted.len(), "too many bytes");
        if let Reading::Compared = reading {
            assert!(wanted[got..].starts_with(&buffer[..len]), "a wrong byte");
        }
        self.got = Some(got + len);
        self.got == Some(wanted.len())
    }

    /// Reads it, and what of the body comes with it.
    fn receive_head(&mut self, wanted: &[u8]) -> bool {
        let mut part = [0; 2 * 1024];
        let len = self.socket.read(&mut part).unwrap();
        assert!(len > 0, "a connection was closed instead of answered");
        self.head.extend_from_slice(&part[..len]);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
        let (head, body) = self.head.split_at(end + 4);
        assert_eq!(read_head(head), (Some(200), Some(wanted.len() as u64)), "{}", String::from_utf8_lossy(head));
        assert!(wanted.starts_with(body), "a wrong byte");
        self.got = Some(body.len());
        body.len() == wanted.len()
    }
}
