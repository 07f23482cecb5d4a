//! A world with its faces on a port, on threads and a runtime of its own.

use crate::bot_api::{self, Connection};
use crate::control;
use crate::settings::Settings;
use crate::world::{StartError, World};
use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, rt, web};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// More than one, so that a client that holds one up does not hold up the others.
const WORKERS: usize = 2;

/// A running simulator. It ends when it is dropped; requests under way are cut off.
#[derive(Debug)]
pub struct Simulator {
    world: World,
    address: SocketAddr,
    server: Option<(ServerHandle, JoinHandle<io::Result<()>>)>,
}

impl Simulator {
    /// Opens a world and serves it on 127.0.0.1. Returns when it answers.
    ///
    /// # Errors
    /// The folder cannot be used, or the port is taken.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let world = World::open(settings)?;
        let (tell, told) = mpsc::channel();
        let served = world.clone();
        let thread = thread::Builder::new().name("telegram-sim".to_owned()).spawn(move || {
            rt::System::new().block_on(async {
                let (server, address) = server(served)?;
                // Nobody listens only if the one who starts it has gone.
                _ = tell.send((server.handle(), address));
                server.await
            })
        });
        let thread = thread.map_err(StartError::Server)?;
        match told.recv() {
            Ok((handle, address)) => Ok(Self { world, address, server: Some((handle, thread)) }),
            Err(_) => {
                let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
                Err(StartError::Server(ended.err().unwrap_or_else(|| io::Error::other("it ended at once"))))
            }
        }
    }

    /// Where the Bot API is served, without a slash at the end: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world behind the faces.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// The server broke.
    pub fn wait(mut self) -> io::Result<()> {
        match self.server.take() {
            Some((_, thread)) => thread.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked"))),
            None => Ok(()),
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some((handle, thread)) = self.server.take() {
            // The command is given at once; the future only waits for it.
            drop(handle.stop(false));
            _ = thread.join();
        }
    }
}

fn server(world: World) -> io::Result<(Server, SocketAddr)> {
    let port = world.settings().port;
    let app = move || {
        App::new().app_data(web::Data::new(world.clone())).configure(control::routes).configure(bot_api::routes)
    };
    let server = HttpServer::new(app)
        .workers(WORKERS)
        .disable_signals()
        .on_connect(Connection::remember)
        // A client that closes its connection has left; what it asked for ends.
        .h1_allow_half_closed(false)
        .bind((Ipv4Addr::LOCALHOST, port))?;
    let address = server.addrs().first().copied();
    let address = address.ok_or_else(|| io::Error::other("the server has no address"))?;
    Ok((server.run(), address))
}
