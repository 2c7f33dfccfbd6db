use http::Uri;

/// The longest URI that is shown, in bytes.
const MAX_URI: usize = 2048;

/// Where a person is told to go, or why nobody should be told to go there.
///
/// Plain `http` is fine only on the host that the code itself came from by plain `http`, which somebody has allowed.
pub(super) fn check(text: &str, asked: &Uri) -> Result<Uri, &'static str> {
    if text.len() > MAX_URI {
        return Err("longer than 2048 characters");
    }
    // What breaks out of a quoted text or a line, and what reads from right to left, is no part of a URI.
    if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7e if !b"\"<>\\^`{|}".contains(&byte))) {
        return Err("with a character that no URI has");
    }
    let uri: Uri = text.parse().map_err(|_| "that is no URI")?;
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err("without a host");
    };
    if authority.as_str().contains('@') {
        return Err("with user information before the host");
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if asked.scheme_str() == Some("http") && is_same_host(&uri, asked) => Ok(uri),
        _ => Err("that is not https"),
    }
}

pub(super) fn is_same_host(one: &Uri, other: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);

    host(one) == host(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-C6
    #[test]
    fn only_a_plain_https_uri_is_shown() {
        let asked = Uri::from_static("https://login.example.com/device");
        for good in ["https://example.com/device", "https://example.com:8443/d?user_code=WDJB-MJHT", "https://[::1]/d"]
        {
            assert_eq!(check(good, &asked).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "/device",
            "example.com/device",
            "http://example.com/device",
            "http://login.example.com/device",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://",
            "https:///device",
            "https://login.example.com@evil.example/",
            "https://example.com/\u{202e}",
            "https://ex\u{430}mple.com/",
            "https://example.com/\r\nSet-Cookie:a",
            "https://example.com/a b",
            "https://example.com/\u{1b}[2J",
            "https://example.com/<script>",
        ] {
            assert!(check(bad, &asked).is_err(), "{bad:?}");
        }
        assert!(check(&format!("https://example.com/{}", "x".repeat(2048)), &asked).is_err());
    }

    #[test]
    fn plain_http_is_for_the_host_that_was_asked_so() {
        let asked = Uri::from_static("http://127.0.0.1:9/device");
        assert!(check("http://127.0.0.1:10/device", &asked).is_ok());
        assert!(check("http://127.0.0.2/device", &asked).is_err());
        assert!(check("http://example.com/device", &asked).is_err());
    }
}
