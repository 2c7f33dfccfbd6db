use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::clock::MonotonicTime;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::{ScopeSet, Secret};

/// An access token: its secret value, what kind it is, what it grants and how long it lives.
///
/// Clones share the value.
#[derive(Clone)]
pub struct Token {
    secret: Secret,
    details: Arc<Details>,
}

#[derive(Clone, Default)]
struct Details {
    kind: TokenKind,
    scope: Option<ScopeSet>,
    expiry: Option<Expiry>,
}

/// The scheme under which a token is presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// Whoever holds it may use it (RFC 6750).
    #[default]
    Bearer,
    /// Bound to a key whose possession is proved with each request (RFC 9449).
    Dpop,
}

/// When a token ends, by both clocks: the monotonic one decides, the wall clock reveals a suspended machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expiry {
    /// By the monotonic clock.
    pub monotonic: MonotonicTime,
    /// By the wall clock.
    pub wall: SystemTime,
}

impl Token {
    /// A Bearer token with the given value, of unknown scope and lifetime.
    ///
    /// # Errors
    /// When the value is empty or has a character that cannot stand in a credential: anything but visible ASCII, and
    /// also `"` and `,` (which would let it break out of a header's grammar).
    pub fn new(secret: impl Into<Secret>) -> Result<Self, ConfigError> {
        let secret = secret.into();
        if secret.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::InvalidCredential, "the access token is empty"));
        }
        if !secret.expose_secret().bytes().all(|byte| matches!(byte, 0x21..=0x7e if byte != b'"' && byte != b',')) {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidCredential,
                "the access token has a character that cannot be sent: only visible ASCII without '\"' and ',' is allowed",
            ));
        }
        Ok(Self { secret, details: Arc::default() })
    }

    /// Sets the kind.
    #[must_use]
    pub fn with_kind(mut self, kind: TokenKind) -> Self {
        Arc::make_mut(&mut self.details).kind = kind;
        self
    }

    /// Sets the scope that was granted.
    #[must_use]
    pub fn with_scope(mut self, scope: ScopeSet) -> Self {
        Arc::make_mut(&mut self.details).scope = Some(scope);
        self
    }

    pub(crate) fn with_expiry(mut self, expiry: Option<Expiry>) -> Self {
        Arc::make_mut(&mut self.details).expiry = expiry;
        self
    }

    /// The value.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> TokenKind {
        self.details.kind
    }

    /// The scope that was granted, if it is known.
    #[must_use]
    pub fn scope(&self) -> Option<&ScopeSet> {
        self.details.scope.as_ref()
    }

    /// When the token ends; `None` if nobody said. Set by the cache that holds the token.
    #[must_use]
    pub fn expiry(&self) -> Option<Expiry> {
        self.details.expiry
    }
}

impl TokenKind {
    /// The authentication scheme, spelled as its RFC does, whatever the case in which a server wrote it.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// The kind that a `token_type` names, compared without case (RFC 6749 section 5.1); `None` if unknown.
    #[must_use]
    pub fn from_token_type(name: &str) -> Option<Self> {
        [Self::Bearer, Self::Dpop].into_iter().find(|kind| kind.scheme().eq_ignore_ascii_case(name))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("secret", &self.secret)
            .field("kind", &self.details.kind)
            .field("scope", &self.details.scope)
            .field("expiry", &self.details.expiry)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R9110-5.5a, R6749-Aa, THREAT-T7
    #[test]
    fn a_value_that_could_break_a_header_is_refused() {
        for bad in ["", "a b", "a\r\nX: y", "a\0", "a\"", "a,b", "\u{e9}", "a\n"] {
            let error = Token::new(bad).unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::InvalidCredential);
        }
        for good in ["a", "eyJ.eyJ.sig", "a-._~+/=:!"] {
            assert_eq!(Token::new(good).unwrap().secret().expose_secret(), good);
        }
    }

    // THREAT-L1
    #[test]
    fn the_error_does_not_repeat_the_value() {
        assert!(!format!("{:?}", Token::new("sentinel value").unwrap_err()).contains("sentinel"));
        assert!(!format!("{:?}", Token::new("sentinel").unwrap()).contains("sentinel"));
    }

    // R6750-4a, R6749-5.1b, SYS-L8
    #[test]
    fn token_types_compare_without_case() {
        for name in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            assert_eq!(TokenKind::from_token_type(name), Some(TokenKind::Bearer));
        }
        assert_eq!(TokenKind::from_token_type("dpop"), Some(TokenKind::Dpop));
        assert_eq!(TokenKind::from_token_type("mac"), None);
        assert_eq!(TokenKind::Bearer.scheme(), "Bearer");
    }
}
