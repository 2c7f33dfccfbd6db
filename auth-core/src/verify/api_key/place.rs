use http::HeaderName;

use crate::error::{ConfigError, ConfigErrorKind};

/// Where callers put their key.
#[derive(Clone, Debug)]
pub(in crate::verify) enum Place {
    Header(HeaderName),
    Scheme(String),
}

impl Place {
    /// The scheme to be challenged with.
    pub(super) fn checked_scheme(&self) -> Result<&str, ConfigError> {
        use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION};

        match self {
            Self::Header(name)
                if [AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION].contains(name) =>
            {
                Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    format!("an API key cannot be in the header {name}, which means something else"),
                ))
            }
            Self::Header(_) => Ok("ApiKey"),
            Self::Scheme(scheme) if ["bearer", "basic", "dpop"].contains(&&*scheme.to_ascii_lowercase()) => {
                Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    format!("an API key cannot be in the scheme {scheme}, which means something else"),
                ))
            }
            Self::Scheme(scheme) => Ok(scheme),
        }
    }
}
