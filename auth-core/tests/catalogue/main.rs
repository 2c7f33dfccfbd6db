//! The provider files in `providers/`: each is valid, documented and like no other, and the table of what they prove is theirs.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod files;
mod quirks;
mod readme;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers");
