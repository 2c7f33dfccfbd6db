use std::fmt;

use http::Uri;

use super::plaintext::{Objection, PlaintextRules, site};
use crate::error::{ConfigError, ConfigErrorKind};

/// The URL of an endpoint that passed the rules.
#[derive(Clone)]
pub(crate) struct Endpoint {
    uri: Uri,
    site: String,
}

impl Endpoint {
    /// Checks the URL of an endpoint; `what` names the endpoint in errors. A query component is kept (RFC 6749 section
    /// 3.2).
    ///
    /// # Errors
    /// When the URL cannot be parsed, has a fragment or user information, or is plain http where that is not allowed.
    pub(crate) fn parse(what: &str, url: &str, rules: &PlaintextRules) -> Result<Self, ConfigError> {
        let invalid = |why: &str| {
            ConfigError::new(ConfigErrorKind::InvalidUrl, format!("the URL of the {what} cannot be used: {why}"))
        };
        if url.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, format!("the URL of the {what} is missing")));
        }
        // `Uri` drops a fragment silently.
        if url.contains('#') {
            return Err(invalid("it has a fragment"));
        }
        let uri: Uri = url.parse().map_err(|_| invalid("it is not a URL"))?;
        rules.check(&uri).map_err(|objection| match objection {
            Objection::Plaintext => ConfigError::new(
                ConfigErrorKind::InsecureUrl,
                format!(
                    "the URL of the {what} is plain http: use https, or allow it for a loopback address or a named origin"
                ),
            ),
            _ => invalid(objection.text()),
        })?;
        Ok(Self { site: site(&uri), uri })
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Host, and port if it is not the scheme's own: how messages name the endpoint.
    pub(crate) fn site(&self) -> &str {
        &self.site
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the query, which may hold a key.
        write!(f, "Endpoint({:?} {:?})", self.site, self.uri.path())
    }
}

#[cfg(test)]
mod tests {
    use super::super::plaintext::PlaintextOptions;
    use super::*;

    fn rules(loopback: bool, origins: &[&str]) -> PlaintextRules {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        PlaintextOptions { loopback, origins }.rules().unwrap()
    }

    fn kind(url: &str, rules: &PlaintextRules) -> Option<ConfigErrorKind> {
        Endpoint::parse("token endpoint", url, rules).err().map(|error| error.kind())
    }

    // R6749-3.1a, R6749-3.2a, THREAT-T3, SYS-A8
    #[test]
    fn an_endpoint_is_https_without_user_information_and_fragment() {
        let strict = rules(false, &[]);
        let endpoint =
            Endpoint::parse("token endpoint", "https://Login.Example.com/oauth/bearer?v=2", &strict).unwrap();
        assert_eq!(endpoint.uri().query(), Some("v=2"));
        assert_eq!(endpoint.site(), "login.example.com");
        assert_eq!(kind("https://a.example:8443/", &strict), None);
        for bad in
            ["https://a/b#c", "https://u:p@a/", "https://u@a/", "ftp://a/", "/path", "a", "https://", "https:///x"]
        {
            assert_eq!(kind(bad, &strict), Some(ConfigErrorKind::InvalidUrl), "{bad}");
        }
        for plain in ["http://a.example/", "http://127.0.0.1/", "http://localhost/"] {
            assert_eq!(kind(plain, &strict), Some(ConfigErrorKind::InsecureUrl), "{plain}");
        }
        assert_eq!(kind("", &strict), Some(ConfigErrorKind::MissingOption));
    }

    // THREAT-T3, SYS-A8
    #[test]
    fn plain_http_reaches_literal_loopback_and_named_origins_only() {
        let rules = rules(true, &["http://mesh.internal:8080", "http://Plain.example/"]);
        for good in [
            "http://127.0.0.1:9/t",
            "http://127.8.9.1/",
            "http://[::1]:9/",
            "http://mesh.internal:8080/t",
            "http://plain.example/t",
        ] {
            assert_eq!(kind(good, &rules), None, "{good}");
        }
        for bad in [
            "http://localhost/",
            "http://127.0.0.1.example/",
            "http://[::ffff:127.0.0.1]/",
            "http://128.0.0.1/",
            "http://127.1/",
            "http://mesh.internal/",
            "http://mesh.internal:8081/",
            "http://a.mesh.internal:8080/",
        ] {
            assert_eq!(kind(bad, &rules), Some(ConfigErrorKind::InsecureUrl), "{bad}");
        }
    }

    // THREAT-L2
    #[test]
    fn neither_errors_nor_debug_repeat_a_query() {
        let strict = rules(false, &[]);
        let error = Endpoint::parse("token endpoint", "http://a/?key=sentinel", &strict).unwrap_err();
        let endpoint = Endpoint::parse("token endpoint", "https://a/?key=sentinel", &strict).unwrap();
        assert!(!format!("{error} {error:?} {endpoint:?}").contains("sentinel"));
    }
}
