//! The options of a verifier of JWTs, by theme: whose tokens and which, what their claims mean, where keys come from.

mod blueprint;
mod claim_options;
mod jwt_verifier;
mod key_options;

pub use self::jwt_verifier::JwtVerifier;

pub(super) use self::blueprint::Blueprint;
