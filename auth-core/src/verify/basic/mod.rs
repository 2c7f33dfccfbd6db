//! Users and passwords.

mod basic_verifier;
mod pair_key;
mod users;

#[cfg(feature = "password-hash")]
mod account;
#[cfg(feature = "password-hash")]
mod accounts;
#[cfg(feature = "password-hash")]
mod hash;
#[cfg(feature = "password-hash")]
mod hashed_users;
#[cfg(feature = "password-hash")]
mod hashing;
#[cfg(feature = "password-hash")]
mod htpasswd;
#[cfg(feature = "password-hash")]
mod kinds;
#[cfg(feature = "password-hash")]
mod login;
#[cfg(feature = "password-hash")]
mod lookup;
#[cfg(feature = "password-hash")]
mod memo;
#[cfg(feature = "password-hash")]
mod pool;
#[cfg(feature = "password-hash")]
mod rehash;

pub use self::basic_verifier::BasicVerifier;

#[cfg(feature = "password-hash")]
pub use self::{
    account::UserAccount,
    hash::{PasswordCost, PasswordHash},
    lookup::UserLookup,
    rehash::StrongerHash,
};

pub(super) use self::users::BasicUsers;

/// Longest password that is looked at, in bytes.
const MAX_PASSWORD: usize = 1024;
