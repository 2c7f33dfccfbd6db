use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::error::{TransportError, TransportErrorKind};
use crate::{Basic, Secret};

/// An HTTP proxy through which `https` endpoints are reached by a `CONNECT` tunnel; TLS runs through it, end to end.
///
/// Requests over plain `http`, which are allowed for loopback and named origins only, never go through a proxy.
#[derive(Clone)]
pub struct Proxy(Route);

#[derive(Clone)]
enum Route {
    Fixed(Hop),
    Environment,
}

/// Where to open the tunnel, and what to show there.
#[derive(Clone)]
pub(super) struct Hop {
    pub(super) uri: Uri,
    pub(super) auth: Option<HeaderValue>,
}

/// How endpoints are reached.
pub(super) enum Path {
    Direct,
    Fixed(Hop),
    Environment(Box<Matcher>),
}

impl Proxy {
    /// The proxy at `url`, for every endpoint.
    ///
    /// # Errors
    /// When `url` is not `http://host[:port]`.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::new(ConfigErrorKind::InvalidUrl, "the URL of a proxy must be http://host[:port]");
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        if uri.scheme_str() != Some("http") || !has_host || has_user || uri.path() != "/" || uri.query().is_some() {
            return Err(invalid());
        }
        Ok(Self(Route::Fixed(Hop { uri, auth: None })))
    }

    /// The proxy that `HTTPS_PROXY` or `ALL_PROXY` names when the transport is built, except for the hosts in
    /// `NO_PROXY`.
    #[must_use]
    pub fn from_env() -> Self {
        Self(Route::Environment)
    }

    /// Shows a Basic credential to the proxy.
    ///
    /// # Errors
    /// When `user` or `password` has a character that a Basic credential must not have, or the proxy is from the
    /// environment, where its URL carries the credential.
    pub fn basic_auth(mut self, user: &str, password: impl Into<Secret>) -> Result<Self, ConfigError> {
        let text = Basic::new(user, password)?.header_text();
        let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| {
            ConfigError::new(
                ConfigErrorKind::InvalidCredential,
                "the credential for the proxy cannot stand in a header",
            )
        })?;
        value.set_sensitive(true);
        match &mut self.0 {
            Route::Fixed(hop) => hop.auth = Some(value),
            Route::Environment => {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    "a proxy from the environment carries its credential in its own URL",
                ));
            }
        }
        Ok(self)
    }

    pub(super) fn path(&self) -> Path {
        match &self.0 {
            Route::Fixed(hop) => Path::Fixed(hop.clone()),
            Route::Environment => Path::Environment(Box::new(Matcher::from_env())),
        }
    }
}

impl Path {
    /// The proxy on the way to `target`.
    pub(super) fn hop(&self, target: &Uri) -> Result<Option<Hop>, TransportError> {
        if target.scheme_str() != Some("https") {
            return Ok(None);
        }
        match self {
            Self::Direct => Ok(None),
            Self::Fixed(hop) => Ok(Some(hop.clone())),
            Self::Environment(matcher) => match matcher.intercept(target) {
                Some(found) if found.uri().scheme_str() == Some("http") => {
                    Ok(Some(Hop { uri: found.uri().clone(), auth: found.basic_auth().cloned() }))
                }
                Some(_) => Err(TransportError::new(
                    TransportErrorKind::Connect,
                    "the proxy that the environment names is not an http:// proxy, which is the only supported kind",
                )
                .unsent(true)),
                None => Ok(None),
            },
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Route::Fixed(hop) => write!(f, "Proxy({})", hop.uri),
            Route::Environment => f.write_str("Proxy(environment)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_proxy_is_an_origin() {
        for bad in [
            "",
            "proxy:3128",
            "https://proxy",
            "socks5://proxy",
            "http://u:p@proxy",
            "http://proxy/x",
            "http://proxy/?x",
        ] {
            assert!(Proxy::new(bad).is_err(), "{bad}");
        }
        assert!(Proxy::new("http://proxy.example:3128").is_ok());
    }

    // THREAT-L1
    #[test]
    fn debug_does_not_show_the_credential() {
        let proxy = Proxy::new("http://proxy.example:3128").unwrap().basic_auth("user", "sentinel").unwrap();
        assert_eq!(format!("{proxy:?}"), "Proxy(http://proxy.example:3128/)");
        assert!(Proxy::from_env().basic_auth("user", "sentinel").is_err());
    }

    #[test]
    fn plain_http_never_goes_through_a_proxy() {
        let path = Proxy::new("http://proxy.example").unwrap().path();
        assert!(path.hop(&Uri::from_static("http://127.0.0.1/")).unwrap().is_none());
        assert!(path.hop(&Uri::from_static("https://a.example/")).unwrap().is_some());
    }
}
