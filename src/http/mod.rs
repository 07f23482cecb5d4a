//! The web face: turns requests into calls of use cases and their answers into HTTP.
//!
//! `routes` is the whole table (of what `route` makes), `server` what answers it, over connections that `wire` watches
//! and `door` counts. A `link` tells connection and requests of each other; long bodies are `incoming`, and segments
//! `outgoing`, past the framework. Forms are read in `parts`. Around every handler lie, from the outside in: `wire` (what
//! happens on its connection), `trace` (a name and a span), `secure` (headers for browsers), `cors` (what pages of other
//! origins are told), `problem` (one shape for every error under `/api`), `auth` (who may come in), `origin` (which names
//! this server answers to, and which pages may write) and `admission` (whether there is room, and what `share` of it an
//! address has). Handlers take a `Grant`, call one use case and fail with an `ApiError`.

mod address;
mod admission;
pub mod assets;
pub mod auth;
pub mod body;
mod bots;
pub mod conditional;
pub mod cors;
mod door;
mod download;
pub mod error;
mod events;
mod fields;
mod form;
mod health;
pub mod https;
mod imports;
mod incoming;
mod jobs;
mod link;
mod openapi;
pub mod origin;
mod outgoing;
mod pace;
pub mod pages;
mod parts;
mod planned;
mod playback;
mod posters;
pub mod problem;
pub mod range;
mod route;
pub mod routes;
pub mod secure;
mod server;
mod share;
mod sse;
mod subtitles;
mod system;
pub mod text;
mod texts;
pub mod trace;
mod translate;
mod tus;
mod upload;
mod videos;
mod view;
mod wire;

pub use admission::{Capacity, Patience, Settings};
pub use server::{Parts, serve};
pub use upload::Limits;
