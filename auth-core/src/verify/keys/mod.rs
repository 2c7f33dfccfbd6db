//! The keys of an issuer: where they come from, and how they stay fresh.
//!
//! Five things keep a fetched key set right and its server unharmed: it is fetched again before it is too old, in the
//! background (refresh ahead) or, if nobody came for a while, before it is used (maximum age); once for a key id that
//! is not in it (unknown `kid`), but not again within the cooldown, which is claimed before the attempt; and after a
//! failure the last good set serves on, up to the stale limit. There is one fetch at a time, in a task of its own.

mod error;
mod fetch;
mod flight;
mod limits;
mod metadata;
mod snapshot;
mod source;
mod store;
mod wait;

pub(super) use self::fetch::Place;
pub(super) use self::limits::Limits;
#[cfg(feature = "introspection")]
pub(super) use self::limits::back_off;
pub(super) use self::snapshot::Generation;
pub(super) use self::source::{Epoch, KeySource, Miss};
pub(super) use self::store::Store;
pub(super) use self::wait::{KeyWait, Landed};
