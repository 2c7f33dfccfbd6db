//! Verdicts on JWTs that were wholly verified, for when the same token comes again.
//!
//! A token is found by a hash with keys of this process and decided by its whole text, or its SHA-256 where tokens must not
//! stay in memory. The table has a fixed number of places and no lock; each place is an atomic pointer beside the hash of
//! what it points to. Nothing is written on a hit. An entry ends with its token, its time, or the keys that it was verified
//! with. A proof of possession is never remembered, nor is the token that needs one.

mod entry;
mod options;
mod table;

pub(super) use self::entry::Memorable;
pub(super) use self::options::MemoOptions;
pub(super) use self::table::{Memo, Since};
