use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use crate::Token;
use crate::error::{ConfigError, ConfigErrorKind};

/// Where on a request a token goes. The default is `Authorization`, under the scheme of the token's kind.
///
/// ```
/// use http::{HeaderMap, HeaderName};
/// use tower_auth_core::Placement;
///
/// let usual = Placement::default();
/// let custom = Placement::header(HeaderName::from_static("x-auth-token"), "Token {token}")?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement(pub(super) Vec<Place>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Authorization,
    Header { name: HeaderName, before: String, after: String },
    Query { name: String },
}

impl Placement {
    /// A header with a value in which `{token}` stands for the token.
    ///
    /// # Errors
    /// When `template` does not have `{token}` exactly once, or has a character that a field value must not have.
    pub fn header(name: HeaderName, template: &str) -> Result<Self, ConfigError> {
        let Some((before, after)) = template.split_once("{token}") else {
            return Err(invalid(format!("the header template {template:?} has no {{token}}")));
        };
        if after.contains("{token}") {
            return Err(invalid(format!("the header template {template:?} has {{token}} twice")));
        }
        if !template.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(invalid("a header template must be printable ASCII".to_owned()));
        }
        Ok(Self(vec![Place::Header { name, before: before.to_owned(), after: after.to_owned() }]))
    }

    /// A query parameter.
    ///
    /// # Security
    /// Proxies, servers and browsers write URLs into logs and histories. This exists for API keys of services that take
    /// them nowhere else; OAuth tokens must not be sent so (RFC 6750 section 2.3, RFC 9700 section 4.3.2).
    ///
    /// # Errors
    /// When `name` is empty or has a character other than unreserved ones (RFC 3986 section 2.3).
    pub fn insecure_query(name: &str) -> Result<Self, ConfigError> {
        if name.is_empty() || !name.bytes().all(is_unreserved) {
            return Err(invalid(format!("{name:?} is not the name of a query parameter")));
        }
        Ok(Self(vec![Place::Query { name: name.to_owned() }]))
    }

    /// Puts the token in `other`'s places too.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether `headers` has one of the headers that the token goes into.
    pub(crate) fn is_present_in(&self, headers: &HeaderMap) -> bool {
        self.0.iter().any(|place| match place {
            Place::Authorization => headers.contains_key(AUTHORIZATION),
            Place::Header { name, .. } => headers.contains_key(name),
            Place::Query { .. } => false,
        })
    }
}

impl Default for Placement {
    fn default() -> Self {
        Self(vec![Place::Authorization])
    }
}

impl Place {
    /// The header and its value for `token`; `None` for a query parameter.
    pub(super) fn header_text(&self, token: &Token) -> Option<(HeaderName, String)> {
        let secret = token.secret().expose_secret();
        let join = |before: &str, after: &str| {
            let mut text = String::with_capacity(before.len() + secret.len() + after.len());
            text.push_str(before);
            text.push_str(secret);
            text.push_str(after);
            text
        };
        match self {
            Self::Authorization => Some((AUTHORIZATION, join(&format!("{} ", token.kind().scheme()), ""))),
            Self::Header { name, before, after } => Some((name.clone(), join(before, after))),
            Self::Query { .. } => None,
        }
    }
}

/// RFC 3986 section 2.3.
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn invalid(message: String) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}
