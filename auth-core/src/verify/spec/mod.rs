//! Descriptions of the callers that a service accepts, as its operator writes them.

mod api_key;
mod basic;
mod bound;
mod grants;
#[cfg(feature = "introspection")]
mod introspection;
mod issuer;
#[cfg(feature = "password-hash")]
mod password_hash;
mod verifier_spec;
mod written;

pub use self::verifier_spec::VerifierSpec;
