//! A client for loads: many connections, each of which asks again as soon as it is answered, driven by one thread on
//! one core with one `epoll`.
//!
//! It must cost less than what it measures. So requests are made beforehand, of an answer only the head is read, and
//! the body is thrown away in the kernel (`recv` with `MSG_TRUNC`, which copies nothing). The status and the length of
//! every answer are compared with what they should be: a wrong one ends the measurement.

use crate::stage::median;
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::Timespec;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Time at the beginning that does not count.
const WARM_UP: Duration = Duration::from_millis(300);
/// When nobody is answered for so long, something is broken.
const PATIENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };
/// Bytes thrown away with one call; nothing is written there.
const DISCARDED: usize = 4 * 1024 * 1024;
/// Bytes of an answer's head, and most often of a small body, that are read with one call.
const HEAD: usize = 2 * 1024;

/// What is asked for, and what has to come.
#[derive(Clone, Debug)]
pub struct Request {
    text: Vec<u8>,
    status: u16,
    len: u64,
}

impl Request {
    /// A GET whose answer has `len` bytes; `headers` are whole lines.
    pub fn get(path: &str, headers: &str, status: u16, len: u64) -> Self {
        let text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\n{headers}\r\n");
        Self { text: text.into(), status, len }
    }

    pub fn len(&self) -> u64 {
        self.len
    }
}

/// How many ask, for how long, from which core.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub connections: usize,
    pub time: Duration,
    pub core: usize,
}

/// What came in the time that counts.
#[derive(Debug)]
pub struct Measured {
    pub seconds: f64,
    /// Of bodies.
    pub bytes: u64,
    /// Answers that ended.
    pub answers: u64,
    /// Growth of the gauge: seconds of processor time.
    pub cpu: f64,
    /// Milliseconds from a request to the end of its answer: half of them, and 99 of 100, were quicker.
    pub latency: (f64, f64),
}

impl Measured {
    pub fn rate(&self) -> f64 {
        self.bytes as f64 / self.seconds
    }

    pub fn answers_per_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    pub fn cpu_per_gb(&self) -> f64 {
        self.cpu / (self.bytes as f64 / 1e9)
    }

    pub fn cpu_per_answer(&self) -> f64 {
        self.cpu / self.answers as f64
    }
}

/// Does this on a thread that only runs on the core of this number.
pub fn on_core<T: Send>(core: usize, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let pinned = scope.spawn(|| {
            let mut cores = CpuSet::new();
            cores.set(core);
            sched_setaffinity(None, &cores).unwrap();
            work()
        });
        pinned.join().unwrap()
    })
}

impl Load {
    /// Asks for these in turns, each connection beginning with another one. `gauge` is read when the time that counts
    /// begins and when it ends.
    pub fn run(self, address: SocketAddr, requests: &[Request], gauge: impl Fn() -> f64 + Send) -> Measured {
        on_core(self.core, || Run::open(self, address, requests).drive(gauge))
    }
}

struct Connection {
    socket: TcpStream,
    /// The request it waits for, of all.
    asked: usize,
    since: Instant,
    head: Vec<u8>,
    /// Bytes of the body that are still to come; nothing before its head is there.
    left: Option<u64>,
}

struct Run<'a> {
    load: Load,
    requests: &'a [Request],
    connections: Vec<Connection>,
    discarded: Vec<u8>,
    poll: rustix::fd::OwnedFd,
    bytes: u64,
    latencies: Vec<f64>,
}

impl<'a> Run<'a> {
    fn open(load: Load, address: SocketAddr, requests: &'a [Request]) -> Self {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let mut connections = Vec::new();
        for number in 0..load.connections {
            let socket = TcpStream::connect(address).unwrap();
            socket.set_nodelay(true).unwrap();
            epoll::add(&poll, &socket, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN).unwrap();
            let (asked, since) = (number % requests.len(), Instant::now());
            connections.push(Connection { socket, asked, since, head: Vec::new(), left: None });
        }
        let discarded = vec![0; DISCARDED];
        Self { load, requests, connections, discarded, poll, bytes: 0, latencies: Vec::new() }
    }

    fn drive(mut self, gauge: impl Fn() -> f64) -> Measured {
        for connection in &mut self.connections {
            connection.ask(&self.requests[connection.asked]);
        }
        self.until(Instant::now() + WARM_UP);
        (self.bytes, self.latencies) = (0, Vec::new());
        let (began, cpu) = (Instant::now(), gauge());
        self.until(began + self.load.time);
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), gauge() - cpu);
        assert!(!self.latencies.is_empty(), "no answer came to its end in {seconds:.1} s");
        self.latencies.sort_by(f64::total_cmp);
        let slow = self.latencies[(self.latencies.len() * 99 / 100).min(self.latencies.len() - 1)];
        let answers = self.latencies.len() as u64;
        Measured { seconds, bytes: self.bytes, answers, cpu, latency: (median(self.latencies), slow) }
    }

    fn until(&mut self, end: Instant) {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(self.connections.len());
        while Instant::now() < end {
            events.clear();
            epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut events), Some(&PATIENCE)).unwrap();
            assert!(!events.is_empty(), "nobody was answered for {} s", PATIENCE.tv_sec);
            for event in &events {
                self.receive(usize::try_from(event.data.u64()).unwrap());
            }
        }
    }

    fn receive(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let request = &self.requests[connection.asked];
        self.bytes += connection.receive(request, &mut self.discarded);
        if connection.left == Some(0) {
            self.latencies.push(connection.since.elapsed().as_secs_f64() * 1000.0);
            connection.asked = (connection.asked + 1) % self.requests.len();
            connection.ask(&self.requests[connection.asked]);
        }
    }
}

impl Connection {
    fn ask(&mut self, request: &Request) {
        self.head.clear();
        (self.left, self.since) = (None, Instant::now());
        self.socket.write_all(&request.text).unwrap();
    }

    /// Takes what is there with one call, and says how much of the body it was.
    fn receive(&mut self, request: &Request, discarded: &mut [u8]) -> u64 {
        let Some(left) = self.left else { return self.receive_head(request) };
        let most = discarded.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (_, len) = recv(&self.socket, &mut discarded[..most], RecvFlags::TRUNC).unwrap();
        assert!(len > 0, "the connection was closed {left} bytes before the end of a body");
        self.left = Some(left - len as u64);
        len as u64
    }

    fn receive_head(&mut self, request: &Request) -> u64 {
        let mut part = [0; HEAD];
        let (_, len) = recv(&self.socket, &mut part[..], RecvFlags::empty()).unwrap();
        assert!(len > 0, "the connection was closed instead of answered");
        self.head.extend_from_slice(&part[..len]);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else { return 0 };
        let (head, body) = self.head.split_at(end + 4);
        let (status, length) = read_head(head);
        let (asked, head) = (String::from_utf8_lossy(&request.text), String::from_utf8_lossy(head));
        assert!(
            status == Some(request.status) && length == Some(request.len) && body.len() as u64 <= request.len,
            "{} and {} bytes should have come:\n{asked}{head}",
            request.status,
            request.len
        );
        self.left = Some(request.len - body.len() as u64);
        body.len() as u64
    }
}

/// The status and the length of the body.
pub fn read_head(head: &[u8]) -> (Option<u16>, Option<u64>) {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse::<u64>().ok();
    let status = head.get(9..12).and_then(number).and_then(|status| u16::try_from(status).ok());
    let length = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        name.eq_ignore_ascii_case(b"content-length:").then(|| number(value))?
    });
    (status, length)
}
