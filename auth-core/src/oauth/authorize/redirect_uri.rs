use http::Uri;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::ip_literal;

/// Checks a redirect URI: absolute, without a fragment (RFC 6749 section 3.1.2), and plain `http` only to this machine
/// unless that was allowed. A scheme of an app's own is fine (RFC 8252 section 7.1).
pub(super) fn check(text: &str, plaintext: bool) -> Result<(), ConfigError> {
    let invalid =
        |why| Err(ConfigError::new(ConfigErrorKind::InvalidUrl, format!("the redirect URI cannot be used: {why}")));
    if text.is_empty() {
        return Err(ConfigError::new(ConfigErrorKind::MissingOption, "the redirect URI is missing"));
    }
    if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7e if byte != b'\\' && byte != b'"')) {
        return invalid("it has a character that no URI has");
    }
    if text.contains('#') {
        return invalid("it has a fragment");
    }
    let Some((scheme, rest)) = text.split_once(':') else { return invalid("it is not absolute") };
    let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !named || rest.is_empty() {
        return invalid("it is not absolute");
    }
    let plain = scheme.eq_ignore_ascii_case("http");
    if !plain && !scheme.eq_ignore_ascii_case("https") {
        return Ok(());
    }
    let uri = text.parse::<Uri>().ok();
    let authority = uri.as_ref().and_then(Uri::authority).filter(|authority| !authority.host().is_empty());
    let Some(authority) = authority else { return invalid("it has no host") };
    if authority.as_str().contains('@') {
        return invalid("it has user information before the host");
    }
    let host = authority.host();
    let local = host == "localhost" || ip_literal(host).is_some_and(|address| address.is_loopback());
    if plain && !local && !plaintext {
        return Err(ConfigError::new(
            ConfigErrorKind::InsecureUrl,
            "the redirect URI is plain http, so that codes would cross the network unprotected: use https",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // R6749-3.1.2a
    #[test]
    fn a_redirect_uri_is_absolute_and_has_no_fragment() {
        for good in [
            "https://app.example.com/callback",
            "https://app.example.com/callback?tenant=1",
            "http://127.0.0.1:4711/callback",
            "http://[::1]:4711/callback",
            "http://localhost:3000/callback",
            "com.example.app:/callback",
        ] {
            assert!(check(good, false).is_ok(), "{good}");
        }
        for bad in [
            "/callback",
            "app.example.com/callback",
            "//app.example.com/callback",
            "https://app.example.com/callback#",
            "https://app.example.com/callback#x",
            "https:///callback",
            "https://",
            "https://u@app.example.com/",
            "https://app.example.com/a b",
            "https://app.example.com\\x",
            "https://app.example.com/\r\n",
            "1a:/x",
            "a:",
            ":x",
        ] {
            assert_eq!(check(bad, false).unwrap_err().kind(), ConfigErrorKind::InvalidUrl, "{bad}");
        }
        assert_eq!(check("", false).unwrap_err().kind(), ConfigErrorKind::MissingOption);
    }

    #[test]
    fn plain_http_is_for_this_machine_unless_it_is_allowed() {
        for plain in ["http://app.example.com/callback", "http://localhost.example/", "HTTP://128.0.0.1/"] {
            assert_eq!(check(plain, false).unwrap_err().kind(), ConfigErrorKind::InsecureUrl, "{plain}");
            assert!(check(plain, true).is_ok());
        }
    }
}
