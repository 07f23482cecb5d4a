//! The socket under a request, to reset it.

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use std::any::Any;
use std::os::fd::{AsFd as _, OwnedFd};

/// A second handle of a connection's socket. It is closed with the connection.
pub(crate) struct Connection(OwnedFd);

impl Connection {
    /// To be called for each new connection; keeps the handle where requests find it.
    pub(crate) fn remember(stream: &dyn Any, data: &mut Extensions) {
        let stream = stream.downcast_ref::<TcpStream>();
        if let Some(socket) = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok()) {
            data.insert(Self(socket));
        }
    }

    /// Resets the connection of `request`: the client sees it break, and no answer.
    pub(super) fn reset(request: &HttpRequest) {
        let connection = request.conn_data::<Self>().expect("every connection was remembered");
        // Unlike a shutdown, this sends RST. If it fails, the connection has ended already.
        _ = rustix::net::connect_unspec(&connection.0);
    }
}
