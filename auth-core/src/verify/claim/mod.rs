//! Single claims of a claims set that was checked before: found by name or JSON pointer, and borrowed.

mod access;
mod actor;
mod find;
mod places;
mod value;

pub use self::actor::Actor;
pub use self::value::Claim;

pub(super) use self::places::{Picked, Place, Places};
