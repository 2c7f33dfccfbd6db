use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::JoseError;
use crate::Secret;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// The DER of the one PKCS#8 private key in `pem` (RFC 7468 section 10). Text around it is ignored.
pub(super) fn private_key_der(pem: &str) -> Result<Zeroizing<Vec<u8>>, JoseError> {
    let (_, rest) = pem.split_once(BEGIN).ok_or(JoseError::BadPem)?;
    let (body, after) = rest.split_once(END).ok_or(JoseError::BadPem)?;
    if after.contains(BEGIN) {
        return Err(JoseError::BadPem);
    }
    let base64: Zeroizing<Vec<u8>> = Zeroizing::new(body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    STANDARD.decode(&*base64).map(Zeroizing::new).map_err(|_| JoseError::BadPem)
}

/// A PKCS#8 private key as PEM, in lines of 64 characters (RFC 7468 section 2).
pub(super) fn private_key_pem(der: &[u8]) -> Secret {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // Reserved in full, so that no outgrown buffer with half a secret is left behind.
    let mut pem = String::with_capacity(BEGIN.len() + END.len() + base64.len() + base64.len() / LINE + 3);
    pem.push_str(BEGIN);
    for (place, character) in base64.chars().enumerate() {
        if place % LINE == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push('\n');
    pem.push_str(END);
    pem.push('\n');
    Secret::new(pem)
}

const LINE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_private_key_is_found_in_the_text_around_it() {
        let pem = "Bag Attributes\r\n-----BEGIN PRIVATE KEY-----\r\nZm9v\r\nYmFy\r\n-----END PRIVATE KEY-----\r\n";
        assert_eq!(private_key_der(pem).unwrap().as_slice(), b"foobar");
    }

    #[test]
    fn other_kinds_of_pem_and_broken_ones_are_refused() {
        for pem in [
            "",
            "-----BEGIN PUBLIC KEY-----\nZm9v\n-----END PUBLIC KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nZm9v\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nZm9v\n-----END ENCRYPTED PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nZm9v",
            "-----BEGIN PRIVATE KEY-----\nZm9?\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nZm9v\n-----END PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----",
        ] {
            assert_eq!(private_key_der(pem).err(), Some(JoseError::BadPem), "{pem}");
        }
    }
}
