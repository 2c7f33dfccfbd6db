//! What each fuzz target does with its input, and what must hold of it. An input that breaks a property panics.
//!
//! The same files are a module of `auth-core/tests/corpus.rs`, which replays the kept inputs as ordinary tests.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub, missing_docs, reason = "a target fails by them")]

pub mod authorization;
pub mod challenge;
pub mod dpop;
pub mod htpasswd;
pub mod introspection;
pub mod jwk_set;
pub mod jws;
pub mod specs;

mod json;
mod refusal;
mod world;
