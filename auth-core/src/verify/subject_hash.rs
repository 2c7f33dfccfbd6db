use std::sync::OnceLock;

use aws_lc_rs::hmac;

/// Bytes of the hash that are shown: enough to tell callers apart in a log, too few to search for a subject.
const LEN: usize = 8;

/// A short hash of a subject and its issuer, with a key that only this process has.
pub(super) fn subject_hash(issuer: Option<&str>, subject: &str) -> String {
    use std::fmt::Write;

    let mut context = hmac::Context::with_key(key());
    let issuer = issuer.unwrap_or_default();
    // With its length first, so that no other pair makes the same text.
    context.update(&(issuer.len() as u64).to_be_bytes());
    context.update(issuer.as_bytes());
    context.update(subject.as_bytes());
    let tag = context.sign();
    tag.as_ref()[..LEN].iter().fold(String::with_capacity(2 * LEN), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn key() -> &'static hmac::Key {
    static KEY: OnceLock<hmac::Key> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut secret = [0_u8; 32];
        if aws_lc_rs::rand::fill(&mut secret).is_err() {
            // Without randomness nothing else of this process works either; a weak key makes no log less readable.
            secret[..8].copy_from_slice(&fastrand::u64(..).to_ne_bytes());
        }
        hmac::Key::new(hmac::HMAC_SHA256, &secret)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-L4
    #[test]
    fn a_hash_is_short_the_same_for_one_caller_and_different_for_another() {
        let alice = subject_hash(Some("https://a"), "alice");
        assert_eq!(alice, subject_hash(Some("https://a"), "alice"));
        assert!(alice.len() == 16 && alice.bytes().all(|byte| byte.is_ascii_hexdigit()));
        for (issuer, subject) in
            [(Some("https://a"), "bob"), (Some("https://b"), "alice"), (None, "alice"), (Some("https://aa"), "lice")]
        {
            assert_ne!(alice, subject_hash(issuer, subject));
        }
        let plain = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"alice");
        let digits: String = plain.as_ref().iter().take(LEN).map(|byte| format!("{byte:02x}")).collect();
        assert_ne!(subject_hash(None, "alice"), digits);
    }
}
