//! Authenticated encryption with a key that is used once.
//!
//! AES-GCM falls apart when one key meets one nonce twice, and its nonce of 96 bits is short for random ones: with one key,
//! some 2^32 messages are the limit. So the chance is put into the key: each message has a salt of 192 random bits, from which
//! HKDF makes the message's own AES key. That key encrypts one message, so its nonce can be all zeros. Two messages share a key
//! only if their salts are equal: after 2^64 messages under one data key the odds of that are below 2^-64. A counter, which is
//! what a restored backup or a second replica would repeat, is not used.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use zeroize::Zeroizing;

use super::{DataKey, Kind};

pub(crate) const SALT_LEN: usize = 24;

const TAG_LEN: usize = 16;

/// How much longer a sealed text is.
pub(crate) const OVERHEAD: usize = SALT_LEN + TAG_LEN;

/// Appends salt, ciphertext and tag to `out`.
pub(crate) fn seal_into(out: &mut Vec<u8>, key: &DataKey, kind: Kind, associated: &[u8], plaintext: &[u8]) {
    let mut salt = [0; SALT_LEN];
    rand::fill(&mut salt).expect("aws-lc ends the process rather than go on without random numbers");
    seal_with_salt(out, &salt, key, kind, associated, plaintext);
}

fn seal_with_salt(
    out: &mut Vec<u8>,
    salt: &[u8; SALT_LEN],
    key: &DataKey,
    kind: Kind,
    associated: &[u8],
    plaintext: &[u8],
) {
    // In full, so that no outgrown buffer with plaintext is left behind.
    out.reserve_exact(OVERHEAD + plaintext.len());
    out.extend_from_slice(salt);
    let start = out.len();
    out.extend_from_slice(plaintext);
    let tag = message_key(key, salt, kind)
        .seal_in_place_separate_tag(zero_nonce(), Aad::from(associated), &mut out[start..])
        .expect("what a database stores is shorter than the 64 GiB that AES-GCM takes");
    out.extend_from_slice(tag.as_ref());
}

/// What [`seal_into`] sealed, or `None` if the key, the associated data or a bit of `sealed` is another.
pub(crate) fn open(key: &DataKey, kind: Kind, associated: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (salt, ciphertext) = sealed.split_at_checked(SALT_LEN)?;
    let mut text = Zeroizing::new(ciphertext.to_vec());
    let opened = message_key(key, salt, kind).open_in_place(zero_nonce(), Aad::from(associated), &mut text);
    let length = opened.ok()?.len();
    text.truncate(length);
    Some(text)
}

/// 256 bits for what `info` names. Without knowing `key` they tell nothing about it or about what another `info` gives.
pub(crate) fn derive(key: &DataKey, salt: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(key.expose())
        .expand(info, &AES_256_GCM)
        .and_then(|okm| okm.fill(&mut *derived))
        .expect("HKDF-SHA256 gives 32 bytes, and all that is asked for are labels of bounded length");
    derived
}

fn message_key(key: &DataKey, salt: &[u8], kind: Kind) -> LessSafeKey {
    let bytes = derive(key, salt, &[&kind.label()]);
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*bytes).expect("a key of AES-256 is 32 bytes"))
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key(first: u8) -> DataKey {
        let bytes: Vec<u8> = (first..).take(32).collect();
        DataKey::from_bytes(&bytes).unwrap()
    }

    fn sealed(plaintext: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        seal_into(&mut out, &key(0), Kind::Cell, b"place", plaintext);
        out
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_kind_and_associated_data_only() {
        let text = sealed(b"hello");
        assert_eq!(text.len(), 5 + OVERHEAD);
        assert_eq!(open(&key(0), Kind::Cell, b"place", &text).unwrap().as_slice(), b"hello");
        assert!(open(&key(1), Kind::Cell, b"place", &text).is_none());
        assert!(open(&key(0), Kind::RingKey, b"place", &text).is_none());
        assert!(open(&key(0), Kind::Cell, b"plac", &text).is_none());
        let empty = sealed(b"");
        assert_eq!(open(&key(0), Kind::Cell, b"place", &empty).unwrap().as_slice(), b"");
    }

    // THREAT-S3
    #[test]
    fn ten_thousand_seals_have_ten_thousand_salts() {
        let salts: HashSet<Vec<u8>> = (0..10_000).map(|_| sealed(b"x")[..SALT_LEN].to_vec()).collect();
        assert_eq!(salts.len(), 10_000);
    }

    // THREAT-S3
    #[test]
    fn each_salt_gives_another_key() {
        let other = derive(&key(0), &[1; SALT_LEN], &[&Kind::Cell.label()]);
        assert_ne!(*derive(&key(0), &[0; SALT_LEN], &[&Kind::Cell.label()]), *other);
    }

    #[test]
    fn each_kind_gives_another_key() {
        let kinds = [Kind::Cell, Kind::WrappedKey, Kind::RingKey, Kind::Derived, Kind::Index, Kind::Owner];
        let keys: HashSet<[u8; 32]> = kinds.iter().map(|kind| *derive(&key(0), b"", &[&kind.label()])).collect();
        assert_eq!(keys.len(), kinds.len());
    }
}
