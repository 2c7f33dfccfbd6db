use std::fmt::Write as _;

/// `uri` with parameters appended to its query, wherever that ends.
pub(super) fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    let (uri, fragment) = uri.split_once('#').map_or((uri, None), |(uri, fragment)| (uri, Some(fragment)));
    let mut text = uri.to_owned();
    for (name, value) in parameters {
        let mark = match (text.contains('?'), text.ends_with(['?', '&'])) {
            (false, _) => "?",
            (true, true) => "",
            (true, false) => "&",
        };
        let _ = write!(text, "{mark}{name}={}", encode(value));
    }
    if let Some(fragment) = fragment {
        let _ = write!(text, "#{fragment}");
    }
    text
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    })
}

/// The value of a parameter in a query or a form, decoded; `None` if it is not there, there twice, or not text.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut values = query.split('&').filter_map(|pair| {
        let (own, value) = pair.split_once('=').unwrap_or((pair, ""));
        (own == name).then_some(value)
    });
    let value = values.next()?;
    match values.next() {
        Some(_) => None,
        None => decode(value),
    }
}

pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A stranger's text, short enough and without what moves a cursor.
pub(super) fn printable(text: &str, limit: usize) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::{parameter, printable, with_query};

    // SYS-C12
    #[test]
    fn parameters_go_where_a_query_ends() {
        let id = [("credentialId", "a b&c")];
        assert_eq!(with_query("https://a.test/x", &id), "https://a.test/x?credentialId=a%20b%26c");
        assert_eq!(with_query("https://a.test/x?y=1", &id), "https://a.test/x?y=1&credentialId=a%20b%26c");
        assert_eq!(with_query("https://a.test/x?", &[("a", "1"), ("b", "2")]), "https://a.test/x?a=1&b=2");
        assert_eq!(with_query("https://a.test/#/in?z", &[("a", "1")]), "https://a.test/?a=1#/in?z");
    }

    // THREAT-T7
    #[test]
    fn a_parameter_is_there_once_or_not_at_all() {
        assert_eq!(parameter("a=1&b=x+%C3%A9", "b").as_deref(), Some("x é"));
        assert_eq!(parameter("a", "a").as_deref(), Some(""));
        for bad in ["b=1&b=2", "b=%", "b=%4", "b=%zz", "b=%FF", ""] {
            assert_eq!(parameter(bad, "b"), None, "{bad}");
        }
        assert_eq!(printable("a\r\nb\u{0}cdef", 4), "abcd");
    }
}
