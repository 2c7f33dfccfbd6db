//! x

#[allow(dead_code, reason = "the store that uses all of it comes next")]
mod keys;
#[allow(dead_code, unused_imports, reason = "the store that uses all of it comes next")]
mod seal;

pub use self::keys::{DataKey, FnKeys, KeyError, KeyErrorKind, KeyProvider, KeyRing, Keys};
