//! Who calls: credentials of requests, verified.

mod all;
mod api_key;
mod basic;
mod binding;
#[cfg(feature = "jwt")]
mod claim;
#[cfg(feature = "jwt")]
mod claims;
mod digest;
mod expiry;
mod incoming;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "jwt")]
mod keys;
#[cfg(feature = "jwt")]
mod memo;
mod one;
mod parts;
mod policy;
mod principal;
mod rejection;
mod request;
mod resource_metadata;
mod span;
#[cfg(feature = "spec")]
mod spec;
mod status;
mod step;
mod subject_hash;
mod telemetry;
mod verification;
mod verified;
mod verifier;

pub use self::api_key::ApiKeyVerifier;
pub use self::basic::BasicVerifier;
#[cfg(feature = "jwt")]
pub use self::claim::{Actor, Claim};
pub use self::incoming::IncomingCredential;
#[cfg(feature = "jwt")]
pub use self::jwt::{JwtVerifier, Profile};
pub use self::policy::Policy;
pub use self::principal::{Method, Principal};
pub use self::rejection::{Rejection, RejectionBody, RejectionKind, Scheme};
pub use self::request::IncomingRequest;
pub use self::resource_metadata::ResourceMetadata;
#[cfg(feature = "spec")]
pub use self::spec::VerifierSpec;
pub use self::status::{KeysState, KeysStatus, VerifierStatus};
pub use self::verification::Verification;
pub use self::verified::{Verified, VerifierId};
pub use self::verifier::Verifier;
