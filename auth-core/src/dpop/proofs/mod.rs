//! Proofs of possession as an API receives them (RFC 9449 sections 4.3, 7 to 9 and 11): what is asked of them, the
//! nonces given out, and the memory of those that were used.

mod checker;
mod dpop_proofs;
mod fault;
mod nonce_issuer;
mod own_url;
mod replay_cache;
mod replay_store;
#[cfg(test)]
mod tests;
mod used_proof;

pub use self::dpop_proofs::DpopProofs;
pub use self::replay_store::ReplayStore;
pub use self::used_proof::UsedProof;

pub(crate) use self::checker::{About, FirstUse, ProofChecker, digest_of, only_proof};
pub(crate) use self::fault::ProofFault;
