//! Tokens that only their authorization server understands: it is asked what they are worth (RFC 7662).
//!
//! One request for a token at a time, in a task of its own; whoever comes meanwhile shares its outcome. What an endpoint
//! refuses is remembered for seconds, what it accepts only if that was asked for, and never that it could not tell. Both are
//! found by the SHA-256 of the whole token. An endpoint that fails is left alone for a while.

mod breaker;
mod builder;
mod claim_options;
mod endpoint;
mod endpoints;
mod flight;
mod memory;
mod rate;
mod rules;

pub use self::builder::IntrospectionVerifier;

pub(super) use self::endpoints::Introspection;
