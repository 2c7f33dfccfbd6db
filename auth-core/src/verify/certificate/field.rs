//! What stands for one certificate in a header field.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::PeerCertificate;

/// RFC 9651 section 4.2.7 lets a parser accept what is not padded, and bits that stand for nothing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A byte sequence of structured fields: `:` base64 `:` (RFC 9440 section 2.1).
pub(super) fn from_byte_sequence(text: &str) -> Option<PeerCertificate> {
    let base64 = text.strip_prefix(':')?.strip_suffix(':')?;
    certificate(LENIENT.decode(base64).ok()?)
}

/// One certificate in PEM, percent-encoded.
pub(super) fn from_escaped_pem(text: &str) -> Option<PeerCertificate> {
    let pem = percent_decoded(text)?;
    let (body, after) = pem.trim_start().strip_prefix(BEGIN)?.split_once(END)?;
    if !after.trim().is_empty() {
        return None;
    }
    let base64: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    certificate(STANDARD.decode(base64).ok()?)
}

fn certificate(der: Vec<u8>) -> Option<PeerCertificate> {
    (!der.is_empty()).then(|| PeerCertificate::from_der(der))
}

/// A `+` is a plus, as base64 has it: this is no form.
fn percent_decoded(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        // PEM is ASCII.
        out.push(char::from(u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?));
        rest = &after[2..];
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";

    // R8705-P1
    #[test]
    fn a_byte_sequence_is_base64_between_colons() {
        assert!(from_byte_sequence(":YWJj:").unwrap().has_thumbprint(ABC));
        assert!(from_byte_sequence(":YWI=:").is_some());
        assert!(from_byte_sequence(":YWI:").is_some(), "what is not padded may be accepted");
        for bad in
            ["", ":", "::", "YWJj", ":YWJj", "YWJj:", ":YW Jj:", ":YWJj:;a", ":YWJj:, :YWJj:", "\"YWJj\"", ":YW-_:"]
        {
            assert_eq!(from_byte_sequence(bad), None, "{bad}");
        }
    }

    // R8705-P1
    #[test]
    fn escaped_pem_is_one_certificate() {
        let escaped = |pem: &str| pem.replace('\n', "%0A").replace(' ', "%20").replace('=', "%3D");
        let pem = format!("{BEGIN}\nYW\nJj\n{END}\n");
        assert!(from_escaped_pem(&escaped(&pem)).unwrap().has_thumbprint(ABC));
        assert!(from_escaped_pem(&escaped(pem.trim_end())).is_some());
        assert!(from_escaped_pem(&format!("{BEGIN}%0a+/+/%0a{END}").replace(' ', "%20")).is_some(), "a plus is a plus");
        for bad in [
            "",
            "YWJj",
            &escaped(&pem.repeat(2)),
            &escaped(&format!("x{pem}")),
            &escaped(&format!("{pem}x")),
            &escaped(&pem.replace("YW", "Y?")),
            &escaped(&pem.replace("YW\nJj", "")),
            &escaped(&pem.replace("CERTIFICATE", "PRIVATE KEY")),
            &format!("{}%", escaped(&pem)),
            &format!("{}%0", escaped(&pem)),
            &format!("{}%é", escaped(&pem)),
            &format!("{}%zz", escaped(&pem)),
            &format!("{}%ff", escaped(&pem)),
        ] {
            assert_eq!(from_escaped_pem(bad), None, "{bad}");
        }
    }
}
