use std::convert::Infallible;
use std::fmt;

use super::BoxError;
use super::text::one_line;

/// A mistake in what the program or its operator declared. Found at construction; never worth a retry.
pub struct ConfigError(Box<Inner>);

struct Inner {
    kind: ConfigErrorKind,
    message: String,
    source: Option<BoxError>,
}

/// What kind of mistake a [`ConfigError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// A secret's variable or file is absent, empty or unreadable.
    MissingSecret,
    /// A required option was not given.
    MissingOption,
    /// An option has a value that cannot be used.
    InvalidOption,
    /// A URL cannot be parsed, or has a part it must not have.
    InvalidUrl,
    /// A URL is plain `http` where that was not allowed.
    InsecureUrl,
    /// An origin is not `scheme://host[:port]`, or the set of origins is empty.
    InvalidOrigin,
    /// A scope has a character that scopes must not have.
    InvalidScope,
    /// A credential, or the header it goes into, has a character that must not be sent.
    InvalidCredential,
    /// A certificate, a private key or the trust roots cannot be used.
    Tls,
}

impl ConfigError {
    /// A mistake of `kind`, described by `message`, which must not hold a secret. It may quote a file that somebody else wrote:
    /// control characters in it are written out, so that it is one line.
    pub fn new(kind: ConfigErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: one_line(message.into()), source: None }))
    }

    /// Adds the error that revealed the mistake.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of mistake it is.
    #[must_use]
    pub fn kind(&self) -> ConfigErrorKind {
        self.0.kind
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }
}

impl ConfigErrorKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] = &[
        Self::MissingSecret,
        Self::MissingOption,
        Self::InvalidOption,
        Self::InvalidUrl,
        Self::InsecureUrl,
        Self::InvalidOrigin,
        Self::InvalidScope,
        Self::InvalidCredential,
        Self::Tls,
    ];

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingSecret => "config.missing_secret",
            Self::MissingOption => "config.missing_option",
            Self::InvalidOption => "config.invalid_option",
            Self::InvalidUrl => "config.invalid_url",
            Self::InsecureUrl => "config.insecure_url",
            Self::InvalidOrigin => "config.invalid_origin",
            Self::InvalidScope => "config.invalid_scope",
            Self::InvalidCredential => "config.invalid_credential",
            Self::Tls => "config.tls",
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.0.message, self.code())
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// What is an [`Origin`](crate::Origin) already converts into one without fail, and stands where a text for one would.
impl From<Infallible> for ConfigError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_the_mistake_and_its_code_but_not_the_source() {
        let error = ConfigError::new(ConfigErrorKind::InvalidUrl, "no host in the token URL")
            .with_source(std::io::Error::other("inner"));
        assert_eq!(error.to_string(), "no host in the token URL [config.invalid_url]");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "inner");
    }

    // THREAT-T7
    #[test]
    fn a_message_is_one_line_whatever_it_quotes() {
        let error = ConfigError::new(ConfigErrorKind::InvalidOption, "must match [a-z]\t\u{1b}[31m\r\n\u{85}* é");
        assert_eq!(error.to_string(), r"must match [a-z]\t\u{1b}[31m\r\n\u{85}* é [config.invalid_option]");
    }
}
