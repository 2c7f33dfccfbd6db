use std::fmt;
use std::time::Duration;

use http::Uri;

use super::blueprint::Blueprint;
use super::claim_options::ClaimOptions;
use super::key_options::{KeyOptions, Keys};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::{Algorithm, VerifyingKey};
use crate::verify::Verifier;
use crate::verify::jwt::issuers::Issuers;
use crate::verify::jwt::tenants::Tenants;
use crate::verify::jwt::{Profile, TrustedIssuers};
use crate::verify::memo::MemoOptions;
use crate::verify::parts::Parts;
use crate::verify::preset::{Parameters, Preset};
use crate::verify::rejection::{Challenges, DEFAULT_REALM, Scheme};
use crate::{Clock, Secret};

/// Accepts the JWT access tokens of one issuer, or of [trusted ones](Self::trusted_issuers).
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
/// 4. The [profile](Profile) or the [preset](Preset): the type of the token, and no claims of another kind of JWT.
/// 5. `aud` has one of our audiences, exactly.
/// 6. Now is before `exp` and not before `nbf` and `iat`, give or take the leeway.
/// 7. The claims that the profile or the preset demands, and those that were [required](Self::require_claim). If there is an
///    `act`, it is an object (RFC 8693 section 4.1).
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
    pub(super) whose: Whose,
    pub(super) manner: Manner,
    pub(super) audiences: Vec<String>,
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) leeway: Duration,
    pub(super) claims: ClaimOptions,
    pub(super) keep_subject_token: bool,
    pub(super) memo_ttl: Duration,
    pub(super) memo: MemoOptions,
    pub(super) clock: Clock,
    pub(super) keys: KeyOptions,
    realm: String,
}

/// Whose tokens.
pub(super) enum Whose {
    One(String),
    Trusted(TrustedIssuers),
}

/// Which JWTs are access tokens.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    Profile(Profile),
    Preset(Parameters),
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
        Ok(Self::new(Whose::One(issuer), Keys::Discover))
    }

    /// Accepts tokens of every issuer that turns out to be trusted, each with keys of its own: for tenants that are known at run
    /// time only.
    ///
    /// ```
    /// use tower_auth_core::{ConfigError, JwtVerifier, TrustedIssuers};
    ///
    /// # #[cfg(feature = "http")] {
    /// let tenants = TrustedIssuers::matching("https://{tenant}.login.example.com")?.only(["acme", "umbrella"]);
    /// let verifier = JwtVerifier::trusted_issuers(tenants).audience("orders").build()?;
    /// # }
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn trusted_issuers(trusted: TrustedIssuers) -> Self {
        Self::new(Whose::Trusted(trusted), Keys::Discover)
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
        Ok(Self { algorithms: Some(vec![algorithm]), ..Self::new(Whose::One(issuer), Keys::Shared(Box::new(key))) })
    }

    fn new(whose: Whose, keys: Keys) -> Self {
        Self {
            whose,
            manner: Manner::Profile(Profile::default()),
            audiences: Vec::new(),
            algorithms: None,
            leeway: Duration::from_secs(60),
            claims: ClaimOptions::default(),
            keep_subject_token: false,
            memo_ttl: Duration::from_secs(60),
            memo: MemoOptions::default(),
            clock: Clock::system(),
            keys: KeyOptions::new(keys),
            realm: DEFAULT_REALM.to_owned(),
        }
    }

    /// Adds a name of ours: the token's `aud` must have one of them. At least one is needed (RFC 8725 section 3.9).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Which JWTs are access tokens. Default [`Profile::Rfc9068`].
    pub fn profile(mut self, profile: Profile) -> Self {
        self.manner = Manner::Profile(profile);
        self
    }

    /// Which JWTs are access tokens, as the preset for this kind of issuer has it. `parameters` are those of the
    /// [preset](Preset) that are no part of the issuer's URL.
    ///
    /// # Errors
    /// When the issuer does not look like those of the preset, or a parameter does not exist, is missing or has a value that it
    /// cannot have. On a loopback address, where tests have their servers, every URL is accepted.
    pub fn preset(self, preset: Preset, parameters: &[(&str, &str)]) -> Result<Self, ConfigError> {
        self.with_parameters(Parameters::read(preset, parameters)?)
    }

    pub(in crate::verify) fn with_parameters(mut self, parameters: Parameters) -> Result<Self, ConfigError> {
        parameters.check_needed()?;
        if let Whose::One(issuer) = &self.whose {
            parameters.for_issuer(issuer)?;
        }
        self.manner = Manner::Preset(parameters);
        Ok(self)
    }

    /// Accepts these algorithms only. Default: those of the preset, or every asymmetric one.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// How far the clocks may be apart. Default 60 s, at most 300 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
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

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
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
        let challenges = Challenges::one(Scheme::Bearer, "Bearer", &self.realm)?;
        let blueprint = Blueprint::new(&self)?;
        let jwt = match self.whose {
            Whose::One(issuer) => Issuers::one(blueprint.check(&issuer, None)?),
            Whose::Trusted(trusted) => {
                blueprint.check_all(&trusted)?;
                Issuers::tenants(Tenants::new(trusted, blueprint))
            }
        };
        Ok(Verifier::new(Parts { jwt, ..Parts::new(challenges) }))
    }
}

pub(super) fn missing(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::MissingOption, message)
}

pub(super) fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("JwtVerifier");
        match &self.whose {
            Whose::One(issuer) => shown.field("issuer", issuer),
            Whose::Trusted(trusted) => shown.field("issuers", trusted),
        };
        shown
            .field("audiences", &self.audiences)
            .field("manner", &self.manner)
            .field("algorithms", &self.algorithms)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}
