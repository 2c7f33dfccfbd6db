use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::parse::parse_line;

/// One authentication challenge: what a server wants to see, and why it refused (RFC 9110 section 11.3).
///
/// ```
/// use http::{HeaderMap, header::WWW_AUTHENTICATE};
/// use tower_auth_core::Challenge;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(WWW_AUTHENTICATE, r#"Basic realm="x", Bearer error="invalid_token""#.parse()?);
/// let challenges = Challenge::from_headers(&headers);
/// let bearer = challenges.iter().find(|challenge| challenge.is_scheme("bearer")).unwrap();
/// assert_eq!(bearer.param("error"), Some("invalid_token"));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
///
/// Building one checks every part:
///
/// ```
/// use tower_auth_core::Challenge;
///
/// let challenge = Challenge::bearer().with_param("realm", "orders")?.with_param("error", "invalid_token")?;
/// assert_eq!(challenge.to_string(), r#"Bearer realm="orders", error="invalid_token""#);
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub(super) scheme: String,
    pub(super) data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Token68(String),
    Params(Vec<(String, String)>),
}

impl Challenge {
    /// Every challenge of every `WWW-Authenticate` line, in order.
    ///
    /// A challenge that breaks the grammar, or names a parameter twice, is left out; it does not hide its neighbours
    /// (RFC 9110 section 11.6.1). Lines over 16 KiB are not read.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Vec<Self> {
        let mut challenges = Vec::new();
        for line in headers.get_all(WWW_AUTHENTICATE) {
            parse_line(line.as_bytes(), &mut challenges);
        }
        challenges
    }

    /// Every challenge of one field value; see [`from_headers`](Self::from_headers).
    #[must_use]
    pub fn parse(value: &str) -> Vec<Self> {
        let mut challenges = Vec::new();
        parse_line(value.as_bytes(), &mut challenges);
        challenges
    }

    /// The scheme, as it was written.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether the scheme is `scheme`, compared without case.
    #[must_use]
    pub fn is_scheme(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The token68 that stands in place of parameters (`Negotiate YII…`).
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        match &self.data {
            Data::Token68(token) => Some(token),
            Data::Params(_) => None,
        }
    }

    /// The value of the parameter `name`, compared without case; quotes and escapes are taken off.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The parameters in order.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        let params = match &self.data {
            Data::Params(params) => params.as_slice(),
            Data::Token68(_) => &[],
        };
        params.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a Basic challenge asks for UTF-8 (RFC 7617 section 2.1). Any other `charset` means nothing.
    #[must_use]
    pub fn wants_utf8(&self) -> bool {
        self.param("charset").is_some_and(|charset| charset.eq_ignore_ascii_case("UTF-8"))
    }
}
