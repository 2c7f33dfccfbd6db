use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::{ConfigError, ConfigErrorKind};

/// Where a credential may go: scheme, host and port, compared exactly (RFC 6454).
///
/// ```
/// use tower_auth_core::Origin;
///
/// let origin: Origin = "https://api.example.com".parse()?;
/// assert_eq!(origin, "https://API.example.com:443/".parse()?);
/// assert_ne!(origin, "https://api.example.com:8443".parse()?);
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    /// In lower case; an IPv6 address in brackets.
    host: String,
    port: u16,
    /// Host and port as most URIs of this origin write them: in lower case, without the scheme's own port.
    authority: String,
}

impl Origin {
    /// Whether credentials for this origin travel encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is a literal loopback address: `127.0.0.0/8` or `[::1]`. A name is never one, whatever it resolves to.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let v6 = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        self.host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || v6.and_then(|host| host.parse::<Ipv6Addr>().ok()).is_some_and(|address| address.is_loopback())
    }

    /// The origin of an absolute URI; `None` for a path alone, another scheme, or a URI with user information.
    #[must_use]
    pub fn of(uri: &Uri) -> Option<Self> {
        let (https, authority) = parts(uri)?;
        let (host, port) = (authority.host().to_ascii_lowercase(), port(authority, https)?);
        let authority = if port == default_port(https) { host.clone() } else { format!("{host}:{port}") };
        Some(Self { https, host, port, authority })
    }

    /// Whether `uri`, an absolute one, is of this origin. A URI with user information is of none.
    #[inline]
    #[must_use]
    pub fn matches(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else { return false };
        let own = if self.https { &Scheme::HTTPS } else { &Scheme::HTTP };
        scheme == own && (authority.as_str() == self.authority || self.matches_otherwise(uri))
    }

    /// For URIs that write the origin in another way: other case, the scheme's own port.
    #[cold]
    fn matches_otherwise(&self, uri: &Uri) -> bool {
        parts(uri).is_some_and(|(https, authority)| {
            https == self.https && port(authority, https) == Some(self.port) && self.is_host(authority)
        })
    }

    /// Whether `uri` goes by plain `http` to the host of this `https` origin, whatever the port.
    #[must_use]
    pub fn is_downgraded(&self, uri: &Uri) -> bool {
        self.https && parts(uri).is_some_and(|(https, authority)| !https && self.is_host(authority))
    }

    fn is_host(&self, authority: &Authority) -> bool {
        authority.host().eq_ignore_ascii_case(&self.host)
    }
}

fn parts(uri: &Uri) -> Option<(bool, &Authority)> {
    let scheme = uri.scheme()?;
    let https = *scheme == Scheme::HTTPS;
    let authority = uri.authority()?;
    // User information makes a URI that reads like one host and goes to another.
    ((https || *scheme == Scheme::HTTP) && !authority.as_str().contains('@')).then_some((https, authority))
}

/// `None` if a port is written and is not a number that a port can be.
fn port(authority: &Authority, https: bool) -> Option<u16> {
    match authority.port_u16() {
        Some(port) => Some(port),
        None if authority.as_str().len() == authority.host().len() => Some(default_port(https)),
        None => None,
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

impl FromStr for Origin {
    type Err = ConfigError;

    /// Parses `scheme://host[:port]`, with nothing behind it but a slash.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        // User information and queries hold credentials, which no error repeats.
        let shown = if text.contains(['@', '?']) { "the text".to_owned() } else { format!("{text:?}") };
        let invalid = |what: &str| {
            ConfigError::new(
                ConfigErrorKind::InvalidOrigin,
                format!("{shown} is not an origin such as https://api.example.com: {what}"),
            )
        };
        let uri: Uri =
            text.parse().map_err(|error: http::uri::InvalidUri| invalid("it is not a URL").with_source(error))?;
        if uri.scheme().is_none() {
            return Err(invalid("the scheme is missing"));
        }
        // A `Uri` forgets the fragment that it was parsed from.
        if text.contains('#') || !matches!(uri.path_and_query().map(|path| path.as_str()), None | Some("" | "/")) {
            return Err(invalid("it has a path, a query or a fragment"));
        }
        Self::of(&uri).ok_or_else(|| invalid("it must be http or https, without user information"))
    }
}

impl TryFrom<&str> for Origin {
    type Error = ConfigError;

    fn try_from(text: &str) -> Result<Self, ConfigError> {
        text.parse()
    }
}

impl TryFrom<String> for Origin {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        text.parse()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-T1
    #[test]
    fn look_alikes_are_other_origins() {
        let origin: Origin = "https://a.com".parse().unwrap();
        for same in ["https://a.com", "https://A.CoM/x?y", "https://a.com:443/", "HTTPS://a.com/"] {
            assert!(origin.matches(&same.parse().unwrap()), "{same}");
        }
        for other in [
            "https://a.com.evil/",
            "https://a.com@evil/",
            "https://evil@a.com/",
            "https://a.com:444/",
            "https://a.com./",
            "https://xa.com/",
            "https://xn--a-0ga.com/",
            "https://sub.a.com/",
            "http://a.com/",
            "http://a.com:443/",
            "ftp://a.com/",
            "/x",
            "a.com:443",
        ] {
            assert!(!origin.matches(&other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn only_whole_origins_parse() {
        for bad in [
            "",
            "a.com",
            "https://",
            "https://a.com/x",
            "https://a.com?x",
            "https://a.com#x",
            "ftp://a.com",
            "https://u@a.com",
            "//a.com",
        ] {
            let error = bad.parse::<Origin>().unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::InvalidOrigin, "{bad}");
        }
        assert_eq!("https://a.com:443/".parse::<Origin>().unwrap().to_string(), "https://a.com");
        assert_eq!("http://[::1]:8080".parse::<Origin>().unwrap().to_string(), "http://[::1]:8080");
    }

    // THREAT-L1
    #[test]
    fn what_is_no_origin_is_not_quoted_with_a_credential_in_it() {
        for bad in [
            "https://u:sentinel@a.com",
            "https://sentinel@a.com/x",
            "https://a.com?key=sentinel",
            "ftp://u:sentinel@a.com",
        ] {
            let error = bad.parse::<Origin>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("sentinel"), "{error}");
        }
        assert!("https://a.com/x".parse::<Origin>().unwrap_err().to_string().contains("https://a.com/x"));
    }

    // THREAT-T3
    #[test]
    fn loopback_is_a_literal_address() {
        let loopback = |text: &str| text.parse::<Origin>().unwrap().is_loopback();
        assert!(loopback("http://127.0.0.1:80") && loopback("http://127.9.9.9") && loopback("http://[::1]:80"));
        assert!(!loopback("http://localhost") && !loopback("http://10.0.0.1") && !loopback("http://127.0.0.1.nip.io"));
    }
}
