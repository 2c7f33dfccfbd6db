//! The provider files in `providers/`: each is valid, documented and like no other.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod files;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers");
