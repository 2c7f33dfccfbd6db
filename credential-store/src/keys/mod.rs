//! Keys that encrypt keys, and what one key does to bytes.
//!
//! Each stored credential has a data key of its own. A data key is stored next to what it encrypts, wrapped: encrypted with
//! a key-encryption key that is never in the database. Whoever holds the key-encryption keys is a [`KeyProvider`]: a
//! [`KeyRing`] in this process, or a key management service behind [`FnKeys`] or an implementation of the trait.

mod canonical;
mod cipher;
mod data_key;
mod erased;
mod error;
mod fn_keys;
mod key_list;
mod key_ring;
mod key_text;
mod provider;

pub(crate) use self::canonical::{Canonical, HeaderFault, Kind, header, strip_header};
pub(crate) use self::cipher::{OVERHEAD, derive, open, seal_into};
pub use self::data_key::DataKey;
pub use self::erased::Keys;
pub use self::error::{KeyError, KeyErrorKind};
pub use self::fn_keys::FnKeys;
pub use self::key_ring::KeyRing;
pub use self::provider::KeyProvider;
