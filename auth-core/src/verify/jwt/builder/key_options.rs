use std::time::Duration;

use super::JwtVerifier;
#[cfg(feature = "http")]
use crate::http::AddressPolicy;
use crate::http::{Dangerous, HttpClient, PlaintextOptions};
use crate::jose::{JwkSet, VerifyingKey};
use crate::verify::keys::Limits;

/// Where keys come from, and by what way.
pub(super) struct KeyOptions {
    pub(super) place: Keys,
    pub(super) plaintext: PlaintextOptions,
    pub(super) limits: Limits,
    pub(super) http: Option<HttpClient>,
    #[cfg(feature = "http")]
    pub(super) policy: Option<AddressPolicy>,
}

#[derive(Clone)]
pub(super) enum Keys {
    Discover,
    At(String),
    Fixed(JwkSet),
    Shared(Box<VerifyingKey>),
}

impl KeyOptions {
    pub(super) fn new(place: Keys) -> Self {
        Self {
            place,
            plaintext: PlaintextOptions::default(),
            limits: Limits::default(),
            http: None,
            #[cfg(feature = "http")]
            policy: None,
        }
    }
}

/// Where keys come from.
impl JwtVerifier {
    /// Fetches the key set from this URL, without looking for the issuer's metadata. It may be on another origin. For
    /// [trusted issuers](Self::trusted_issuers) it has the open part of their template: `https://keys.example.com/{tenant}`.
    pub fn jwks_uri(mut self, url: impl Into<String>) -> Self {
        self.keys.place = Keys::At(url.into());
        self
    }

    /// Uses these keys, and fetches none.
    pub fn jwks(mut self, keys: JwkSet) -> Self {
        self.keys.place = Keys::Fixed(keys);
        self
    }

    /// Fetches metadata and keys by `http`. Default: a default transport of its own (feature `http`).
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.keys.http = Some(http);
        self
    }

    /// To which addresses the default transport may connect. Default: public ones where the token names the host (see
    /// [`TrustedIssuers`](crate::TrustedIssuers)), else all.
    #[cfg(feature = "http")]
    pub fn address_policy(mut self, policy: AddressPolicy) -> Self {
        self.keys.policy = Some(policy);
        self
    }

    /// The age at which fetched keys are fetched again. Default 10 minutes.
    pub fn jwks_max_age(mut self, age: Duration) -> Self {
        self.keys.limits.max_age = age;
        self
    }

    /// How long keys older than that serve on while they cannot be fetched. Default 1 hour.
    pub fn jwks_stale_limit(mut self, limit: Duration) -> Self {
        self.keys.limits.stale = limit;
        self
    }

    /// The shortest time between two fetches for an unknown `kid`, whatever they bring. Default 30 s.
    pub fn jwks_cooldown(mut self, cooldown: Duration) -> Self {
        self.keys.limits.cooldown = cooldown;
        self
    }

    /// How long a fetch may take, discovery included. Default 15 s.
    pub fn jwks_timeout(mut self, timeout: Duration) -> Self {
        self.keys.limits.timeout = timeout;
        self
    }

    /// Allows an issuer over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
    pub fn allow_loopback_http(mut self) -> Self {
        self.keys.plaintext.loopback = true;
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }
}

impl Dangerous<JwtVerifier> {
    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way, such as a service
    /// mesh. It is logged when the verifier is built.
    ///
    /// # Security
    /// Whoever can answer for that origin makes the keys, and with them every token.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> JwtVerifier {
        let mut builder = self.into_inner();
        builder.keys.plaintext.origins.push(origin.into());
        builder
    }
}
