/// A path of which there is one reading: who decides by it and who acts by it, whatever either does to paths, mean the same.
///
/// It is refused otherwise, and never tidied up, so that the path that rules look at is the very one that is sent on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentPath;

impl SentPath {
    /// Longest path, in bytes.
    const MAX_LEN: usize = 8 * 1024;

    /// # Errors
    /// Why there may be several readings.
    pub(crate) fn check(path: &str) -> Result<(), &'static str> {
        if !path.starts_with('/') {
            return Err("it does not begin with a slash");
        }
        if path.len() > Self::MAX_LEN {
            return Err("it is too long");
        }
        if path.contains("//") {
            return Err("two slashes stand together");
        }
        let mut rest = path.bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = rest.next() {
            match byte {
                b'%' => {
                    let digit =
                        |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                    let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
                        return Err("a percent sign stands before no two digits");
                    };
                    decoded.push(high << 4 | low);
                    match high << 4 | low {
                        // RFC 3986 section 6.2.2.2: these mean the same with and without an escape.
                        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                            return Err("a character is escaped that needs no escape");
                        }
                        b'/' | b'\\' => return Err("a slash is escaped"),
                        b'%' => return Err("an escape is escaped"),
                        b';' | b'?' | b'#' => return Err("a character that ends paths is escaped"),
                        0..=0x1f | 0x7f => return Err("a control character is escaped"),
                        _ => {}
                    }
                }
                b'\\' => return Err("it has a backslash"),
                0..=b' ' | 0x7f.. => return Err("it has a character that paths must not have"),
                plain => decoded.push(plain),
            }
        }
        // Some decoders read overlong forms as the characters that they stand for: a dot, a slash.
        if std::str::from_utf8(&decoded).is_err() {
            return Err("an escape is no UTF-8");
        }
        // What stands behind a semicolon some servers take off before they compare.
        let mut segments = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
        if segments.any(|segment| matches!(segment, "." | "..")) {
            return Err("a segment is one or two dots");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-T10
    #[test]
    fn a_path_with_two_readings_is_refused() {
        for good in
            ["/", "/a", "/a/", "/a.b/c-d_e~f", "/a..b", "/...", "/%20x", "/%C3%A4", "/a;v=1/b", "/@a:b", "/a+b", "/%3A"]
        {
            assert_eq!(SentPath::check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "a",
            "//",
            "/a//b",
            "/a/../b",
            "/..",
            "/%c0%ae%c0%ae/a",
            "/%c0%af",
            "/%e4",
            "/a/.",
            "/./a",
            "/a/..;x/b",
            "/;/../a",
            "/a/.;/b",
            "/%2e%2e/a",
            "/%2E/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/%61dmin",
            "/%252e",
            "/%25",
            "/%",
            "/%1",
            "/%zz",
            "/%00",
            "/a%0d%0ab",
            "/%7f",
            "/a%3bb",
            "/a%3fb",
            "/a%23b",
            "/a b",
            "/ä",
            "/a\u{0}",
        ] {
            assert!(SentPath::check(bad).is_err(), "{bad}");
        }
        assert!(SentPath::check(&format!("/{}", "a".repeat(SentPath::MAX_LEN))).is_err());
    }
}
