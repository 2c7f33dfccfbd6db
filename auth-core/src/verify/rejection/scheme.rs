/// A kind of credential that a caller may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// A token in `Authorization: Bearer` (RFC 6750).
    Bearer,
    /// A user-id and a password in `Authorization: Basic` (RFC 7617).
    Basic,
    /// An API key, in a header or a scheme of its own.
    ApiKey,
}

impl Scheme {
    /// The name in lower case: `bearer`, `basic` or `api_key`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Basic => "basic",
            Self::ApiKey => "api_key",
        }
    }
}
