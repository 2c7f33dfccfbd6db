use std::fmt;

use super::tree::{Node, Value};
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};

/// Where a secret is. It is read when the description is built, not before.
#[derive(Clone)]
pub(super) enum SecretSpec {
    Env(String),
    File(String),
    Value(Secret),
}

impl SecretSpec {
    /// Reads `{ env = "X" }`, `{ file = "…" }` or `{ value = "…" }`.
    pub(super) fn read(node: &Node) -> Result<Self, ConfigError> {
        let invalid = |what: &str| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        let Value::Table(entries) = &node.value else {
            return invalid(
                "a secret is not written in place: say where it is by { env = \"NAME\" } or { file = \"PATH\" }, or write \
                 { value = \"…\" } if it must be here",
            );
        };
        let [(name, node)] = entries.as_slice() else {
            return invalid("a secret has exactly one of the keys env, file and value");
        };
        let Some(text) = node.text() else { return invalid("the place of a secret is a text") };
        match name.as_str() {
            "env" => Ok(Self::Env(text.to_owned())),
            "file" => Ok(Self::File(text.to_owned())),
            "value" => Ok(Self::Value(Secret::from(text))),
            "command" => invalid("no command is run for this secret: use env or file"),
            _ => invalid("a secret has exactly one of the keys env, file and value"),
        }
    }

    /// The secret itself; environment variables are looked up by `env`, or in the environment of the process.
    pub(super) fn resolve(&self, env: Option<&Lookup>) -> Result<Secret, ConfigError> {
        match self {
            Self::Env(name) => match env {
                Some(lookup) => Secret::lookup(name, lookup),
                None => Secret::env(name),
            },
            Self::File(path) => Secret::file(path),
            Self::Value(secret) => Ok(secret.clone()),
        }
    }
}

/// What looks up environment variables.
pub(super) type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl fmt::Debug for SecretSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Value(_) => f.write_str("value [redacted]"),
        }
    }
}
