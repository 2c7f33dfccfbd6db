//! What both servers check of DPoP proofs (RFC 9449).

mod nonce;
mod proof;

pub use self::nonce::DpopNonce;

pub(crate) use self::nonce::Nonces;
pub(crate) use self::proof::{ALGORITHMS, Expected, ProofChecker, ProofRefusal, proof_of};
