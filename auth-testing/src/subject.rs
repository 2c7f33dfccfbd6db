const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// The attributes of RFC 4514 section 3 below 2.5.4.
const ATTRIBUTES: [(&[u8], &str); 6] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 6], "C"),
];

/// The subject of a certificate as text (RFC 4514), the last part first. `None` if it is empty, or has what this cannot write: another attribute
/// than those below, or several in one part.
pub(crate) fn subject(der: &[u8]) -> Option<String> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.1;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE] {
        // Serial number, signature algorithm, issuer, validity.
        rest = element(rest, tag)?.1;
    }
    let (mut name, _) = element(rest, SEQUENCE)?;
    let mut parts = Vec::new();
    while !name.is_empty() {
        let (set, after) = element(name, SET)?;
        let (attribute, more) = element(set, SEQUENCE)?;
        let (kind, value) = element(attribute, OBJECT_ID)?;
        let kind = ATTRIBUTES.iter().find(|(id, _)| *id == kind)?.1;
        let tag = *value.first()?;
        let (text, end) = element(value, tag)?;
        if !matches!(tag, UTF8_STRING | PRINTABLE_STRING) || !more.is_empty() || !end.is_empty() {
            return None;
        }
        parts.push(format!("{kind}={}", escaped(std::str::from_utf8(text).ok()?)));
        name = after;
    }
    parts.reverse();
    Some(parts.join(",")).filter(|subject| !subject.is_empty())
}

/// The content of the first element of `der`, which has `tag`, and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[own, length], rest) = der.split_first_chunk::<2>()?;
    if own != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => {
            let (&[one], rest) = rest.split_first_chunk::<1>()?;
            (usize::from(one), rest)
        }
        0x82 => {
            let (&two, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(two)), rest)
        }
        // A certificate of 64 KiB and more is no test's.
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// RFC 4514 section 2.4.
fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(text.len());
    for (index, letter) in text.chars().enumerate() {
        let at_edge = letter == ' ' && (index == 0 || index == last) || letter == '#' && index == 0;
        if at_edge || matches!(letter, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn certificate(parts: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_subject_is_written_last_part_first_and_escaped() {
        let der = certificate(&[
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "A, B"),
            (DnType::CommonName, "#x "),
        ]);
        assert_eq!(subject(&der).as_deref(), Some("CN=\\#x\\ ,O=A\\, B,C=DE"));
        assert_eq!(subject(&certificate(&[])), None);
        assert_eq!(subject(&certificate(&[(DnType::CustomDnType(vec![2, 5, 4, 5]), "1")])), None);
    }

    #[test]
    fn what_is_no_certificate_has_no_subject() {
        let der = certificate(&[(DnType::CommonName, "orders")]);
        assert_eq!(subject(&der).as_deref(), Some("CN=orders"));
        for end in 0..der.len() {
            assert_eq!(subject(&der[..end]), None);
        }
        assert_eq!(subject(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
