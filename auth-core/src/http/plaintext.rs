use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

use crate::Origin;
use crate::error::{ConfigError, ConfigErrorKind};

/// Where plain `http` is allowed, as a builder collected it.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlaintextOptions {
    pub(crate) loopback: bool,
    pub(crate) origins: Vec<String>,
}

/// Where plain `http` is allowed: nowhere, unless it is said otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlaintextRules {
    loopback: bool,
    origins: Vec<Origin>,
}

/// Why a URL must not be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    NoHost,
    UserInformation,
    Scheme,
    Plaintext,
}

impl PlaintextOptions {
    /// The rules that these options make.
    ///
    /// # Errors
    /// When an origin is not `http://host[:port]`.
    pub(crate) fn rules(&self) -> Result<PlaintextRules, ConfigError> {
        let mut origins = Vec::with_capacity(self.origins.len());
        for origin in &self.origins {
            let origin: Origin = origin.parse()?;
            if origin.is_https() {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOrigin,
                    format!("{origin} was to be allowed by plain http: write http://"),
                ));
            }
            origins.push(origin);
        }
        Ok(PlaintextRules { loopback: self.loopback, origins })
    }

    /// Says in the log that credentials will cross the network unprotected.
    pub(crate) fn announce(&self) {
        for origin in &self.origins {
            tracing::warn!(origin, "plain http is allowed: credentials will cross the network unprotected");
        }
    }
}

impl PlaintextRules {
    /// Whether nothing but `https` may be used.
    #[cfg(feature = "http")]
    pub(crate) fn is_strict(&self) -> bool {
        !self.loopback && self.origins.is_empty()
    }

    /// Whether every literal loopback address may be used by plain `http`.
    #[cfg(feature = "provider")]
    pub(crate) fn allows_loopback(&self) -> bool {
        self.loopback
    }

    /// Judges the origin of `uri`.
    pub(crate) fn check(&self, uri: &Uri) -> Result<(), Objection> {
        let Some((authority, host)) = uri.authority().zip(uri.host()) else { return Err(Objection::NoHost) };
        if host.is_empty() {
            return Err(Objection::NoHost);
        }
        if authority.as_str().contains('@') {
            return Err(Objection::UserInformation);
        }
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Ok(()),
            Some(scheme) if *scheme == Scheme::HTTP => {
                let named = self.origins.iter().any(|origin| origin.matches(uri));
                let loopback = self.loopback && ip_literal(host).is_some_and(|ip| ip.is_loopback());
                if named || loopback { Ok(()) } else { Err(Objection::Plaintext) }
            }
            _ => Err(Objection::Scheme),
        }
    }
}

impl Objection {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NoHost => "it has no host",
            Self::UserInformation => "it has user information before the host",
            Self::Scheme => "its scheme is not https",
            Self::Plaintext => "its scheme is plain http, which is not allowed for this host",
        }
    }
}

/// Host, and port if it is not the scheme's own.
pub(crate) fn site(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    match uri.port_u16() {
        Some(port) if !matches!((uri.scheme_str(), port), (Some("https"), 443) | (Some("http"), 80)) => {
            format!("{host}:{port}")
        }
        _ => host,
    }
}

/// The address that a host is, brackets taken off; `None` if it is a name.
pub(crate) fn ip_literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-T3
    #[test]
    fn an_origin_is_not_a_pattern() {
        for bad in ["https://a", "a:80", "http://", "http://a/b", "http://a?x", "http://u@a", "http://a#b"] {
            let options = PlaintextOptions { loopback: false, origins: vec![bad.to_owned()] };
            assert_eq!(options.rules().unwrap_err().kind(), ConfigErrorKind::InvalidOrigin, "{bad}");
        }
    }
}
