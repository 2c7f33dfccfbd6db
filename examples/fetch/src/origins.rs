use http::Uri;
use tower_auth::core::Origin;

use crate::failure::Failure;

/// Where plain `http` may go; `https` may go anywhere.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<Origin>);

impl Origins {
    /// Allows plain `http` to `origins`, each `http://host[:port]`.
    ///
    /// # Errors
    /// When one is not a plain-http origin.
    pub fn allow_plaintext(origins: &[String]) -> Result<Self, Failure> {
        let mut allowed = Vec::new();
        for text in origins {
            let wrong = |why: &str| Failure::usage(format!("--allow-plaintext {text}: {why}"));
            let origin: Origin =
                text.parse().map_err(|_| wrong("this is not an origin such as http://127.0.0.1:8080"))?;
            if origin.is_https() {
                return Err(wrong("https needs no permission; name the plain http origin"));
            }
            allowed.push(origin);
        }
        Ok(Self(allowed))
    }

    /// The origins that plain `http` may go to.
    pub(crate) fn plaintext(&self) -> &[Origin] {
        &self.0
    }

    /// The URL, if requests may be sent to it.
    ///
    /// # Errors
    /// Why not. The text does not repeat the URL beyond its origin.
    pub(crate) fn check(&self, url: &str) -> Result<Uri, String> {
        let uri: Uri = url.parse().map_err(|_| "this is not a URL".to_owned())?;
        if url.contains('#') {
            return Err("a URL for requests has no fragment".to_owned());
        }
        let origin = Origin::of(&uri).ok_or("this is not a URL such as https://api.example.com/path")?;
        if origin.is_https() || self.0.iter().any(|allowed| allowed.matches(&uri)) {
            return Ok(uri);
        }
        Err(format!("{origin} is plain http, and credentials go by https only; --allow-plaintext {origin} permits it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SYS-A8
    #[test]
    fn plain_http_goes_to_named_origins_only() {
        let origins = Origins::allow_plaintext(&["http://127.0.0.1:8080".to_owned()]).unwrap();
        for good in ["https://a.example/x?y", "http://127.0.0.1:8080/x"] {
            assert!(origins.check(good).is_ok(), "{good}");
        }
        for bad in ["http://127.0.0.1:8081/", "http://localhost:8080/", "http://a.example/"] {
            assert!(origins.check(bad).unwrap_err().contains("plain http"), "{bad}");
        }
        for bad in ["", "a", "/x", "ftp://a/", "https://u:p@a/", "https://a/#f"] {
            assert!(origins.check(bad).is_err(), "{bad}");
        }
        assert!(Origins::allow_plaintext(&["https://a".to_owned()]).is_err());
        assert!(Origins::allow_plaintext(&["http://a/path".to_owned()]).is_err());
    }
}
