use http::Uri;
use tower_auth_core::{ConfigError, ConfigErrorKind, Origin};

/// Where browsers find the router. It comes from configuration, never from a request (THREAT-T10).
#[derive(Clone, Debug)]
pub(super) struct PublicUrl {
    origin: Origin,
    origin_text: String,
    path: String,
}

impl PublicUrl {
    /// `https://app.example.com/connect`; plain `http` on a loopback address or `localhost` only, for development.
    pub(super) fn new(text: &str) -> Result<Self, ConfigError> {
        let invalid = |what: &str| {
            let text = format!("the address at which the connect router is mounted {what}: {text}");
            Err(ConfigError::new(ConfigErrorKind::InvalidOption, text))
        };
        let Ok(uri) = text.parse::<Uri>() else { return invalid("is no URL") };
        let Some(origin) = Origin::of(&uri) else { return invalid("must be an https URL without user information") };
        let is_local = origin.is_loopback() || uri.host() == Some("localhost");
        if !origin.is_https() && !is_local {
            return invalid("must be https");
        }
        let path = uri.path().trim_end_matches('/');
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
        if uri.query().is_some() || text.contains('#') || !path.bytes().all(is_plain) || path.contains("//") {
            return invalid("must have a plain path and nothing behind it");
        }
        Ok(Self { origin_text: origin.to_string().trim_end_matches('/').to_owned(), origin, path: path.to_owned() })
    }

    /// Without a slash at the end; empty at the root.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn is_https(&self) -> bool {
        self.origin.is_https()
    }

    /// The whole URL of a path that begins with that of the router.
    pub(super) fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.origin_text)
    }
}

#[cfg(test)]
mod tests {
    use super::PublicUrl;

    // THREAT-T10, THREAT-T3
    #[test]
    fn a_router_is_at_an_https_address_or_at_home() {
        let url = PublicUrl::new("https://app.example.com/connect/").unwrap();
        assert_eq!((url.path(), url.is_https()), ("/connect", true));
        assert_eq!(url.absolute("/connect/x"), "https://app.example.com/connect/x");
        assert_eq!(PublicUrl::new("http://localhost:3000").unwrap().absolute("/x"), "http://localhost:3000/x");
        assert!(PublicUrl::new("http://127.0.0.1:3000/a").is_ok());
        for bad in [
            "http://app.example.com",
            "/connect",
            "https://u@x.example",
            "https://x/?a",
            "https://x/a;b",
            "ftp://x",
            "https://x/#",
        ] {
            assert!(PublicUrl::new(bad).is_err(), "{bad}");
        }
    }
}
