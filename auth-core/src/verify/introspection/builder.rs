use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use super::endpoint::{Flow, Introspector, Limits};
use super::endpoints::Introspection;
use super::memory::Memory;
use super::rate::Rate;
use super::rules::{Audience, Members, Rules};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Dangerous, HttpClient};
use crate::oauth::{OAuthClient, OAuthClientBuilder};
use crate::verify::Verifier;
use crate::verify::claim::{Place, Places};
use crate::verify::jwt::{Rights, RoleClaim, RoleRules};
use crate::verify::parts::Parts;
use crate::verify::rejection::{Challenges, DEFAULT_REALM, Scheme};
use crate::{Clock, Secret};

/// Accepts access tokens by asking their authorization server about them (RFC 7662): opaque tokens, which say nothing by
/// themselves, and JWTs whose revocation must count at once.
///
/// ```
/// use tower_auth_core::{ConfigError, IntrospectionVerifier};
///
/// # #[cfg(feature = "http")] {
/// let verifier = IntrospectionVerifier::new("https://login.example.com/introspect", "orders", "correct horse")
///     .audience("orders")
///     .build()?;
/// # }
/// # Ok::<(), ConfigError>(())
/// ```
///
/// # Rules, in the order they are applied
/// 1. At most 8 KiB and the characters of a token (RFC 6750 section 2.1): nothing else is asked about.
/// 2. The answer is one JSON object with status 200, without repeated names, at most 64 KiB, 16 levels and 1,000 members.
///    Whatever else comes says nothing of the token:
///    [`IntrospectionUnavailable`](crate::RejectionKind::IntrospectionUnavailable), 503 over HTTP and `UNAVAILABLE` over
///    gRPC, and never a verdict (section 2.3).
/// 3. `active` is the JSON value `true`; else [`Inactive`](crate::RejectionKind::Inactive).
/// 4. Every registered member has the right type, whether or not anybody needs it; else
///    [`Malformed`](crate::RejectionKind::Malformed).
/// 5. It is an access token: `token_type`, if it is there, is `Bearer` or `DPoP`, `token_use` is `access_token` or `access`, and
///    `typ` none of what refresh tokens and ID tokens have.
/// 6. `iss`, if it is there, is the [issuer](Self::issuer), if one is known.
/// 7. `aud` has one of our [audiences](Self::audience).
/// 8. Now is before `exp` and not before `nbf` and `iat`, each if it is there, give or take the leeway.
/// 9. `cnf`, if it is there, names a DPoP key or a client certificate, and the request proves that it has it (RFC 9449, RFC
///    8705). A token of the type `DPoP` has one.
/// 10. There is a subject: `sub`, or [what was chosen](Self::subject_claims). A token without `sub` and without `username` is a client's own,
///     and its subject is the `client_id` (RFC 9068 section 2.2).
///
/// # Requests
/// One request for a token at a time; whoever comes meanwhile shares its outcome. It runs in a task of its own, so that nobody
/// who goes away ends it for others, and takes 5 s at the most ([`timeout`](Self::timeout)). At most 256 are under way
/// ([`max_in_flight`](Self::max_in_flight)); what is beyond is refused with [`Overloaded`](crate::RejectionKind::Overloaded).
///
/// After three failures in a row, or one with `Retry-After`, the endpoint is left alone: for one to eight seconds, or as long as
/// it asks but a minute at most. Callers get the last failure meanwhile; then one request at a time sees whether it is
/// back.
///
/// # What is remembered
/// By default every request asks, so that a revoked token is refused at once. [`cache_for`](Self::cache_for) remembers answers that were
/// accepted, at most until their `exp`. What was refused is remembered for 3 s ([`refusals_for`](Self::refusals_for)), in a place of its
/// own, so that no flood of invented tokens drives out good ones. That nothing could be said is never remembered. Both are found
/// by the SHA-256 of the whole token; tokens themselves are not kept. [`Verifier::forget`] ends everything that is remembered,
/// [`Verifier::forget_token`] that of one token.
///
/// # Beside others
/// Together with [`JwtVerifier`](crate::JwtVerifier)s in [`Verifier::any_of`], a token that is a JWT of one of their issuers is
/// theirs alone; every other token is asked about. Of several endpoints those are asked, one after the other, that have no
/// [prefix](Self::token_prefix), until one says that the token is active; or those alone whose prefix the token has. If one of them cannot tell
/// and none says that the token is active, nothing is said of it.
///
/// # Security
/// The endpoint sees the tokens of all callers and decides who they are: it is `https`, or loopback by choice. What weakens a
/// deployment: accepting tokens for [any audience](Dangerous::<Self>::any_audience) or for nobody in particular
/// ([`allow_missing_audience`](Self::allow_missing_audience)) where the server tells about tokens that are for others; and each second of `cache_for`,
/// by which a revoked token lives on.
#[must_use = "a description does nothing before `build`"]
pub struct IntrospectionVerifier {
    asker: Asker,
    misplaced: Option<&'static str>,
    audiences: Vec<String>,
    may_be_absent: bool,
    any_audience: bool,
    issuer: Option<String>,
    leeway: Duration,
    pub(super) subject_claims: Vec<String>,
    pub(super) client_id_claims: Vec<String>,
    pub(super) scope_claims: Vec<String>,
    pub(super) roles: Vec<RoleClaim>,
    pub(super) renamed: Vec<(String, String)>,
    realm: String,
    keep_subject_token: bool,
    prefixes: Vec<String>,
    limits: Limits,
    per_second: Option<u32>,
    cache_for: Duration,
    cache_capacity: usize,
    refusals_for: Duration,
    clock: Option<Clock>,
}

/// Who asks.
enum Asker {
    Described(Box<OAuthClientBuilder>),
    Built(OAuthClient),
}

/// The most leeway that can be set.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// The longest that an answer can be remembered, accepted or refused (RFC 7662 section 4).
const MAX_CACHE: Duration = Duration::from_secs(60 * 60);
const MAX_REFUSALS: Duration = Duration::from_secs(60);

/// The most refusals that are remembered.
const REFUSALS: usize = 4096;

impl IntrospectionVerifier {
    /// Asks the endpoint at `url` as the client `id`, which proves itself by HTTP Basic.
    pub fn new(url: impl Into<String>, id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self::over(OAuthClient::builder(id).introspection_endpoint(url).secret(secret))
    }

    /// Asks as the described client: with any [authentication](crate::ClientAuth), by a
    /// [token](OAuthClientBuilder::introspection_tokens) of its own, or at the endpoint in the metadata of its
    /// [issuer](OAuthClientBuilder::issuer).
    ///
    /// ```
    /// use tower_auth_core::{ConfigError, IntrospectionVerifier, OAuthClient};
    ///
    /// # #[cfg(feature = "http")] {
    /// let client = OAuthClient::builder("orders").issuer("https://login.example.com").secret("correct horse");
    /// let verifier = IntrospectionVerifier::over(client).audience("orders").build()?;
    /// # }
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn over(client: OAuthClientBuilder) -> Self {
        Self::asked_by(Asker::Described(Box::new(client)))
    }

    /// As [`over`](Self::over), by a client that serves for other things as well. Its HTTP client and its clock are used.
    pub fn with_client(client: OAuthClient) -> Self {
        Self::asked_by(Asker::Built(client))
    }

    fn asked_by(asker: Asker) -> Self {
        Self {
            asker,
            misplaced: None,
            audiences: Vec::new(),
            may_be_absent: false,
            any_audience: false,
            issuer: None,
            leeway: Duration::from_secs(60),
            subject_claims: Vec::new(),
            client_id_claims: Vec::new(),
            scope_claims: Vec::new(),
            roles: Vec::new(),
            renamed: Vec::new(),
            realm: DEFAULT_REALM.to_owned(),
            keep_subject_token: false,
            prefixes: Vec::new(),
            limits: Limits { timeout: Duration::from_secs(5), in_flight: 256 },
            per_second: None,
            cache_for: Duration::ZERO,
            cache_capacity: 10_000,
            refusals_for: Duration::from_secs(3),
            clock: None,
        }
    }

    /// Changes an option of the client that has no method here.
    pub fn configure(self, change: impl FnOnce(OAuthClientBuilder) -> OAuthClientBuilder) -> Self {
        self.change("an option of the client", change)
    }

    fn change(mut self, what: &'static str, change: impl FnOnce(OAuthClientBuilder) -> OAuthClientBuilder) -> Self {
        match self.asker {
            Asker::Described(client) => self.asker = Asker::Described(Box::new(change(*client))),
            Asker::Built(_) => self.misplaced = Some(what),
        }
        self
    }

    /// Adds a name of ours: the token's `aud` must have one of them, and be there. At least one is needed, unless
    /// [any audience](Dangerous::<Self>::any_audience) will do.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts tokens of which the server does not say for whom they are. One that is for somebody else is refused as
    /// before.
    ///
    /// # Security
    /// Many servers leave `aud` out. Choose this only if the server tells this client about no tokens but those that are for it
    /// (RFC 7662 section 4); otherwise every token of the server is accepted here, whoever it was issued for.
    pub fn allow_missing_audience(mut self) -> Self {
        self.may_be_absent = true;
        self
    }

    /// Whose tokens the endpoint knows, exactly as the issuer writes its `iss`. An answer with another one is refused. Where an answer
    /// has none, the caller is taken to be of this issuer. Default: the client's issuer, if it has one.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
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

    /// Keeps the token itself in its verdict ([`Verified::subject_token`](crate::Verified::subject_token)), for services that
    /// exchange it to call others on the caller's behalf.
    ///
    /// # Security
    /// Whatever can read the verdict can then be the caller. Set it where tokens are exchanged and nowhere else.
    pub fn keep_subject_token(mut self) -> Self {
        self.keep_subject_token = true;
        self
    }

    /// Asks this endpoint about tokens that begin so, and no other endpoint about them; nor this one about others. May be repeated.
    ///
    /// ```
    /// use tower_auth_core::{ConfigError, IntrospectionVerifier, Verifier};
    ///
    /// # #[cfg(feature = "http")] {
    /// let ory = IntrospectionVerifier::new("https://ory.example.com/admin/oauth2/introspect", "orders", "correct horse")
    ///     .token_prefix("ory_at_")
    ///     .audience("orders");
    /// let legacy = IntrospectionVerifier::new("https://legacy.example.com/introspect", "orders", "battery staple")
    ///     .audience("orders");
    /// let both = Verifier::any_of([ory.build()?, legacy.build()?])?;
    /// # }
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn token_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefixes.push(prefix.into());
        self
    }

    /// How long one request may take. Default 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// The most requests that are under way. Default 256.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.limits.in_flight = requests;
        self
    }

    /// The most requests in a second by this verifier; what is beyond is refused with
    /// [`Overloaded`](crate::RejectionKind::Overloaded). Default: no bound but that of requests under way.
    pub fn max_per_second(mut self, requests: u32) -> Self {
        self.per_second = Some(requests);
        self
    }

    /// Remembers answers that were accepted, for this long at most and not beyond their `exp`. Default: not at all. At most
    /// an hour.
    ///
    /// # Security
    /// A token that is revoked goes on being accepted for as long.
    pub fn cache_for(mut self, time: Duration) -> Self {
        self.cache_for = time;
        self
    }

    /// The most answers that are remembered. Default 10,000. Those over 8 KiB are not.
    pub fn cache_capacity(mut self, answers: usize) -> Self {
        self.cache_capacity = answers;
        self
    }

    /// How long refusals are remembered, at most 4,096 of them. Default 3 s, at most a minute; zero: not at all.
    pub fn refusals_for(mut self, time: Duration) -> Self {
        self.refusals_for = time;
        self
    }

    /// Sends requests by `http`. Default: a default transport of its own (feature `http`).
    pub fn http_client(self, http: HttpClient) -> Self {
        self.change("the HTTP client", |client| client.http_client(http))
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock.clone());
        match self.asker {
            Asker::Described(client) => self.asker = Asker::Described(Box::new(client.clock(clock))),
            Asker::Built(_) => {}
        }
        self
    }

    /// Allows an endpoint over plain `http` on a literal loopback address (`127.0.0.0/8`, `[::1]`).
    pub fn allow_loopback_http(self) -> Self {
        self.change("plain http", OAuthClientBuilder::allow_loopback_http)
    }

    /// Options that weaken the protection.
    pub fn dangerous(self) -> Dangerous<Self> {
        Dangerous::new(self)
    }

    /// The verifier.
    ///
    /// # Errors
    /// - There is no audience, or an empty one; or one where any will do.
    /// - The client cannot be built, see [`OAuthClientBuilder::build`]; or an option of it was given beside a client that is built.
    /// - The issuer, a prefix or the name of a claim is empty, or the realm has a character that cannot be sent.
    /// - The leeway is over 300 s, answers are remembered for over an hour or refusals for over a minute, or a limit is zero.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        self.check()?;
        let challenges = Challenges::one(Scheme::Bearer, "Bearer", &self.realm)?;
        let client = match self.asker {
            Asker::Described(client) => client.build()?,
            Asker::Built(client) => client,
        };
        let clock = self.clock.unwrap_or_else(|| client.own_clock());
        let audience = if self.any_audience {
            Audience::Any
        } else {
            let names = self.audiences.into_iter().map(Into::into).collect();
            Audience::OneOf { names, may_be_absent: self.may_be_absent }
        };
        let mut places = Places::default();
        let rules = Rules {
            audience,
            issuer: self.issuer.as_deref().or(client.issuer()).map(Into::into),
            leeway: self.leeway,
            rights: Rights {
                subject: add_all(&self.subject_claims, &mut places)?,
                client: add_all(&self.client_id_claims, &mut places)?,
                scopes: add_all(&self.scope_claims, &mut places)?,
                roles: RoleRules::new(&self.roles, &self.renamed, &mut places)?,
            },
            members: Members::new(&mut places)?,
            places,
        };
        let keeps = |time: Duration| !time.is_zero();
        let endpoint = Introspector {
            rules,
            prefixes: self.prefixes.into_iter().map(Into::into).collect(),
            keep_subject_token: self.keep_subject_token,
            limits: self.limits,
            accepted: keeps(self.cache_for).then(|| Memory::new(self.cache_capacity, self.cache_for, clock.clone())),
            refused: keeps(self.refusals_for).then(|| Memory::new(REFUSALS, self.refusals_for, clock.clone())),
            flow: Mutex::new(Flow::new(self.per_second.map(Rate::new))),
            clock,
            client,
        };
        Ok(Verifier::new(Parts { opaque: Introspection::one(endpoint), ..Parts::new(challenges) }))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.any_audience && !self.audiences.is_empty() {
            return Err(invalid("there is an audience, and any audience would do: choose one of both"));
        }
        let has_audience = !self.audiences.is_empty() && !self.audiences.iter().any(String::is_empty);
        if !self.any_audience && !has_audience {
            return Err(missing(
                "the audience is missing: without it, a token that was meant for another service would be accepted here",
            ));
        }
        if let Some(what) = self.misplaced {
            return Err(invalid(&format!("{what} belongs to the client that was given: set it there")));
        }
        if self.issuer.as_deref().is_some_and(str::is_empty) || self.prefixes.iter().any(String::is_empty) {
            return Err(missing("the issuer, or a prefix of tokens, is empty"));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(invalid("the leeway is over 300 s"));
        }
        if self.cache_for > MAX_CACHE || self.refusals_for > MAX_REFUSALS {
            return Err(invalid("answers are remembered for an hour at most, and refusals for a minute"));
        }
        let no_room = self.cache_capacity == 0 || self.limits.in_flight == 0 || self.per_second == Some(0);
        if no_room || self.limits.timeout.is_zero() {
            return Err(invalid("the timeout and the limits of requests and answers must not be zero"));
        }
        Ok(())
    }
}

impl Dangerous<IntrospectionVerifier> {
    /// Accepts tokens for whomever they are.
    ///
    /// # Security
    /// A token that another service of the same authorization server was given serves here too: whoever runs that service can be
    /// each of its callers here.
    pub fn any_audience(self) -> IntrospectionVerifier {
        IntrospectionVerifier { any_audience: true, ..self.into_inner() }
    }

    /// Allows plain `http` to `origin` (`http://host[:port]`), where something else protects the way, such as a service
    /// mesh. It is logged when the verifier is built.
    ///
    /// # Security
    /// Whoever can answer for that origin says who the callers are, and everybody on the way sees their tokens.
    pub fn allow_plaintext(self, origin: impl Into<String>) -> IntrospectionVerifier {
        let origin = origin.into();
        self.into_inner().change("plain http", |client| client.dangerous().allow_plaintext(origin))
    }
}

/// `None` if there is none: then it is as usual.
fn add_all(names: &[String], places: &mut Places) -> Result<Option<Vec<Place>>, ConfigError> {
    let added = names.iter().map(|name| places.add(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(added).filter(|added| !added.is_empty()))
}

fn missing(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::MissingOption, message)
}

fn invalid(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidOption, message)
}

impl fmt::Debug for IntrospectionVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("IntrospectionVerifier");
        match &self.asker {
            Asker::Described(client) => shown.field("client", client),
            Asker::Built(client) => shown.field("client", client),
        };
        shown
            .field("audiences", &self.audiences)
            .field("issuer", &self.issuer)
            .field("leeway", &self.leeway)
            .field("cache_for", &self.cache_for)
            .finish_non_exhaustive()
    }
}
