//! x

mod keys;
#[allow(dead_code, reason = "the store that uses this comes next")]
mod seal;

pub use self::keys::{DataKey, FnKeys, KeyError, KeyErrorKind, KeyProvider, KeyRing, Keys};
