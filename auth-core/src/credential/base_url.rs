use http::Uri;
use http::uri::PathAndQuery;

use crate::Origin;
use crate::error::{ConfigError, ConfigErrorKind};

/// Where an API is: its origin, and what stands in front of every path.
///
/// ```
/// use tower_auth_core::BaseUrl;
///
/// let base: BaseUrl = "https://api.example.com/v2/".parse()?;
/// assert_eq!(base.resolve(&"/me?all=1".parse()?).unwrap(), "https://api.example.com/v2/me?all=1");
/// assert!(base.resolve(&"https://elsewhere.example/me".parse()?).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    origin: Origin,
    /// Empty, or begins with a slash and does not end with one.
    path: String,
}

impl BaseUrl {
    /// The origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What stands in front of every path: empty, or it begins with a slash and does not end with one.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The absolute URI of a request: a path is put behind this URL, an absolute URI of this origin stays as it is. `None` for one of another
    /// origin, and for what is neither.
    #[must_use]
    pub fn resolve(&self, uri: &Uri) -> Option<Uri> {
        if uri.authority().is_some() {
            return self.origin.matches(uri).then(|| uri.clone());
        }
        let path = uri.path_and_query().map(PathAndQuery::as_str).filter(|path| path.starts_with('/'))?;
        format!("{}{}{path}", self.origin, self.path).parse().ok()
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = ConfigError;

    /// Parses `scheme://host[:port][/path]`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let invalid = |what: &str| ConfigError::new(ConfigErrorKind::InvalidUrl, format!("the base URL {what}"));
        let uri: Uri = text.parse().map_err(|_| invalid("is not a URL"))?;
        let origin = Origin::of(&uri).ok_or_else(|| invalid("is not an absolute http or https URL"))?;
        if uri.query().is_some() {
            return Err(invalid("has a query, which nothing can stand behind"));
        }
        Ok(Self { origin, path: uri.path().trim_end_matches('/').to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_put_behind_with_exactly_one_slash() {
        for (base, path, whole) in [
            ("https://a.example", "/v1/me", "https://a.example/v1/me"),
            ("https://a.example/", "/v1/me?x=/", "https://a.example/v1/me?x=/"),
            ("https://a.example/v2", "/", "https://a.example/v2/"),
            ("https://a.example:443/v2/", "/me", "https://a.example/v2/me"),
            ("http://127.0.0.1:8080/v2//", "/me", "http://127.0.0.1:8080/v2/me"),
        ] {
            let base: BaseUrl = base.parse().unwrap();
            assert_eq!(base.resolve(&path.parse().unwrap()).unwrap(), whole);
        }
    }

    // THREAT-T1
    #[test]
    fn an_absolute_uri_stays_and_must_be_of_the_origin() {
        let base: BaseUrl = "https://a.example/v2".parse().unwrap();
        assert_eq!(base.resolve(&"https://A.example:443/x".parse().unwrap()).unwrap(), "https://A.example:443/x");
        for other in [
            "http://a.example/v2/x",
            "https://a.example.evil.example/",
            "https://a.example@evil.example/",
            "a.example:443",
            "*",
        ] {
            assert_eq!(base.resolve(&other.parse().unwrap()), None, "{other}");
        }
        for bad in ["", "/v2", "ftp://a.example", "https://a.example/?x=1", "https://u@a.example/"] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }
}
