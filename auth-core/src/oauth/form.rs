//! `application/x-www-form-urlencoded`, as RFC 6749 appendix B uses it.

use zeroize::Zeroizing;

use crate::http::WipedBuffer;

/// Appends `text`, encoded: UTF-8, a space as `+`, everything but letters, digits and `*-._` as `%XX`.
pub(super) fn encode(text: &str, into: &mut WipedBuffer) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b' ' => into.push(b'+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => into.push(byte),
            _ => into.extend(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

/// `text`, encoded.
pub(crate) fn encoded(text: &str) -> Zeroizing<String> {
    let mut buffer = WipedBuffer::with_capacity(text.len() * 3);
    encode(text, &mut buffer);
    buffer.into_text().unwrap_or_default()
}

/// Appends `name=value`, with a `&` before it unless it is the first.
pub(super) fn encode_pair(name: &str, value: &str, into: &mut WipedBuffer) {
    if into.len() > 0 {
        into.push(b'&');
    }
    encode(name, into);
    into.push(b'=');
    encode(value, into);
}

/// The pairs of an encoded text; `None` if an escape is broken, a half is not UTF-8, or there are more than `max`.
pub(crate) fn decode(text: &[u8], max: usize) -> Option<Vec<(String, Zeroizing<String>)>> {
    let mut pairs = Vec::new();
    for pair in text.trim_ascii().split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == max {
            return None;
        }
        let at = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = match at {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        pairs.push((decode_half(name)?.as_str().to_owned(), decode_half(value)?));
    }
    Some(pairs)
}

fn decode_half(half: &[u8]) -> Option<Zeroizing<String>> {
    let mut buffer = WipedBuffer::with_capacity(half.len());
    let mut rest = half.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => buffer.push(b' '),
            b'%' => buffer.push((hex(rest.next()?)? << 4) | hex(rest.next()?)?),
            _ => buffer.push(byte),
        }
    }
    buffer.into_text()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    // R6749-2.3.1a, SYS-V13
    #[test]
    fn text_is_encoded_as_the_appendix_shows() {
        assert_eq!(*encoded(" %&+\u{a3}\u{20ac}"), "+%25%26%2B%C2%A3%E2%82%AC");
        assert_eq!(*encoded("aZ09*-._~:/="), "aZ09*-._%7E%3A%2F%3D");
    }

    // SYS-V13
    #[test]
    fn what_is_encoded_is_decoded_again() {
        let all: String = (0_u8..128).map(char::from).chain(['\u{e4}', '\u{1f600}']).collect();
        let mut buffer = WipedBuffer::default();
        encode_pair("a=b&c", &all, &mut buffer);
        encode_pair("", "", &mut buffer);
        let pairs = decode(&buffer.into_bytes(), 10).unwrap();
        assert_eq!(pairs.len(), 2);
        assert_eq!((pairs[0].0.as_str(), pairs[0].1.as_str()), ("a=b&c", all.as_str()));
    }

    // THREAT-A5
    #[test]
    fn broken_text_is_refused_and_pairs_are_counted() {
        for bad in [&b"a=%"[..], b"a=%2", b"a=%zz", b"a=%ff", b"\xff=1"] {
            assert!(decode(bad, 10).is_none(), "{bad:?}");
        }
        assert!(decode(b"a&b&c", 2).is_none());
        assert_eq!(decode(b"a&b=&&c=1\n", 3).unwrap().len(), 3);
    }
}
