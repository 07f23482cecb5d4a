//! The face of the HTTP Bot API (<https://core.telegram.org/bots/api>).
//!
//! Texts of answers are those of the documentation or of the public server's source; where neither
//! says one, a comment does. Nothing of a request is kept in memory beyond a chunk of its document.

mod call;
mod connection;
mod download;
mod failure;
mod input;
mod method;
mod pacer;
mod shape;

use actix_web::web::{self, ServiceConfig};
pub(crate) use connection::Connection;

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .route("/file/bot{token}/{path:.*}", web::get().to(download::download))
        .route("/bot{token}/{method}", web::get().to(call::call))
        .route("/bot{token}/{method}", web::post().to(call::call))
        .default_service(web::to(failure::no_route));
}
