use std::fmt;

use super::ConfigError;
use super::text::one_line;

/// Every mistake that was found in a configuration, each with its place.
///
/// `Display` has one mistake to a line: `orders.toml:7: issuer[0].audiance: unknown key; did you mean "audience"?
/// [config.invalid_option]`.
#[derive(Debug)]
pub struct ConfigErrors(Vec<ConfigMistake>);

/// One mistake in a configuration.
#[derive(Debug)]
pub struct ConfigMistake {
    file: Option<String>,
    line: Option<usize>,
    key: String,
    error: ConfigError,
}

impl ConfigErrors {
    pub(crate) fn new(mistakes: Vec<ConfigMistake>) -> Self {
        Self(mistakes)
    }

    #[cfg(feature = "provider")]
    pub(crate) fn into_vec(self) -> Vec<ConfigMistake> {
        self.0
    }

    /// The mistakes: first those of form, in the order of the file, then those of substance.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigMistake> {
        self.0.iter()
    }
}

impl ConfigMistake {
    pub(crate) fn new(key: impl Into<String>, line: Option<usize>, error: ConfigError) -> Self {
        Self { file: None, line, key: one_line(key.into()), error }
    }

    pub(crate) fn in_file(mut self, file: Option<&str>) -> Self {
        self.file = file.map(str::to_owned);
        self
    }

    /// The name of the file, if it is known.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line, from one, if it is known: files have lines, embedded configurations do not.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The path of the key, such as `issuer[0].url`; empty for the whole.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong there.
    #[must_use]
    pub fn error(&self) -> &ConfigError {
        &self.error
    }
}

impl fmt::Display for ConfigMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(mistake, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl std::error::Error for ConfigMistake {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
