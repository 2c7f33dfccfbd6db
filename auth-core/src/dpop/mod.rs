//! Tokens bound to a key (RFC 9449): proofs of possession, made for servers and checked from clients, and the nonces that
//! servers ask for.

mod credential;
mod key;
mod nonces;
mod proofs;

pub use self::key::DpopKey;
pub use self::nonces::DpopNonces;
pub use self::proofs::{DpopProofs, ReplayStore, UsedProof};

pub(crate) use self::proofs::{About, FirstUse, ProofChecker, ProofFault, digest_of, only_proof};
