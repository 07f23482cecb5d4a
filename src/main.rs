//! The `telecine` program.

fn main() {}
