//! Tokens for tests: good ones, and each kind of bad one.

mod flaw;
mod key_ring;
mod mint;
mod minter;

pub use self::flaw::Flaw;
pub use self::mint::Mint;
pub use self::minter::TokenMinter;

pub(crate) use self::key_ring::KeyRing;
pub(crate) use self::mint::seconds;
