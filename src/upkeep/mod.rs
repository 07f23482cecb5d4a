//! The store keeps its promises: what is to be forgotten is removed everywhere, a copy that was found
//! damaged is not read again, and missing copies are made anew.

mod damage;
mod forget;
mod keeper;
mod litter;
mod mend;
mod probe;
mod searches;
#[cfg(test)]
mod tests;

pub use damage::{MISSING_BACKLOG, record_damage};
pub use forget::{ForgetError, Parts, forget};
pub use keeper::Keeper;
pub use mend::{MendParts, Task};
pub use probe::Prober;
