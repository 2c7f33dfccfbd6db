//! Callers whose tokens are looked up at their authorization server (RFC 7662).
#![cfg(feature = "introspection")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod against_server;
mod answers;
#[cfg(feature = "dpop")]
mod bound;
mod dispatch;
mod failures;
mod flights;
mod options;
mod remembered;
mod secrecy;
#[cfg(feature = "spec")]
mod spec;
mod support;
