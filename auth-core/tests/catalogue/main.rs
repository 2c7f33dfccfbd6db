//! The provider files in `providers/`: each is valid, documented and like no other, and sends what its provider documents.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[cfg(feature = "authorization-code")]
mod compare;
#[cfg(feature = "authorization-code")]
mod exact;
#[cfg(feature = "authorization-code")]
mod expected;
mod files;
mod generic;
#[cfg(feature = "authorization-code")]
mod keys;
mod quirks;
mod readme;
#[cfg(feature = "authorization-code")]
mod recorder;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers");
