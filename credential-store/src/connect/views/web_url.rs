use std::fmt;

/// An address that a page may link to or load a picture from: `https`, or `http` on the loopback host.
///
/// Descriptions and callers give addresses as text. Escaping alone would let `javascript:` through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebUrl(String);

impl WebUrl {
    /// The address, if a page may show it.
    pub(crate) fn new(text: &str) -> Option<Self> {
        // Browsers drop tabs and line breaks inside a URL before they look at the scheme, so none may be there.
        if text.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\') {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let is_allowed = match scheme.to_ascii_lowercase().as_str() {
            "https" => !authority.is_empty(),
            "http" => is_loopback(authority),
            _ => false,
        };
        // A name before the host makes a link look as if it led elsewhere.
        (is_allowed && !authority.contains('@')).then(|| Self(text.to_owned()))
    }
}

fn is_loopback(authority: &str) -> bool {
    let port = |rest: &str| {
        rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| authority.strip_prefix(host).is_some_and(port))
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::WebUrl;

    #[test]
    fn only_web_addresses_become_links() {
        for good in ["https://example.com", "HTTPS://example.com/a?b=c#d", "http://localhost:8080/x", "http://[::1]:1/"]
        {
            assert!(WebUrl::new(good).is_some(), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "java\nscript://x",
            "javascript://example.com/%0aalert(1)",
            "data:text/html,x",
            "//example.com",
            "/local",
            "http://example.com",
            "http://localhost.example.com",
            "http://localhost:80@example.com/",
            "https://",
            "https://user@example.com",
            "https:\\\\example.com",
            "",
        ] {
            assert!(WebUrl::new(bad).is_none(), "{bad}");
        }
    }
}
