//! Telecine: a self-hosted video server that turns films into HLS and keeps them in packs, spread
//! over channels. The modules, bottom to top:

pub mod http;
pub mod media;
