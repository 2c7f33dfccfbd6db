use std::fmt;

use serde::Serialize;
use tower_auth_core::ConfigErrors;

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
        let plain = |error: String| error.rsplit_once(" [").map_or(error.clone(), |(text, _)| text.to_owned());
        errors.iter().map(|mistake| Self::new(mistake.key(), plain(mistake.error().to_string()))).collect()
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
