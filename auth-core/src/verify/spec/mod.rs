//! Descriptions of the callers that a service accepts, as its operator writes them.

mod nearest;
mod reader;
mod secret;
mod sections;
mod tree;
mod verifier_spec;

pub use self::verifier_spec::VerifierSpec;
