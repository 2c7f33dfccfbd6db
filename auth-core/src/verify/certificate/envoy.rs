//! `x-forwarded-client-cert`, as Envoy writes it.

use super::PeerCertificate;
use super::field::from_escaped_pem;

/// The certificate of the one element that `text` has: by `Cert` (percent-encoded PEM), or else by `Hash` (the SHA-256
/// of its DER, in hexadecimal digits).
///
/// An element is `key=value` with semicolons between; commas part elements, of which each proxy on the way may add one.
/// Whose is whose among several cannot be known here.
pub(super) fn from_element(text: &str) -> Option<PeerCertificate> {
    let (mut hash, mut certificate) = (None, None);
    let mut rest = text;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        let slot = match key.trim() {
            key if key.eq_ignore_ascii_case("Hash") => Some(&mut hash),
            key if key.eq_ignore_ascii_case("Cert") => Some(&mut certificate),
            _ => None,
        };
        if slot.is_some_and(|slot| slot.replace(value).is_some()) {
            return None;
        }
        match after.strip_prefix(';') {
            Some(more) => rest = more,
            None if after.is_empty() => break,
            None => return None,
        }
    }
    let by_hash = match hash {
        Some(digits) => Some(PeerCertificate::from_sha256(sha256(&digits)?)),
        None => None,
    };
    match certificate {
        Some(pem) => {
            let certificate = from_escaped_pem(&pem)?;
            by_hash.is_none_or(|hashed| hashed.sha256() == certificate.sha256()).then_some(certificate)
        }
        None => by_hash,
    }
}

/// A value, quoted or not, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return (!value.contains('"')).then(|| (value.trim().to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[place + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn sha256(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    const HASH: &str = "Hash=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const CERT: &str = "Cert=\"-----BEGIN%20CERTIFICATE-----%0AYWJj%0A-----END%20CERTIFICATE-----%0A\"";

    // R8705-P1
    #[test]
    fn one_element_names_the_certificate_by_hash_or_whole() {
        for element in [
            HASH.to_owned(),
            CERT.to_owned(),
            format!("{HASH};{CERT}"),
            format!("By=spiffe://mesh/ns/a;{HASH};Subject=\"CN=a, O=\\\"b;c\\\"\";URI=spiffe://x;URI=spiffe://y;DNS="),
            HASH.to_uppercase().replace("HASH", "hash"),
        ] {
            assert!(from_element(&element).unwrap().has_thumbprint(ABC), "{element}");
        }
        assert!(from_element(CERT).unwrap().der().is_some());
    }

    // R8705-P1
    #[test]
    fn several_elements_and_contradictions_are_refused() {
        let other = HASH.replace("ba78", "ba79");
        for element in [
            String::new(),
            ";".to_owned(),
            "Hash".to_owned(),
            "By=a;URI=b".to_owned(),
            format!("{HASH},{HASH}"),
            format!("{HASH},By=a"),
            format!("{HASH};"),
            format!("{HASH};{HASH}"),
            format!("{CERT};{CERT}"),
            format!("{other};{CERT}"),
            format!("{HASH}0"),
            HASH[..HASH.len() - 1].to_owned(),
            HASH.replace("ba", "zz"),
            HASH.replace("=ba78", "=\"ba78"),
            format!("{CERT}x"),
            "Subject=\"a\\".to_owned(),
            format!("Cert={}", "x".repeat(50)),
        ] {
            assert_eq!(from_element(&element), None, "{element}");
        }
    }

    #[test]
    fn a_quoted_value_may_hold_what_parts_others() {
        let hidden = format!("Subject=\"x;{HASH},\\\"{HASH}\"");
        assert_eq!(from_element(&hidden), None, "what stands in quotes is no pair");
        assert!(from_element(&format!("{hidden};{HASH}")).is_some());
    }
}
