use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::checker::{ProofChecker, ReplayMemory};
use super::nonce_issuer::NonceIssuer;
use super::own_url::OwnUrl;
use super::replay_cache::ReplayCache;
use super::replay_store::{ErasedReplayStore, ReplayStore};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::{Algorithm, AlgorithmSet};
use crate::{Clock, Secret};

/// How an API checks the proofs that come with tokens bound to a key (DPoP, RFC 9449).
///
/// ```
/// use tower_auth_core::{DpopProofs, JwtVerifier};
///
/// # #[cfg(feature = "http")] {
/// let verifier = JwtVerifier::issuer("https://login.example.com")?
///     .audience("orders")
///     .build()?
///     .with_dpop(DpopProofs::new("https://api.example.com")?)?;
/// # }
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// A token that says that it is bound to a key (`cnf.jkt`) is then accepted in `Authorization: DPoP` with a proof, and
/// never as a plain Bearer token (section 7.2). Others go on being accepted as such, unless [`required`](Self::required)
/// is set.
///
/// # Rules, in the order they are applied
/// 1. The request has exactly one `DPoP` field, of at most 4 KiB.
/// 2. It is a strict JWS in compact form (see [`jose`](crate::jose)) of type `dpop+jwt`, with a known asymmetric
///    algorithm that is accepted, and a `jwk`.
/// 3. `jti` (at most 256 bytes), `htm`, `htu`, `iat` and `ath` are there, each of its type.
/// 4. `htm` is the method, exactly. `htu` is the URL: one of the [base URLs](Self::new) and the path of the request,
///    compared after normalization (RFC 3986 sections 6.2.2 and 6.2.3), without query and fragment.
/// 5. `ath` is the hash of the token.
/// 6. `iat` is at most 60 s ago and 10 s ahead. `exp` and `nbf`, should they be there, are kept to as well.
/// 7. The key is the one that the token is bound to, by its thumbprint.
/// 8. The nonce is one of ours, if one is [demanded](Self::require_nonce).
/// 9. The key is public and of sufficient strength, and the signature is its own.
/// 10. The proof was not used before. This comes last, so that nobody but the holders of bound tokens can fill the memory.
///
/// # Security
/// What weakens a deployment: a long [`max_age`](Self::max_age), several processes behind one URL without a
/// [`replay_store`](Self::replay_store) (a proof can then be used once at each of them), and base URLs that are not
/// this service's own.
#[must_use = "a description does nothing before a verifier has it"]
pub struct DpopProofs {
    urls: Vec<OwnUrl>,
    algorithms: AlgorithmSet,
    max_age: Duration,
    leeway: Duration,
    requires_nonce: bool,
    nonce_lifetime: Duration,
    nonce_secret: Option<Secret>,
    is_required: bool,
    replay_capacity: usize,
    replay_store: Option<Arc<dyn ErasedReplayStore>>,
    replay_timeout: Duration,
    clock: Clock,
}

/// The most that the times of a proof may be apart from ours.
const MAX_WINDOW: Duration = Duration::from_secs(300);

/// How long nonces may live.
const NONCE_LIFETIMES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

impl DpopProofs {
    /// Checks proofs for the service that its clients know by `base_url`: `https://host[:port]`, and what a proxy that
    /// takes a prefix from the path has taken (`https://api.example.com/orders`).
    ///
    /// Scheme, host and port are never taken from the request: it is its sender who writes the `Host` and forwarding
    /// fields.
    ///
    /// # Errors
    /// When `base_url` is no `http` or `https` URL, or has user information, a query or a fragment.
    pub fn new(base_url: impl AsRef<str>) -> Result<Self, ConfigError> {
        Ok(Self {
            urls: vec![OwnUrl::parse(base_url.as_ref())?],
            algorithms: AlgorithmSet::asymmetric(),
            max_age: Duration::from_secs(60),
            leeway: Duration::from_secs(10),
            requires_nonce: false,
            nonce_lifetime: Duration::from_secs(300),
            nonce_secret: None,
            is_required: false,
            replay_capacity: 1_000_000,
            replay_store: None,
            replay_timeout: Duration::from_secs(1),
            clock: Clock::system(),
        })
    }

    /// Adds another URL that the same service is known by.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn base_url(mut self, base_url: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.urls.push(OwnUrl::parse(base_url.as_ref())?);
        Ok(self)
    }

    /// Accepts proofs by these algorithms only, and says so in challenges (`algs`). Default: every asymmetric one.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How old a proof may be. Default 60 s, at most 300 s.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// How far a client's clock may be ahead of ours. Default 10 s, at most 300 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Refuses tokens that are bound to nothing. Those that are bound to a client certificate alone (RFC 8705) are
    /// accepted as Bearer tokens with it.
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Demands a nonce of ours in every proof (section 9). A proof cannot be made in advance then, by someone who uses
    /// a client's key for a moment. A client without one is refused with
    /// [`NonceRequired`](crate::RejectionKind::NonceRequired) and told one; it is told the next one with the answer to a
    /// request that used an ending one, if a layer verifies. Default: none.
    pub fn require_nonce(mut self) -> Self {
        self.requires_nonce = true;
        self
    }

    /// How long a nonce is accepted, at least; at most twice as long. Default 5 minutes; from 1 s to 24 h.
    pub fn nonce_lifetime(mut self, lifetime: Duration) -> Self {
        self.nonce_lifetime = lifetime;
        self
    }

    /// Makes nonces with this secret of at least 32 bytes, so that all who have it accept each other's. Default: a
    /// random one for each verifier, whose nonces mean nothing to another.
    pub fn nonce_secret(mut self, secret: Secret) -> Self {
        self.nonce_secret = Some(secret);
        self
    }

    /// How many used proofs are remembered at most, some 100 bytes each, in this process. Needed are as many as come
    /// within `max_age` and `leeway`. While there is no room, requests with proofs are refused with
    /// [`Overloaded`](crate::RejectionKind::Overloaded) (503). Default 1,000,000.
    pub fn replay_capacity(mut self, proofs: usize) -> Self {
        self.replay_capacity = proofs;
        self
    }

    /// Remembers used proofs in `store`, instead of in the memory of this process. Callers that cannot wait
    /// ([`try_verify`](crate::Verifier::try_verify)) then accept no proofs.
    pub fn replay_store(mut self, store: impl ReplayStore) -> Self {
        self.replay_store = Some(Arc::new(store));
        self
    }

    /// How long the store may take to answer; then the request is refused with 503. Default 1 s.
    pub fn replay_store_timeout(mut self, timeout: Duration) -> Self {
        self.replay_timeout = timeout;
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What checks proofs.
    ///
    /// # Errors
    /// When no algorithm is accepted, or an HMAC; a duration or the capacity is out of its range; or the nonce secret is
    /// short.
    pub(crate) fn build(self) -> Result<ProofChecker, ConfigError> {
        let invalid = |what: &str| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        if self.algorithms.is_empty() || self.algorithms.iter().any(Algorithm::is_symmetric) {
            return invalid("DPoP proofs are by asymmetric algorithms, and one at least must be accepted");
        }
        if self.max_age.is_zero() || self.max_age > MAX_WINDOW || self.leeway > MAX_WINDOW {
            return invalid("DPoP proofs may be 1 to 300 s old, and 300 s ahead");
        }
        if !NONCE_LIFETIMES.contains(&self.nonce_lifetime) {
            return invalid("DPoP nonces live from 1 s to 24 h");
        }
        if self.replay_capacity == 0 || self.replay_timeout.is_zero() {
            return invalid("no DPoP proof could be remembered: the capacity or the timeout of the store is zero");
        }
        let nonces = NonceIssuer::new(self.nonce_secret.as_ref(), self.nonce_lifetime)?;
        let memory = match self.replay_store {
            Some(store) => ReplayMemory::Shared { store, timeout: self.replay_timeout },
            None => ReplayMemory::Own(ReplayCache::new(self.replay_capacity)),
        };
        Ok(ProofChecker {
            urls: self.urls,
            algorithms: self.algorithms,
            max_age: self.max_age,
            leeway: self.leeway,
            nonces: self.requires_nonce.then_some(nonces),
            memory,
            is_required: self.is_required,
            clock: self.clock,
        })
    }
}

impl fmt::Debug for DpopProofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopProofs")
            .field("urls", &self.urls)
            .field("algorithms", &self.algorithms)
            .field("max_age", &self.max_age)
            .field("leeway", &self.leeway)
            .field("requires_nonce", &self.requires_nonce)
            .field("is_required", &self.is_required)
            .finish_non_exhaustive()
    }
}
