//! Tokens bound to a key: proofs of possession and the nonces that servers ask for (RFC 9449).

mod credential;
mod key;
mod nonces;

pub use self::key::DpopKey;
pub use self::nonces::DpopNonces;
