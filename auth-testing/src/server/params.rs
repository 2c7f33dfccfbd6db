use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;

/// The pairs of a form-encoded text. `None` if an escape is broken, a half is not UTF-8, or a byte stands there that an encoder
/// would have escaped: a space, a control character, anything beyond ASCII.
pub(super) fn from_form(text: &[u8]) -> Option<Vec<(String, String)>> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            Some((decode(&pair[..at])?, decode(pair.get(at + 1..).unwrap_or_default())?))
        })
        .collect()
}

/// The members of a JSON object in order, repeated ones included; a list gives one pair for each of its texts. `None` if it is something else.
pub(super) fn from_json(text: &[u8]) -> Option<Vec<(String, String)>> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    let pairs = parser.deserialize_map(Pairs).ok()?;
    parser.end().ok()?;
    let mut params = Vec::new();
    for (name, value) in pairs {
        match value {
            Value::Array(values) => {
                for value in values {
                    params.push((name.clone(), plain(value)));
                }
            }
            value => params.push((name, plain(value))),
        }
    }
    Some(params)
}

/// A half of a pair, decoded.
pub(super) fn decode(half: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(half.len());
    let mut rest = half.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => (hex(rest.next()?)? << 4) | hex(rest.next()?)?,
            b'!'..=b'~' => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The first value of `name` that is not empty: an empty one is as good as absent (RFC 6749 section 3.1).
pub(super) fn first<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let (_, value) = params.iter().find(|(own, value)| own == name && !value.is_empty())?;
    Some(value)
}

/// Every value of `name` that is not empty.
pub(super) fn every<'a>(params: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    params.iter().filter(move |(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// Whether a parameter is there twice that may be there once: all but `resource` (RFC 8707 section 2) and `audience` (RFC 8693
/// section 2.1).
pub(super) fn has_repeated(params: &[(String, String)]) -> bool {
    params.iter().enumerate().any(|(index, (name, _))| {
        let may_repeat = name == "resource" || name == "audience";
        !may_repeat && params[..index].iter().any(|(earlier, _)| earlier == name)
    })
}

/// A half of a pair, encoded.
pub(super) fn encode(half: &str) -> String {
    let mut text = String::with_capacity(half.len());
    for byte in half.bytes() {
        match byte {
            b' ' => text.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Keeps repeated members, which a map would hide.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Option<Vec<(String, String)>> {
        from_form(text.as_bytes())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn forms_are_decoded_strictly() {
        assert_eq!(form("a=b+c%2Bd&e=%C3%A4&f&g=="), pairs(&[("a", "b c+d"), ("e", "ä"), ("f", ""), ("g", "=")]));
        for bad in ["a=%", "a=%4", "a=%zz", "a=b c", "a=ä", "a=%ff", "a\n=b"] {
            assert_eq!(form(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn json_keeps_repeated_members_and_opens_lists() {
        assert_eq!(
            from_json(br#"{"a":"x","b":["y","z"],"a":1}"#),
            pairs(&[("a", "x"), ("b", "y"), ("b", "z"), ("a", "1")])
        );
        for bad in ["[]", "\"a\"", "{", "{} {}", ""] {
            assert_eq!(from_json(bad.as_bytes()), None, "{bad}");
        }
    }
}
