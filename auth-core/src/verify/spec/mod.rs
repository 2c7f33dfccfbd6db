//! Descriptions of the callers that a service accepts, as its operator writes them.

mod bound;
#[cfg(feature = "introspection")]
mod introspection;
mod issuer;
mod sections;
mod verifier_spec;

pub use self::verifier_spec::VerifierSpec;
