use std::fmt;

use serde::Serialize;
use tower_auth_core::{ConfigErrorKind, ConfigErrors};

/// What is wrong with the value of one field. The value is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldError {
    /// The field; empty for the whole.
    pub field: String,
    /// What is wrong, for the person who gave it.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// Mistakes of filling, by field.
    pub(crate) fn of(errors: &ConfigErrors) -> Vec<Self> {
        let of_one = |mistake: &tower_auth_core::ConfigMistake| {
            let error = mistake.error();
            // What is said of a missing value is meant for operators: it names variables of the process.
            let text = match error.kind() {
                ConfigErrorKind::MissingOption => "a value is needed".to_owned(),
                _ => {
                    let text = error.to_string();
                    text.rsplit_once(" [").map_or(text.clone(), |(plain, _)| plain.to_owned())
                }
            };
            Self::new(mistake.key(), text)
        };
        errors.iter().map(of_one).collect()
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.is_empty() {
            true => f.write_str(&self.message),
            false => write!(f, "{}: {}", self.field, self.message),
        }
    }
}
