//! The web face: pages and the files they are made of.

pub mod assets;
pub mod pages;
