use std::fmt;

use super::tree::{Node, Value};
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};

/// Where a secret is. It is read when it is needed, not before.
#[derive(Clone)]
pub(crate) enum SecretSpec {
    Env(String),
    File(String),
    /// A program and its arguments; who resolves the secret runs it.
    Command(Vec<String>),
    Value(Secret),
}

impl SecretSpec {
    /// Reads `{ env = "X" }`, `{ file = "…" }`, `{ command = ["…"] }` or `{ value = "…" }`.
    pub(crate) fn read(node: &Node) -> Result<Self, ConfigError> {
        let invalid = |what: &str| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        let Value::Table(entries) = &node.value else {
            return invalid(
                "a secret is not written in place: say where it is by { env = \"NAME\" } or { file = \"PATH\" }, or write \
                 { value = \"…\" } if it must be here",
            );
        };
        let one_of = "a secret has exactly one of the keys env, file, command and value";
        let [(name, node)] = entries.as_slice() else { return invalid(one_of) };
        if name == "command" {
            let words: Option<Vec<_>> = match &node.value {
                Value::Text(program) => Some(vec![program.clone()]),
                Value::List(list) => list.iter().map(|one| one.text().map(str::to_owned)).collect(),
                _ => None,
            };
            return match words.filter(|words| words.first().is_some_and(|program| !program.is_empty())) {
                Some(words) => Ok(Self::Command(words)),
                None => invalid("a command is a list of texts: the program and its arguments"),
            };
        }
        let Some(text) = node.text() else { return invalid("the place of a secret is a text") };
        match name.as_str() {
            "env" => Ok(Self::Env(text.to_owned())),
            "file" => Ok(Self::File(text.to_owned())),
            "value" => Ok(Self::Value(Secret::from(text))),
            _ => invalid(one_of),
        }
    }

    /// The secret itself; environment variables are looked up by `env`, or in the environment of the process.
    pub(crate) fn resolve(&self, env: Option<&Lookup>) -> Result<Secret, ConfigError> {
        match self {
            Self::Env(name) => match env {
                Some(lookup) => Secret::lookup(name, lookup),
                None => Secret::env(name),
            },
            Self::File(path) => Secret::file(path),
            Self::Command(_) => Err(ConfigError::new(
                ConfigErrorKind::MissingSecret,
                "no command is run for this secret here: use env or file",
            )),
            Self::Value(secret) => Ok(secret.clone()),
        }
    }
}

/// What looks up environment variables.
pub(crate) type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl fmt::Debug for SecretSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Command(words) => write!(f, "command {}", words.first().map_or("", String::as_str)),
            Self::Value(_) => f.write_str("value [redacted]"),
        }
    }
}
