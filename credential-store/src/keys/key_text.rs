//! A key of 256 bits as an operator writes it.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tower_auth_core::Secret;
use zeroize::Zeroizing;

use super::DataKey;

/// How long a key in base64 is, without padding and with it, and in hexadecimal.
const BASE64_LEN: usize = 43;
const PADDED_LEN: usize = 44;
const HEX_LEN: usize = 64;

/// What a key text has to be, for error messages.
pub(super) const EXPECTED: &str = "32 bytes in base64 (43 characters, or 44 with `=`) or in hexadecimal (64 digits)";

/// Reads base64 (either alphabet, padded or not) or hexadecimal digits of exactly 32 bytes.
pub(super) fn parse(text: &str) -> Option<DataKey> {
    let mut bytes = Zeroizing::new([0; PADDED_LEN]);
    let key = match text.len() {
        BASE64_LEN | PADDED_LEN => {
            let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
            let length = base64(alphabet).decode_slice(text, &mut *bytes).ok()?;
            &bytes[..length]
        }
        HEX_LEN => {
            for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
            }
            &bytes[..DataKey::LEN]
        }
        _ => return None,
    };
    DataKey::from_bytes(key).ok()
}

/// A key in padded base64.
pub(super) fn write(key: &DataKey) -> Secret {
    let mut text = String::with_capacity(PADDED_LEN);
    base64(&STANDARD).encode_string(key.expose(), &mut text);
    Secret::new(text)
}

fn base64(alphabet: &Alphabet) -> GeneralPurpose {
    // Bits that no byte needs still have to be zero: of two texts for one key, one has a typing error.
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_text_is_base64_or_hexadecimal_of_exactly_32_bytes() {
        let key: &[u8] = &(0..32).map(|byte| byte ^ 0xfb).collect::<Vec<u8>>();
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let engine = |alphabet, padded| {
            GeneralPurpose::new(alphabet, GeneralPurposeConfig::new().with_encode_padding(padded)).encode(key)
        };
        let (plain, safe) = (engine(&STANDARD, true), engine(&URL_SAFE, true));
        assert!(plain.contains(['+', '/']) && safe.contains(['-', '_']), "{plain}");
        let unpadded = (engine(&STANDARD, false), engine(&URL_SAFE, false));
        for text in [&plain, &safe, &unpadded.0, &unpadded.1, &hex, &hex.to_uppercase()] {
            assert_eq!(parse(text).expect(text).expose(), key, "{text}");
        }
        // One letter of each alphabet.
        let mixed = format!("{}-/{}", &plain[..20], &plain[22..]);
        let refused = [
            String::new(),
            "changeme".to_owned(),
            "correct horse battery staple, 43 characters".to_owned(),
            format!(" {plain}"),
            format!("{plain}\n"),
            plain.replace(['+', '/'], "?"),
            mixed,
            format!("{plain}="),
            format!("{}==", &unpadded.0[..42]),
            "=".repeat(44),
            plain[1..].to_owned(),
            hex[2..].to_owned(),
            format!("{hex}00"),
            format!("0x{}", &hex[2..]),
            hex.replacen('1', "g", 1),
            "é".repeat(22),
            "é".repeat(32),
            format!("{}b", &"A".repeat(42)),
        ];
        for text in refused {
            assert!(parse(&text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_written_key_reads_back() {
        let key = DataKey::generate();
        let text = write(&key);
        assert_eq!(text.expose_secret().len(), PADDED_LEN);
        assert_eq!(parse(text.expose_secret()).unwrap().expose(), key.expose());
    }
}
