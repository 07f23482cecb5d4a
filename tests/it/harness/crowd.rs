//! Players by hand, hundreds of them: each asks over a socket of its own, and takes of the answer what it likes.

use super::World;
use super::wait::within;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Most bytes of one step of a player.
const STEP: usize = 64 * 1024;

/// How a player takes what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As fast as it comes.
    Fast,
    /// With a rest after each step, and little room for what it has not taken.
    Slow(Duration),
}

/// A connection on which something was asked for.
pub struct Asking {
    stream: TcpStream,
    manner: Manner,
}

/// Lets this process, and those it starts, have as many sockets at once as the system allows.
pub fn expect_many() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("up to there anybody may go");
}

impl Asking {
    /// Asks a server for a path.
    pub async fn of(world: &World, path: &str, manner: Manner) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", world.address());
        Self::saying(world, &request, manner).await
    }

    /// Says this to a server, whatever it is.
    pub async fn saying(world: &World, words: &str, manner: Manner) -> Self {
        let socket = TcpSocket::new_v4().expect("there is a socket left");
        if manner != Manner::Fast {
            socket.set_recv_buffer_size(STEP as u32).expect("a buffer may be small");
        }
        let connected = within("a connection", socket.connect(world.address())).await;
        let mut stream = connected.expect("the server accepts a connection");
        stream.write_all(words.as_bytes()).await.expect("the server takes a request");
        Self { stream, manner }
    }

    /// Takes the whole answer, which must be 200 with exactly these bytes.
    pub async fn assert_gets(mut self, wanted: &[u8]) {
        let mut slice = self.body().await;
        let mut taken = 0;
        while !slice.is_empty() {
            assert!(wanted[taken..].starts_with(&slice), "other bytes at {taken} of {}", wanted.len());
            taken += slice.len();
            if let Manner::Slow(rest) = self.manner {
                tokio::time::sleep(rest).await;
            }
            slice = self.slice().await;
        }
        assert_eq!(taken, wanted.len(), "the answer was cut short");
    }

    /// Takes so many bytes of the answer's body at least, and leaves: what it has not taken is thrown back.
    pub async fn leaves_after(mut self, bytes: usize) {
        let mut taken = self.body().await.len();
        while taken < bytes {
            let slice = self.slice().await;
            assert!(!slice.is_empty(), "the answer ended before it was left");
            taken += slice.len();
        }
        self.resets();
    }

    /// Leaves with a reset instead of a goodbye.
    pub fn resets(self) {
        self.stream.set_zero_linger().expect("a socket can be told how it ends");
    }

    /// What came of the body with the head of the answer, or right behind it.
    async fn body(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        loop {
            let slice = self.slice().await;
            assert!(!slice.is_empty(), "no answer but {:?}", String::from_utf8_lossy(&said));
            said.extend(slice);
            let Some(end) = said.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&said[..end]).into_owned();
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            let body = said.split_off(end + 4);
            return if body.is_empty() { self.slice().await } else { body };
        }
    }

    /// What came next; empty at the end.
    async fn slice(&mut self) -> Vec<u8> {
        let mut slice = vec![0; STEP];
        let count = within("the next bytes of an answer", self.stream.read(&mut slice)).await;
        slice.truncate(count.expect("the server does not break off"));
        slice
    }
}
