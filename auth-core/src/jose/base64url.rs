//! Base64url as JOSE has it: the URL-safe alphabet, no padding, no white space, canonical (RFC 7515 section 2).

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use super::error::JoseError;

/// How many bytes [`decode_into`] may need for `encoded` characters.
pub(super) fn decoded_len(encoded: usize) -> usize {
    URL_SAFE_NO_PAD.estimated_decoded_length(encoded)
}

/// Decodes `text` to the start of `out`, which has [`decoded_len`] bytes or more; returns how many were written.
pub(super) fn decode_into(text: &str, out: &mut [u8]) -> Result<usize, JoseError> {
    let decoded = URL_SAFE_NO_PAD.decode(text.as_bytes(), out.as_out()).map_err(|_| JoseError::BadBase64Url)?;
    Ok(decoded.len())
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, JoseError> {
    URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| JoseError::BadBase64Url)
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

pub(super) fn encode_to(bytes: impl AsRef<[u8]>, out: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, out);
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use proptest::prelude::*;

    use super::*;

    // R7515-2a, R8725bis-a
    #[test]
    fn anything_but_canonical_base64url_is_refused() {
        for text in ["Zg==", "Zg=", "Z g", " Zg", "Zg\n", "Z+", "Z/", "Zg.", "Z", "Zh", "Zm9", "Zm9vZ", "Zgé", "\0"] {
            assert_eq!(decode(text), Err(JoseError::BadBase64Url), "{text:?}");
        }
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!(decode("Zg").unwrap(), b"f");
        assert_eq!(decode("Zm8").unwrap(), b"fo");
        assert_eq!(decode("-_-_").unwrap(), [0xfb, 0xff, 0xbf]);
    }

    proptest! {
        // R7515-2a
        #[test]
        fn each_byte_string_has_one_text(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = encode(&bytes);
            prop_assert_eq!(decode(&text).unwrap(), &bytes[..]);
            let mut out = vec![0; decoded_len(text.len())];
            prop_assert_eq!(decode_into(&text, &mut out).unwrap(), bytes.len());
        }

        // R7515-2a: what is decoded with vector instructions, and which instructions there are, makes no difference
        #[test]
        fn another_decoder_finds_the_same(mut text in "[A-Za-z0-9_-]{0,200}", at in 0_usize..200, other in any::<char>()) {
            let same = |text: &str| decode(text).ok() == base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok();
            prop_assert!(same(&text), "{:?}", text);
            text.insert(at.min(text.len()), other);
            prop_assert!(same(&text), "{:?}", text);
        }

        // R7515-2a
        #[test]
        fn a_text_that_decodes_is_the_one_we_would_write(text in "[A-Za-z0-9_=+/ -]{0,20}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(bytes), text);
            }
        }
    }
}
