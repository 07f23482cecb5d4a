//! The store keeps its promises: what is to be forgotten is removed everywhere, and a copy that
//! was found damaged is not read again.

mod damage;
mod forget;
#[cfg(test)]
mod tests;

pub use damage::record_damage;
pub use forget::{ForgetError, Parts, forget};
