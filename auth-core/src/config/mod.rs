//! Configurations as operators write them: one tree with lines for TOML and JSON, and a reader that takes note of every mistake.
#![cfg_attr(
    not(all(feature = "spec", feature = "provider")),
    allow(dead_code, unused_imports, reason = "each kind of configuration uses a part of it")
)]

mod duration;
mod json;
mod reader;
mod secret;
mod time;
mod toml;
mod tree;

pub(crate) use self::duration::parse_duration;
pub(crate) use self::reader::{At, Notes, Reader, invalid};
pub(crate) use self::secret::{Lookup, SecretSpec};
pub(crate) use self::tree::{Node, Value};
#[cfg(feature = "provider")]
pub(crate) use crate::error::unknown;
