//! Proof key for code exchange (RFC 7636), by `S256` only: `plain` does not exist here.

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{AuthorizationError, AuthorizationErrorKind};
use crate::Secret;

/// The value of `code_challenge_method`.
pub(super) const METHOD: &str = "S256";

/// 256 random bits as 43 characters, each unreserved in a URL: a `state`, or a `code_verifier` (RFC 7636 section 4.1).
pub(super) fn random_text() -> Result<Secret, AuthorizationError> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(&mut *bytes).map_err(|_| {
        AuthorizationError::new(AuthorizationErrorKind::Misconfigured, "the system gave no random bytes")
    })?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

/// `BASE64URL(SHA256(ASCII(text)))` without padding: the challenge of a verifier (RFC 7636 section 4.2).
pub(super) fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // R7636-Ba, R7636-4.2a
    #[test]
    fn the_challenge_is_that_of_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(sha256(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_ne!(sha256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"), sha256(verifier));
    }

    // R7636-4.1a
    #[test]
    fn a_verifier_is_43_unreserved_characters_and_new_each_time() {
        let verifiers: std::collections::HashSet<_> =
            (0..100).map(|_| random_text().unwrap().expose_secret().to_owned()).collect();
        assert_eq!(verifiers.len(), 100);
        for verifier in verifiers {
            assert_eq!(verifier.len(), 43);
            assert!(verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)), "{verifier}");
        }
    }
}
