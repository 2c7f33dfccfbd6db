//! The configuration file: what guard's own sections say, beside those that describe the callers.

#[allow(clippy::module_inception, reason = "one noun to a file")]
mod config;
mod cors;
mod grpc;
mod metadata;
mod require;
mod rule;
mod section;
mod server;
mod tls;
mod upstream;

pub use self::config::Config;
pub use self::cors::CorsSpec;
pub use self::grpc::{GrpcRule, GrpcSpec};
pub use self::metadata::MetadataSpec;
pub use self::require::Requirement;
pub use self::rule::RuleSpec;
pub use self::server::{Plaintext, ServerSpec};
pub use self::tls::{ClientCertificates, TlsSpec};
pub use self::upstream::{IdentitySpec, UpstreamSpec};

/// The sections that are not about callers.
pub(crate) const OWN: &[&str] = &["server", "tls", "metadata", "cors", "route", "upstream", "grpc"];
