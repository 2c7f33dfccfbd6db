use std::fmt;

use super::claims::Claims;
use super::compact::Compact;
use super::error::JoseError;
use super::header::Header;
use super::last_header::KnownHeader;
use super::verifying_key::VerifyingKey;

/// Longest token to verify by default, in bytes: 8 KiB.
pub const MAX_TOKEN_LEN: usize = 8 * 1024;

/// A token in JWS compact form (RFC 7515 section 7.1), taken apart but not yet verified.
///
/// The rules, in the order they are applied: the length limit; three parts; the size of the header; canonical
/// base64url in all parts; a strict JSON [header](Header). All of it happens before any cryptography.
///
/// The signature covers [`signing_input`](Self::signing_input): the bytes as received, never encoded again.
/// `Debug` shows the header only: the rest is the credential.
#[derive(Clone)]
pub struct Jws<'a> {
    header: Header<'a>,
    signing_input: &'a str,
    payload: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Jws<'a> {
    /// Takes `token` apart. It may have at most `max_len` bytes ([`MAX_TOKEN_LEN`] is a good choice).
    ///
    /// The decoded parts go into `buffer`, whose old content is overwritten: one allocation for a fresh buffer,
    /// none for one that is used again.
    ///
    /// # Errors
    /// When a rule above is broken; the error names it.
    pub fn parse(token: &'a str, max_len: usize, buffer: &'a mut Vec<u8>) -> Result<Self, JoseError> {
        let Compact { header, signing_input, payload, signature, .. } = Compact::decode(token, max_len, buffer)?;
        Ok(Self { header: Header::parse(header)?, signing_input, payload, signature })
    }

    /// The same with less work for a header that is known.
    pub(crate) fn parse_beside(
        known: &'a KnownHeader,
        token: &'a str,
        max_len: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Self, JoseError> {
        let known = known.get();
        let text = known.map(|known| &*known.text);
        let Compact { header, is_known, signing_input, payload, signature } =
            Compact::decode_beside(text, token, max_len, buffer)?;
        let header = match known {
            Some(known) if is_known => known.header.borrowed(),
            _ => Header::parse(header)?,
        };
        Ok(Self { header, signing_input, payload, signature })
    }

    /// The protected header.
    #[must_use]
    pub fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// The bytes that were signed: header and payload as received, with the dot between them.
    #[must_use]
    pub fn signing_input(&self) -> &'a [u8] {
        self.signing_input.as_bytes()
    }

    /// The decoded payload.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The decoded signature.
    #[must_use]
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// The payload as claims. They are the sender's words until [`verify`](Self::verify) has succeeded.
    ///
    /// # Errors
    /// Those of [`Claims::parse`].
    pub fn claims(&self) -> Result<Claims<'a>, JoseError> {
        Claims::parse(self.payload)
    }

    /// Checks the signature with `key`, by the algorithm of the header, which the key must be for.
    ///
    /// # Errors
    /// [`JoseError::AlgorithmMismatch`] or [`JoseError::BadSignature`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), JoseError> {
        key.verify(self.header.alg, self.signing_input(), self.signature)
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose::base64url;

    const HEADER: &str = "eyJhbGciOiJIUzI1NiJ9";

    fn parse(token: &str) -> Result<(), JoseError> {
        Jws::parse(token, MAX_TOKEN_LEN, &mut Vec::new()).map(drop)
    }

    // R7515-5.2a
    #[test]
    fn the_parts_are_those_of_the_token_as_received() {
        let token = format!("{HEADER}.Zm9v.YmFy");
        let mut buffer = b"what was left by an earlier token, which was longer than this one".to_vec();
        let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        assert_eq!(jws.signing_input(), format!("{HEADER}.Zm9v").as_bytes());
        assert_eq!(jws.payload(), b"foo");
        assert_eq!(jws.signature(), b"bar");
        assert_eq!(jws.header().alg.name(), "HS256");
    }

    // THREAT-L1
    #[test]
    fn debug_shows_nothing_of_the_credential() {
        let token = format!("{HEADER}.Zm9v.YmFy");
        let mut buffer = Vec::new();
        let shown = format!("{:?}", Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap());
        assert!(shown.starts_with("Jws { header: Header"), "{shown}");
        for part in [HEADER, "Zm9v", "YmFy", "102, 111, 111", "98, 97, 114"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }

    // R7515-5.2a, THREAT-V3
    #[test]
    fn anything_but_three_parts_is_refused() {
        for token in ["", "a", "a.b", HEADER, "{\"payload\":\"Zm9v\"}"] {
            assert_eq!(parse(token), Err(JoseError::NotCompact), "{token}");
        }
        for tail in [".Zm9v.YmFy.", ".Zm9v.YmFy.YmFy", "..Zm9v.YmFy", ".Zm9v.YmFy.YmFy.YmFy", "...", "...."] {
            assert_eq!(parse(&format!("{HEADER}{tail}")), Err(JoseError::NotCompact), "{tail}");
        }
        assert!(parse(".Zm9v.YmFy").is_err());
        assert!(parse("{\"payload\":\"Zm9v\",\"signatures\":[{\"protected\":\"e30\",\"x\":1.5}]}.").is_err());
    }

    // R7515-2a, R8725bis-a
    #[test]
    fn every_part_is_canonical_base64url() {
        for (header, payload, signature) in [
            ("eyJhbGciOiJIUzI1NiJ9=", "Zm9v", "YmFy"),
            (" eyJhbGciOiJIUzI1NiJ9", "Zm9v", "YmFy"),
            (HEADER, "Zm9v=", "YmFy"),
            (HEADER, "Zg==", "YmFy"),
            (HEADER, "Zh", "YmFy"),
            (HEADER, "Zm 9v", "YmFy"),
            (HEADER, "Zm9v", "YmFy\n"),
            (HEADER, "Zm9v", "Yh"),
            (HEADER, "Zm9v", "Ym+/"),
            (HEADER, "Zm9vé", "YmFy"),
        ] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(parse(&token), Err(JoseError::BadBase64Url), "{token}");
        }
    }

    // THREAT-A1
    #[test]
    fn a_token_at_the_limit_is_read_and_one_byte_more_refused() {
        let room = MAX_TOKEN_LEN - HEADER.len() - 2;
        let token = |payload: usize| format!("{HEADER}.{}.", "A".repeat(payload));
        assert_eq!(room % 4, 2);
        assert_eq!(parse(&token(room)), Ok(()));
        assert_eq!(parse(&token(room + 1)), Err(JoseError::TooLong));
        assert_eq!(Jws::parse("a.b.c", 4, &mut Vec::new()).err(), Some(JoseError::TooLong));
    }

    // THREAT-A1
    #[test]
    fn a_header_of_2048_bytes_is_read_and_a_longer_one_refused() {
        let token = |len: usize| {
            let json = format!("{{\"alg\":\"RS256\",\"x\":\"{}\"}}", "x".repeat(len - 22));
            assert_eq!(json.len(), len);
            format!("{}.Zm9v.YmFy", base64url::encode(json))
        };
        assert_eq!(parse(&token(2048)), Ok(()));
        assert_eq!(parse(&token(2049)), Err(JoseError::HeaderTooLong));
        assert_eq!(parse(&token(2052)), Err(JoseError::HeaderTooLong));
    }

    // THREAT-A1
    #[test]
    fn huge_tokens_are_refused_before_anything_is_allocated() {
        let mut buffer = Vec::new();
        let segment = format!("{}.Zm9v.YmFy", "A".repeat(64 << 20));
        assert_eq!(Jws::parse(&segment, MAX_TOKEN_LEN, &mut buffer).err(), Some(JoseError::TooLong));
        let segment = format!("{}.Zm9v.YmFy", "A".repeat(8000));
        assert_eq!(Jws::parse(&segment, MAX_TOKEN_LEN, &mut buffer).err(), Some(JoseError::HeaderTooLong));
        let dots = ".".repeat(1_000_000);
        assert_eq!(Jws::parse(&dots, MAX_TOKEN_LEN, &mut buffer).err(), Some(JoseError::TooLong));
        assert_eq!(buffer.capacity(), 0);
        assert_eq!(Jws::parse(&dots, usize::MAX, &mut buffer).err(), Some(JoseError::NotCompact));
    }

    proptest! {
        // THREAT-A1
        #[test]
        fn no_text_makes_the_parser_panic(text in "[A-Za-z0-9_.=\\-é]{0,80}") {
            let _ = parse(&text);
        }

        // THREAT-A1
        #[test]
        fn no_decoded_parts_make_the_parser_panic(
            header in proptest::collection::vec(any::<u8>(), 0..80),
            payload in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let token = format!("{}.{}.AA", base64url::encode(header), base64url::encode(payload));
            let mut buffer = Vec::new();
            if let Ok(jws) = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer) {
                let _ = jws.claims();
            }
        }
    }
}
