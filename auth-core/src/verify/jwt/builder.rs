use std::fmt;
use std::time::Duration;

use http::Uri;

use super::Profile;
use super::caller::Rights;
use super::check::JwtCheck;
use super::issuers::Issuers;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Dangerous, Endpoint, HttpClient, PlaintextOptions};
use crate::jose::{Algorithm, AlgorithmSet, JwkSet, VerifyingKey};
use crate::verify::Verifier;
use crate::verify::keys::{KeySource, Limits, Place, Store};
use crate::verify::memo::MemoOptions;
use crate::verify::parts::Parts;
use crate::verify::rejection::{Challenges, DEFAULT_REALM, Scheme};
use crate::{Clock, Secret};

/// Accepts the JWT access tokens of one issuer.
///
/// ```
/// use tower_auth_core::{ConfigError, JwtVerifier};
///
/// # #[cfg(feature = "http")] {
/// let verifier = JwtVerifier::issuer("https://login.example.com")?.audience("orders").build()?;
/// # }
/// # Ok::<(), ConfigError>(())
/// ```
///
/// # Rules, in the order they are applied
/// 1. At most 8 KiB; three parts; canonical base64url; a strict JSON header without critical extensions, with an
///    algorithm that exists here (`none` does not); strict JSON claims, every registered one of the right type. Refused
///    as [`Malformed`](crate::RejectionKind::Malformed) or
///    [`UnsupportedAlgorithm`](crate::RejectionKind::UnsupportedAlgorithm).
/// 2. `iss` is the issuer, code point by code point. It chooses rules and keys before it is verified, and nothing else.
/// 3. `alg` is among the accepted ones: by default every asymmetric one.
/// 4. The [profile](Profile): the type of the token, and no claims of another kind of JWT.
/// 5. `aud` has one of our audiences, exactly.
/// 6. Now is before `exp` and not before `nbf` and `iat`, give or take the leeway.
/// 7. The claims that the profile demands.
/// 8. A token that is bound to a key (`cnf`) comes with the proof of it, and in no way that is not understood (RFC 9449
///    section 7.2, RFC 8705 section 3).
/// 9. A key of this issuer with the token's `kid` and for its `alg` (without `kid`: the only one for its `alg`) matches
///    the signature. Keys that the token brings or names itself are never used.
///
/// # Keys
/// Without [`jwks_uri`](Self::jwks_uri) or [`jwks`](Self::jwks) the key set is found by the issuer's metadata (RFC
/// 8414, else OpenID Connect Discovery), when the first token comes: building never touches the network. Keys are
/// fetched again in the background before they are 10 minutes old, and once for a `kid` that is not known, at most
/// every 30 seconds. A fetch that fails, or brings no usable key, changes nothing: the last keys serve for another
/// hour.
///
/// # Security
/// What weakens a deployment: a [generic](Profile::Generic) profile, an audience that is a client id, a long
/// [leeway](Self::leeway), plain http, and an HTTP client that follows redirects.
#[must_use = "a description does nothing before `build`"]
pub struct JwtVerifier {
    issuer: String,
    audiences: Vec<String>,
    profile: Profile,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    rights: Rights,
    realm: String,
    keep_subject_token: bool,
    memo_ttl: Duration,
    memo: MemoOptions,
    clock: Clock,
    plaintext: PlaintextOptions,
    keys: Keys,
    limits: Limits,
    http: Option<HttpClient>,
}

enum Keys {
    Discover,
    At(String),
    Fixed(JwkSet),
    Shared(Box<VerifyingKey>),
}

/// The longest that a verdict can be remembered.
const MAX_MEMO_TTL: Duration = Duration::from_secs(3_600);

/// The most verdicts that can be remembered.
const MAX_MEMO: usize = 1 << 22;

/// The most leeway that can be set.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

impl JwtVerifier {
    /// Accepts tokens of the issuer at `url`, exactly as it writes its `iss`.
    ///
    /// # Errors
    /// When `url` is not an `https` URL without query, fragment and user information (RFC 8414 section 2). Plain `http`
    /// is looked at by [`build`](Self::build).
    pub fn issuer(url: impl Into<String>) -> Result<Self, ConfigError> {
        let issuer = url.into();
        let invalid =
            |why: &str| ConfigError::new(ConfigErrorKind::InvalidUrl, format!("the issuer URL cannot be used: {why}"));
        let uri: Uri = issuer.parse().map_err(|_| invalid("it is not a URL"))?;
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err(invalid("it does not start with https://"));
        }
        if issuer.contains(['?', '#']) {
            return Err(invalid("it has a query or a fragment"));
        }
        if uri.host().is_none_or(str::is_empty)
            || uri.authority().is_none_or(|authority| authority.as_str().contains('@'))
        {
            return Err(invalid("it has no host, or user information before it"));
        }
        Ok(Self::new(issuer, Keys::Discover))
    }

    /// Accepts tokens that were signed with a shared secret by an HMAC `algorithm`, and by no other. Whoever holds the
    /// secret can sign: the issuer, and every other verifier. `issuer` is the `iss` of the tokens, a URL or not.
    ///
    /// # Errors
    /// When `issuer` is empty, `algorithm` is no HMAC, or the secret is shorter than the hash or the document of a key.
    pub fn shared_secret(
        issuer: impl Into<String>,
        algorithm: Algorithm,
        secret: &Secret,
    ) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        if issuer.is_empty() {
            return Err(missing("the issuer is missing"));
        }
        let key = VerifyingKey::hmac(algorithm, secret.expose_secret().as_bytes()).map_err(|error| {
            ConfigError::new(ConfigErrorKind::InvalidCredential, "the shared secret cannot be used").with_source(error)
        })?;
        Ok(Self { algorithms: vec![algorithm], ..Self::new(issuer, Keys::Shared(Box::new(key))) })
    }

    fn new(issuer: String, keys: Keys) -> Self {
        Self {
            issuer,
            audiences: Vec::new(),
            profile: Profile::default(),
            algorithms: AlgorithmSet::asymmetric().iter().collect(),
            leeway: Duration::from_secs(60),
            rights: Rights { scope_claims: Vec::new(), roles_claim: None },
            realm: DEFAULT_REALM.to_owned(),
            keep_subject_token: false,
            memo_ttl: Duration::from_secs(60),
            memo: MemoOptions::default(),
            clock: Clock::system(),
            plaintext: PlaintextOptions::default(),
            keys,
            limits: Limits::default(),
            http: None,
        }
    }

    /// Adds a name of ours: the token's `aud` must have one of them. At least one is needed (RFC 8725 section 3.9).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Which JWTs are access tokens. Default [`Profile::Rfc9068`].
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Accepts these algorithms only. Default: every asymmetric one.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// How far the clocks may be apart. Default 60 s, at most 300 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The claims that may hold the scopes; the first that is there counts. Default `scope`, then `scp`.
    pub fn scope_claims<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.rights.scope_claims = names.into_iter().map(Into::into).collect();
        self
    }

    /// The claim that holds the roles: a name, or a JSON pointer such as `/realm_access/roles`. Default: no roles are
    /// read.
    pub fn roles_claim(mut self, name: impl Into<String>) -> Self {
        self.rights.roles_claim = Some(name.into());
        self
    }

    /// The realm of the challenge. Default `api`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Keeps the token itself in its verdict ([`Verified::subject_token`](crate::Verified::subject_token)), for services that exchange it to
    /// call others on the caller's behalf.
    ///
    /// # Security
    /// Whatever can read the verdict can then be the caller. Set it where tokens are exchanged and nowhere else.
    pub fn keep_subject_token(mut self) -> Self {
        self.keep_subject_token = true;
        self
    }

    /// How long a verdict is remembered, at the most: never beyond the token's `exp`, and not after the issuer's keys were
    /// fetched anew. Zero: not at all. Default 60 s, at most 1 hour.
    ///
    /// # Security
    /// A token that its issuer revokes serves as long as it does without this, to its `exp`: a JWT is verified without asking
    /// the issuer. What the memo keeps alive is a token whose *key* was withdrawn, until the keys are fetched again.
    pub fn memo_ttl(mut self, ttl: Duration) -> Self {
        self.memo_ttl = ttl;
        self
    }

    /// How many verdicts are remembered, at the most; rounded up to a power of two. Each takes about three times the size of
    /// its token. Default 32,768. Of several verifiers in one the largest number counts.
    pub fn memo_capacity(mut self, verdicts: usize) -> Self {
        self.memo.capacity = verdicts;
        self
    }

    /// Remembers a token by its SHA-256 in place of the token itself, where tokens must not stay in memory. A request with
    /// a remembered token then costs a digest more. Of several verifiers in one, one that says so is enough.
    pub fn memo_digests_only(mut self) -> Self {
        self.memo.digests_only = true;
        self
    }

    /// Fetches the key set from this URL, without looking for the issuer's metadata. It may be on another origin.
    pub fn jwks_uri(mut self, url: impl Into<String>) -> Self {
        self.keys = Keys::At(url.into());
        self
    }

    /// Uses these keys, and fetches none.
    pub fn jwks(mut self, keys: JwkSet) -> Self {
        self.keys = Keys::Fixed(keys);
        self
    }

    /// Fetches metadata and keys by `http`. Default: a default transport of its own (feature `http`).
    pub fn http_client(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The age at which fetched keys are fetched again. Default 10 minutes.
    pub fn jwks_max_age(mut self, age: Duration) -> Self {
        self.limits.max_age = age;
        self
    }

    /// How long keys older than that serve on while they cannot be fetched. Default 1 hour.
    pub fn jwks_stale_limit(mut self, limit: Duration) -> Self {
        self.limits.stale = limit;
        self
    }

    /// The shortest time between two fetches for an unknown `kid`, whatever they bring. Default 30 s.
    pub fn jwks_cooldown(mut self, cooldown: Duration) -> Self {
        self.limits.cooldown = cooldown;
        self
    }

    /// How long a fetch may take, discovery included. Default 15 s.
    pub fn jwks_timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Allows an issuer over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
    pub fn allow_loopback_http(mut self) -> Self {
        self.plaintext.loopback = true;
        self
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// The verifier.
    ///
    /// # Errors
    /// - There is no audience, or an empty one.
    /// - The issuer, or the URL of its keys, is plain `http` where that was not allowed, or cannot be used.
    /// - No algorithm is accepted, or an HMAC where keys are public.
    /// - The leeway is over 300 s, a limit is zero, or the realm has a character that cannot be sent.
    /// - Keys have to be fetched and there is no HTTP client: none was given, and the feature `http` is off.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err(missing(
                "the audience is missing: without it, a token that was meant for another service would be accepted here",
            ));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(invalid("the leeway is over 300 s"));
        }
        if self.memo_ttl > MAX_MEMO_TTL {
            return Err(invalid("verdicts are to be remembered for over an hour"));
        }
        if self.memo.capacity == 0 || self.memo.capacity > MAX_MEMO {
            return Err(invalid(
                "the number of verdicts to remember is zero or over 4,194,304 (to remember none set `memo_ttl` to zero)",
            ));
        }
        let algorithms = self.checked_algorithms()?;
        let challenges = Challenges::one(Scheme::Bearer, "Bearer", &self.realm)?;
        let keys = self.key_source()?;
        let check = JwtCheck {
            issuer: self.issuer.into(),
            audiences: self.audiences.into_iter().map(Into::into).collect(),
            profile: self.profile,
            algorithms,
            leeway: self.leeway,
            rights: self.rights,
            keep_subject_token: self.keep_subject_token,
            memo_ttl: self.memo_ttl,
            memo: self.memo,
            clock: self.clock,
            keys,
        };
        Ok(Verifier::new(Parts { jwt: Issuers::one(check), ..Parts::new(challenges) }))
    }

    /// No verifier mixes families: public keys never meet an HMAC, nor a secret anything else (RFC 8725 section 3.1).
    fn checked_algorithms(&self) -> Result<AlgorithmSet, ConfigError> {
        let algorithms: AlgorithmSet = self.algorithms.iter().copied().collect();
        if algorithms.is_empty() {
            return Err(missing("no algorithm is accepted"));
        }
        let fits = match &self.keys {
            Keys::Shared(key) => algorithms == key.algorithms(),
            Keys::Discover | Keys::At(_) | Keys::Fixed(_) => algorithms.iter().all(|one| !one.is_symmetric()),
        };
        if !fits {
            return Err(invalid(
                "an HMAC algorithm goes with a shared secret and nothing else: use `JwtVerifier::shared_secret`, or leave it out",
            ));
        }
        Ok(algorithms)
    }

    fn key_source(&self) -> Result<KeySource, ConfigError> {
        let rules = self.plaintext.rules()?;
        let place = match &self.keys {
            Keys::Shared(key) => return Ok(KeySource::Shared(VerifyingKey::clone(key).into())),
            Keys::Fixed(keys) if keys.keys().is_empty() => return Err(missing("the key set has no usable key")),
            Keys::Fixed(keys) if keys.keys().iter().any(|key| key.algorithms().iter().any(Algorithm::is_symmetric)) => {
                return Err(invalid("the key set has a shared secret: use `JwtVerifier::shared_secret`"));
            }
            Keys::Fixed(keys) => return Ok(KeySource::Fixed(keys.clone())),
            Keys::Discover => Place::Discover(Endpoint::parse("issuer", &self.issuer, &rules)?),
            Keys::At(url) => {
                // The issuer is not asked, and is judged all the same: who writes http here is mistaken.
                Endpoint::parse("issuer", &self.issuer, &rules)?;
                Place::At(Endpoint::parse("key set", url, &rules)?)
            }
        };
        self.limits.check()?;
        let http = match &self.http {
            Some(http) => {
                self.plaintext.announce();
                http.clone()
            }
            None => default_http(&self.plaintext, &self.clock, self.limits.timeout)?,
        };
        Ok(KeySource::Fetched(Store::new(&self.issuer, place, rules, http, self.clock.clone(), self.limits.clone())))
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
        builder.plaintext.origins.push(origin.into());
        builder
    }
}

#[cfg(feature = "http")]
fn default_http(plaintext: &PlaintextOptions, clock: &Clock, timeout: Duration) -> Result<HttpClient, ConfigError> {
    crate::http::HttpTransport::new().plaintext(plaintext.clone()).clock(clock.clone()).total_timeout(timeout).build()
}

#[cfg(not(feature = "http"))]
fn default_http(_: &PlaintextOptions, _: &Clock, _: Duration) -> Result<HttpClient, ConfigError> {
    Err(missing(
        "there is no HTTP client to fetch keys with: give one with `http_client`, or enable the feature `http`",
    ))
}

fn missing(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::MissingOption, message)
}

fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("profile", &self.profile)
            .field("algorithms", &self.algorithms)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}
