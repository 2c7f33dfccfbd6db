//! Who calls: credentials of requests, verified.

mod all;
mod api_key;
mod basic;
mod binding;
mod certificate;
#[cfg(feature = "jwt")]
mod claim;
#[cfg(feature = "jwt")]
mod claims;
mod digest;
mod expiry;
mod incoming;
#[cfg(feature = "introspection")]
mod introspection;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "jwt")]
mod keys;
#[cfg(feature = "jwt")]
mod memo;
mod one;
mod parts;
mod policy;
#[cfg(feature = "jwt")]
mod preset;
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

pub use self::api_key::{ApiKeyLookup, ApiKeyRecord, ApiKeyVerifier, NewApiKey};
pub use self::basic::BasicVerifier;
#[cfg(feature = "password-hash")]
pub use self::basic::{PasswordCost, PasswordHash, StrongerHash, UserAccount, UserLookup};
pub use self::certificate::{CertificateHeader, PeerAddress, PeerCertificate};
#[cfg(feature = "jwt")]
pub use self::claim::{Actor, Claim};
pub use self::incoming::IncomingCredential;
#[cfg(feature = "introspection")]
pub use self::introspection::IntrospectionVerifier;
#[cfg(feature = "jwt")]
pub use self::jwt::{ClaimedIssuer, JwtVerifier, Profile, TrustedIssuers};
pub use self::policy::Policy;
#[cfg(feature = "jwt")]
pub use self::preset::Preset;
pub use self::principal::{Method, Principal};
pub use self::rejection::{Rejection, RejectionBody, RejectionKind, Scheme};
pub use self::request::IncomingRequest;
pub use self::resource_metadata::ResourceMetadata;
#[cfg(feature = "spec")]
pub use self::spec::VerifierSpec;
#[cfg(feature = "introspection")]
pub use self::status::IntrospectionStatus;
pub use self::status::{KeysState, KeysStatus, VerifierStatus};
pub use self::verification::Verification;
pub use self::verified::{Verified, VerifierId};
pub use self::verifier::Verifier;
