use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use subtle::ConstantTimeEq;

use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};

/// What keeps these MACs apart from any other that is made with the same secret.
const LABEL: &[u8] = b"tower-auth DPoP nonce\0";

/// How much of the MAC is in a nonce: 128 bits nobody guesses.
const LEN: usize = 16;

/// The shortest secret, in bytes: as long as the MAC.
const MIN_SECRET: usize = 32;

/// Gives out nonces and knows them again without remembering any (RFC 9449 section 9): each is the MAC of the number of
/// a slot of time. Those who share the secret give out and accept the same.
pub(super) struct NonceIssuer {
    key: hmac::Key,
    slot: Duration,
}

/// What a nonce is worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the one given out now.
    Current,
    /// It was given out in the slot before, and is worth nothing in the next.
    Previous,
    Unknown,
}

impl NonceIssuer {
    /// Gives out a new nonce every `slot`. Without a secret the key is a random one of this process.
    pub(super) fn new(secret: Option<&Secret>, slot: Duration) -> Result<Self, ConfigError> {
        let mut random = [0; 32];
        let key = match secret {
            Some(secret) if secret.expose_secret().len() < MIN_SECRET => {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidCredential,
                    "the secret for DPoP nonces is shorter than 32 bytes",
                ));
            }
            Some(secret) => secret.expose_secret().as_bytes(),
            None => {
                rand::fill(&mut random).map_err(|_| {
                    ConfigError::new(ConfigErrorKind::InvalidOption, "the system gives no random numbers")
                })?;
                &random
            }
        };
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), slot })
    }

    /// The nonce to give out.
    pub(super) fn current(&self, now: SystemTime) -> HeaderValue {
        HeaderValue::from_str(&self.nonce(self.slot_at(now))).expect("base64url can stand in a header")
    }

    pub(super) fn judge(&self, nonce: &str, now: SystemTime) -> Standing {
        let slot = self.slot_at(now);
        let is_of = |slot| bool::from(self.nonce(slot).as_bytes().ct_eq(nonce.as_bytes()));
        if is_of(slot) {
            Standing::Current
        } else if slot.checked_sub(1).is_some_and(is_of) {
            Standing::Previous
        } else {
            Standing::Unknown
        }
    }

    fn slot_at(&self, now: SystemTime) -> u128 {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        since.as_nanos() / self.slot.as_nanos().max(1)
    }

    fn nonce(&self, slot: u128) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(LABEL);
        context.update(&slot.to_be_bytes());
        URL_SAFE_NO_PAD.encode(&context.sign().as_ref()[..LEN])
    }
}

impl fmt::Debug for NonceIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceIssuer").field("slot", &self.slot).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn text(issuer: &NonceIssuer, now: SystemTime) -> String {
        issuer.current(now).to_str().unwrap().to_owned()
    }

    // R9449-8b
    #[test]
    fn a_nonce_is_good_in_its_slot_and_the_next_and_in_no_other() {
        let issuer = NonceIssuer::new(None, SLOT).unwrap();
        let nonce = text(&issuer, at(600));
        assert_eq!(nonce.len(), 22);
        assert_eq!(nonce, text(&issuer, at(899)));
        assert_ne!(nonce, text(&issuer, at(900)));
        for (now, standing) in [
            (599, Standing::Unknown),
            (600, Standing::Current),
            (899, Standing::Current),
            (900, Standing::Previous),
            (1199, Standing::Previous),
            (1200, Standing::Unknown),
            (0, Standing::Unknown),
        ] {
            assert_eq!(issuer.judge(&nonce, at(now)), standing, "{now}");
        }
    }

    // R9449-8b
    #[test]
    fn only_the_exact_text_is_a_nonce() {
        let issuer = NonceIssuer::new(None, SLOT).unwrap();
        let nonce = text(&issuer, at(600));
        let other_case: String = nonce
            .chars()
            .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        for bad in ["", &nonce[1..], &format!("{nonce} "), &format!("{nonce}A"), &other_case, "AAAAAAAAAAAAAAAAAAAAAA"]
        {
            assert_eq!(issuer.judge(bad, at(600)), Standing::Unknown, "{bad:?}");
        }
    }

    // R9449-8b
    #[test]
    fn those_who_share_a_secret_accept_each_others_nonces_and_nobody_else_can_make_them() {
        let secret = Secret::from("0123456789abcdef0123456789abcdef");
        let (one, two) =
            (NonceIssuer::new(Some(&secret), SLOT).unwrap(), NonceIssuer::new(Some(&secret), SLOT).unwrap());
        assert_eq!(two.judge(&text(&one, at(600)), at(901)), Standing::Previous);
        let (lone, other) = (NonceIssuer::new(None, SLOT).unwrap(), NonceIssuer::new(None, SLOT).unwrap());
        assert_eq!(other.judge(&text(&lone, at(600)), at(600)), Standing::Unknown);
        assert_eq!(lone.judge(&text(&one, at(600)), at(600)), Standing::Unknown);
    }

    // R9449-8b, THREAT-L1
    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        let error = NonceIssuer::new(Some(&Secret::from("sentinel")), SLOT).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::InvalidCredential);
        assert!(NonceIssuer::new(Some(&Secret::from("s".repeat(31))), SLOT).is_err());
        let issuer = NonceIssuer::new(Some(&Secret::from("s".repeat(32))), SLOT).unwrap();
        assert!(!format!("{error:?} {error} {issuer:?}").contains("sentinel"));
    }
}
