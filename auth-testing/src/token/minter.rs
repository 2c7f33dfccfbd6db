use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tower_auth_core::jose::Algorithm;
use tower_auth_core::{Clock, ConfigError};

use super::{KeyRing, Mint};

/// An issuer without a server: it signs tokens, and shows the keys that check them.
///
/// ```
/// use tower_auth_testing::{Flaw, TokenMinter};
///
/// let minter = TokenMinter::new("https://login.test");
/// let good = minter.token().audience("orders").subject("alice").scopes(["orders:read"]).sign();
/// let expired = minter.token().audience("orders").flaw(Flaw::Expired).sign();
/// let key_set = minter.jwks(); // for a verifier with static keys
/// assert!(key_set.contains("key-1") && good != expired);
/// ```
///
/// # Clone
/// Clones are one issuer with the same keys.
#[derive(Clone)]
pub struct TokenMinter(Arc<Inner>);

struct Inner {
    issuer: Mutex<String>,
    keys: Mutex<KeyRing>,
    clock: Clock,
}

impl TokenMinter {
    /// An issuer called `issuer`, with one ES256 key and the system's clock.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self::with_keys(issuer, &[Algorithm::Es256], Clock::system()).expect("ES256 has a public key")
    }

    /// An issuer with a key for each of `algorithms`, of which the first is the default, and with `clock`.
    ///
    /// # Errors
    /// When `algorithms` is empty or has a symmetric one.
    pub fn with_keys(issuer: impl Into<String>, algorithms: &[Algorithm], clock: Clock) -> Result<Self, ConfigError> {
        let keys = Mutex::new(KeyRing::new(algorithms)?);
        Ok(Self(Arc::new(Inner { issuer: Mutex::new(issuer.into()), keys, clock })))
    }

    /// Describes a token. As it is, it is valid by RFC 9068: `typ` is `at+jwt`, it is for the audience `test-audience`, of the subject
    /// `test-subject` and the client `test-client`, and lives for an hour.
    pub fn token(&self) -> Mint {
        Mint::new(self.clone())
    }

    /// The issuer's name.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.0.issuer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key set that checks its tokens, as JSON text.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.keys().jwks()
    }

    /// The ids of the keys in the key set, oldest first.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        self.keys().kids()
    }

    /// Signs by new keys from now on. The old ones stay in the key set if `keep_old` is true.
    pub fn rotate_keys(&self, keep_old: bool) {
        self.keys().rotate(keep_old);
    }

    /// Takes a key out of the key set and signs by it no more. False if there is no such key, or it is the last one that signs.
    pub fn retire_key(&self, kid: &str) -> bool {
        self.keys().retire(kid)
    }

    pub(crate) fn set_issuer(&self, issuer: String) {
        *self.0.issuer.lock().unwrap_or_else(PoisonError::into_inner) = issuer;
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, KeyRing> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TokenMinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenMinter").field("issuer", &self.issuer()).field("kids", &self.kids()).finish()
    }
}
