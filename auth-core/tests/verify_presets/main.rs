//! Well-known issuers: tokens of the shape that their documentation shows, signed with keys of our own, and what must not pass
//! for one.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "../verify_support/mod.rs"]
mod verify_support;

mod cloud;
mod docs;
mod entra;
mod identity;
mod keys;
mod kinds;
mod parameters;
mod support;
mod workload;
