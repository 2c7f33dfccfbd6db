//! Against a certified authorization server that others wrote: client authentication, its tokens, key rotation, faults.
//!
//! Real time and real sockets. The server is started where `TOWER_AUTH_OIDC_PROVIDER` points to; `scripts/test` sets that.
#![cfg(all(feature = "http", feature = "oauth", feature = "jwt"))]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

use tower_auth_core as core;

#[cfg(feature = "loopback")]
mod authorization;
#[cfg(feature = "dpop")]
mod bound_tokens;
#[cfg(feature = "loopback")]
mod browser;
mod client_auth;
mod clients;
mod device;
#[cfg(feature = "authorization-code")]
mod discovery;
mod faults;
#[cfg(feature = "loopback")]
mod grants;
#[cfg(feature = "introspection")]
mod introspection;
mod provider;
mod revocation;
mod tokens;
