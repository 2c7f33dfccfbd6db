use std::fmt;
use std::str::FromStr;

use super::{AuthorizationError, AuthorizationErrorKind};

/// A place on the service's own origin where a user goes after the login, such as `/orders?page=2`.
///
/// It usually comes from the user's own request, and a login that sends people anywhere is an open redirector. So it is a
/// path of this origin by construction, whatever a browser or a later normalization makes of it:
///
/// - one `/` at the start, no empty segment, no `.` or `..`, encoded or not;
/// - no backslash, and no encoded slash or backslash in the path;
/// - visible ASCII only, no encoded control character; 2 KiB at most.
///
/// ```
/// use tower_auth_core::ReturnTo;
///
/// assert_eq!(ReturnTo::new("/orders?page=2")?.as_str(), "/orders?page=2");
/// assert!(ReturnTo::new("//evil.example").is_err());
/// assert!(ReturnTo::new("https://evil.example").is_err());
/// # Ok::<(), tower_auth_core::AuthorizationError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReturnTo(String);

/// The longest place, in bytes.
const MAX: usize = 2048;

impl ReturnTo {
    /// The place that `text` names.
    ///
    /// # Errors
    /// When the text is anything but a plain path of this origin. The error does not repeat it.
    pub fn new(text: impl Into<String>) -> Result<Self, AuthorizationError> {
        let text = text.into();
        match check(&text) {
            Ok(()) => Ok(Self(text)),
            Err(why) => Err(AuthorizationError::new(
                AuthorizationErrorKind::InvalidReturnTo,
                format!("the place to go after the login cannot be used: {why}"),
            )),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX {
        return Err("it is longer than 2 KiB");
    }
    if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
        return Err("it has a character that is not visible ASCII");
    }
    if text.contains('\\') {
        return Err("it has a backslash");
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let Some(rest) = path.strip_prefix('/') else { return Err("it does not start with a slash") };
    let plain = decoded(path).ok_or("it has a broken escape")?;
    // Whatever decodes an escape once more must not find another path in it.
    if plain.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\')
        || plain.iter().filter(|byte| **byte == b'/').count() != path.matches('/').count()
    {
        return Err("it has an encoded slash, backslash or control character");
    }
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        // Only a slash at the end leaves an empty one.
        if segment.is_empty() && segments.peek().is_some() {
            return Err("it has an empty segment");
        }
        let segment = decoded(segment).unwrap_or_default();
        if segment == b"." || segment == b".." {
            return Err("it has a dot segment");
        }
    }
    Ok(())
}

/// `text` with its escapes decoded; `None` if one is broken.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { (digit(bytes.next()?)? << 4) | digit(bytes.next()?)? } else { byte });
    }
    Some(decoded)
}

impl FromStr for ReturnTo {
    type Err = AuthorizationError;

    fn from_str(text: &str) -> Result<Self, AuthorizationError> {
        Self::new(text)
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReturnTo({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-C4, R9700-2.1a
    #[test]
    fn nothing_leads_off_the_origin() {
        for bad in [
            "",
            "orders",
            "https://evil.example",
            "https:/evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "///evil.example",
            "////evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r/evil.example",
            "/ /evil.example",
            " //evil.example",
            "\t//evil.example",
            "/\u{0}/evil.example",
            "/\u{b}/evil.example",
            "/\u{2f}/evil.example",
            "/\u{ff0f}evil.example",
            "/\u{3002}/evil.example",
            "/%09/evil.example",
            "/%0d%0aLocation:%20https://evil.example",
            "/%2fevil.example",
            "/%2F%2Fevil.example",
            "/%5cevil.example",
            "/%5C%5Cevil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/./\\evil.example",
            "/.%2fevil.example",
            "/%2e%2e//evil.example",
            "/%2e/",
            "/a/../b",
            "/a/..",
            "/a/%2E%2E",
            "/a//evil.example",
            "/a%",
            "/a%2",
            "/a%zz",
            "/?next=\\evil.example",
            "?next=/",
            "#a",
            "@evil.example",
            "/a\u{7f}",
        ] {
            let error = ReturnTo::new(bad).unwrap_err();
            assert_eq!(error.kind(), AuthorizationErrorKind::InvalidReturnTo, "{bad:?}");
            assert!(!error.to_string().contains("evil"), "{error}");
        }
        assert!(ReturnTo::new(format!("/{}", "a".repeat(MAX))).is_err());
    }

    // THREAT-C4
    #[test]
    fn ones_own_pages_are_reached() {
        let longest = format!("/{}", "a".repeat(MAX - 1));
        for good in [
            "/",
            "/orders",
            "/orders/",
            "/orders/17?page=2&sort=a%2Fb",
            "/a..b/.well-known/c%20d",
            "/?u=https://example.com//x",
            "/a#b/../c",
            "/@user:1",
            &longest,
        ] {
            assert_eq!(ReturnTo::new(good).unwrap().as_str(), good);
            assert_eq!(good.parse::<ReturnTo>().unwrap().to_string(), good);
        }
    }
}
