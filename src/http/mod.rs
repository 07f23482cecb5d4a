//! The web face: turns requests into calls of use cases and their answers into HTTP.
//!
//! Around every handler lie, from the outside in: `secure` (headers for browsers), `cors` (who may
//! read from another page), `problem` (one shape for every error under `/api`) and `origin` (which
//! names this server answers to, and which pages may write). Handlers take a `Grant`, call one use
//! case and fail with an `ApiError`.

pub mod assets;
pub mod auth;
pub mod body;
pub mod conditional;
pub mod cors;
pub mod error;
pub mod origin;
pub mod pages;
pub mod problem;
pub mod range;
pub mod secure;
pub mod text;
