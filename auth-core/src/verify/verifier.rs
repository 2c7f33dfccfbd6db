use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::all::All;
use super::incoming::Accepted;
use super::one::One;
use super::parts::Parts;
use super::policy::{Policy, Shortfall};
use super::rejection::{Challenges, Fault, RejectionBody, RejectionKind, Scheme};
use super::resource_metadata::check_url;
use super::{
    IncomingCredential, IncomingRequest, Principal, Rejection, Verification, Verified, VerifierId, VerifierStatus,
    telemetry,
};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::{ScopeSet, ShardedArc};

/// Checks the credentials of requests. One type for every kind of credential, and for several at once.
///
/// It is made by [`JwtVerifier`](super::JwtVerifier), `IntrospectionVerifier`, [`BasicVerifier`](super::BasicVerifier) or
/// [`ApiKeyVerifier`](super::ApiKeyVerifier), or of several such by [`any_of`](Self::any_of) and
/// [`all_of`](Self::all_of). Clones are one verifier, and cheap.
///
/// What happens to a request:
/// 1. Exactly one credential is taken from it. None, or one of a foreign scheme: refused as missing. More than one:
///    refused with 400, none looked at. Tokens in the query are not read.
/// 2. The scheme says who checks it. A JWT is then checked by the verifier of its issuer; any other token is looked up
///    at the introspection endpoints, if there are any.
/// 3. The outcome is a [`Verified<Principal>`](Verified), or a [`Rejection`] that knows its answer. When the keys of
///    the issuer cannot be had, or the endpoint cannot tell, it is a 503, never a verdict.
///
/// # Remembered verdicts
/// JWTs that were wholly verified are remembered, for a minute at most and never beyond their `exp`, so that the next
/// request with the same token costs no signature check. The whole token decides; new keys of its issuer end what the old
/// ones verified. See [`JwtVerifier::memo_ttl`](super::JwtVerifier::memo_ttl) for how to change that, and
/// [`forget`](Self::forget) for ending it at once.
#[derive(Clone)]
pub struct Verifier(ShardedArc<Inner>);

struct Inner {
    id: VerifierId,
    kind: Kind,
}

enum Kind {
    /// One credential, checked by whoever is responsible for its kind.
    One(One),
    /// Several verifiers that all have to accept.
    All(All),
}

impl Verifier {
    pub(super) fn new(parts: Parts) -> Self {
        let id = VerifierId::next();
        Self(ShardedArc::new(Inner { id, kind: Kind::One(One::new(id, parts)) }))
    }

    /// A verifier that accepts what any of `verifiers` accepts: of several schemes, and JWTs of several issuers. The
    /// keys of one issuer never check the tokens of another.
    ///
    /// # Errors
    /// When there is none, one is made by [`all_of`](Self::all_of), or two are responsible for the same: two lists of
    /// users, two lists of API keys, one issuer twice.
    pub fn any_of(verifiers: impl IntoIterator<Item = Self>) -> Result<Self, ConfigError> {
        let mut whole: Option<Parts> = None;
        for verifier in verifiers {
            let Kind::One(one) = &verifier.0.kind else {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    "a verifier that demands several credentials cannot be one of several choices",
                ));
            };
            match &mut whole {
                None => whole = Some(one.parts().clone()),
                Some(parts) => parts.merge(one.parts())?,
            }
        }
        whole
            .map(Self::new)
            .ok_or_else(|| ConfigError::new(ConfigErrorKind::MissingOption, "there is no verifier to choose from"))
    }

    /// A verifier that accepts a request only if all of `verifiers` do. Each looks at the request by itself, so that one can
    /// demand a token and another an API key; and two can judge the same token, as a signature and an introspection do. The
    /// caller is who the first of them says.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_auth_core::{ApiKeyVerifier, Basic, BasicVerifier, Secret, Verifier};
    ///
    /// let digest = ApiKeyVerifier::digest(&Secret::from("gateway.nq8Z0vJc5mWd2rXh7tKb"));
    /// let both = Verifier::all_of([
    ///     BasicVerifier::new().user("batch", "s3cret").build()?,
    ///     ApiKeyVerifier::new().key("gateway", digest).build()?,
    /// ])?;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("authorization", Basic::new("batch", "s3cret")?.header_text().expose_secret().parse()?);
    /// assert_eq!(both.try_verify(&headers).unwrap_err().status(), 401);
    /// headers.insert("x-api-key", "gateway.nq8Z0vJc5mWd2rXh7tKb".parse()?);
    /// assert_eq!(both.try_verify(&headers)?.subject(), "batch");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A refusal is that of the first verifier that refuses, with its challenges.
    ///
    /// # Errors
    /// When there are fewer than two.
    pub fn all_of(verifiers: impl IntoIterator<Item = Self>) -> Result<Self, ConfigError> {
        let id = VerifierId::next();
        Ok(Self(ShardedArc::new(Inner { id, kind: Kind::All(All::new(id, verifiers.into_iter().collect())?) })))
    }

    /// A verifier like this one, whose challenges tell where the metadata of the protected resource is (RFC 9728 section 5.1):
    /// by it clients find the authorization server that they need a token of.
    ///
    /// ```
    /// # #[cfg(all(feature = "jwt", feature = "http"))] {
    /// use http::HeaderMap;
    /// use tower_auth_core::JwtVerifier;
    ///
    /// let verifier = JwtVerifier::issuer("https://login.example.com")?
    ///     .audience("https://api.example.com")
    ///     .build()?
    ///     .with_resource_metadata("https://api.example.com/.well-known/oauth-protected-resource")?;
    /// let refusal = verifier.try_verify(&HeaderMap::new()).unwrap_err();
    /// assert_eq!(
    ///     refusal.challenges(),
    ///     [r#"Bearer realm="api", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource""#]
    /// );
    /// # }
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// The document itself is a [`ResourceMetadata`](crate::ResourceMetadata), whose `url` this takes. It is the URL that clients
    /// know this service by, and never made of what a request says of itself.
    ///
    /// # Errors
    /// When the URL is not an absolute one with `https` (or `http` to a literal loopback address, for tests), or is there already.
    pub fn with_resource_metadata(self, url: impl AsRef<str>) -> Result<Self, ConfigError> {
        let url = url.as_ref();
        check_url("the URL of the resource's metadata", url)?;
        self.map_challenges(&|challenges| challenges.add_to_tokens("resource_metadata", url))
    }

    /// A verifier like this one, whose challenges for tokens name the scopes that a client should ask for at first (RFC 6750
    /// section 3), parted by spaces. A refusal for want of others names those.
    ///
    /// ```
    /// # #[cfg(all(feature = "jwt", feature = "http"))] {
    /// use http::HeaderMap;
    /// use tower_auth_core::JwtVerifier;
    ///
    /// let verifier =
    ///     JwtVerifier::issuer("https://login.example.com")?.audience("notes").build()?.with_challenge_scope("notes:read")?;
    /// let refusal = verifier.try_verify(&HeaderMap::new()).unwrap_err();
    /// assert_eq!(refusal.challenges(), [r#"Bearer realm="api", scope="notes:read""#]);
    /// # }
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When one of them has a character that scopes must not have, there is none, or the challenges name scopes already.
    pub fn with_challenge_scope(self, scopes: impl AsRef<str>) -> Result<Self, ConfigError> {
        let scopes: ScopeSet = scopes.as_ref().parse()?;
        if scopes.is_empty() {
            return Err(ConfigError::new(
                ConfigErrorKind::MissingOption,
                "there is no scope for the challenges to name",
            ));
        }
        self.map_challenges(&|challenges| challenges.add_to_tokens("scope", &scopes.to_string()))
    }

    /// A verifier like this one, whose refusals have this body where they have one: in the answers of extractors, and in those
    /// of layers that were told to write bodies. Default: a short text.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_auth_core::{BasicVerifier, RejectionBody};
    ///
    /// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?.with_rejection_body(RejectionBody::Problem);
    /// let response: http::Response<String> = verifier.try_verify(&HeaderMap::new()).unwrap_err().to_full_response();
    /// assert_eq!(response.headers()["content-type"], "application/problem+json");
    /// assert_eq!(response.body(), r#"{"title":"Unauthorized","status":401,"detail":"Authentication is required"}"#);
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn with_rejection_body(self, body: RejectionBody) -> Self {
        let changed = self.map_parts(&|parts| {
            parts.body = Some(body);
            Ok(())
        });
        // Nothing of it can fail.
        changed.unwrap_or(self)
    }

    fn map_challenges(&self, change: &dyn Fn(&mut Challenges) -> Result<(), ConfigError>) -> Result<Self, ConfigError> {
        self.map_parts(&|parts| change(Arc::make_mut(&mut parts.challenges)))
    }

    fn map_parts(&self, change: &dyn Fn(&mut Parts) -> Result<(), ConfigError>) -> Result<Self, ConfigError> {
        match &self.0.kind {
            Kind::One(one) => {
                let mut parts = one.parts().clone();
                change(&mut parts)?;
                Ok(Self::new(parts))
            }
            Kind::All(all) => {
                let changed: Result<Vec<_>, _> =
                    all.verifiers().iter().map(|verifier| verifier.map_parts(change)).collect();
                Self::all_of(changed?)
            }
        }
    }

    /// What this verifier is made of, unless it is several that all have to accept.
    pub(super) fn single_parts(&self) -> Option<&Parts> {
        match &self.0.kind {
            Kind::One(one) => Some(one.parts()),
            Kind::All(_) => None,
        }
    }

    /// Which verifier this is; the same for all clones.
    #[must_use]
    pub fn id(&self) -> VerifierId {
        self.0.id
    }

    /// Whether `verified` is this verifier's verdict.
    #[must_use]
    pub fn has_verified(&self, verified: &Verified) -> bool {
        verified.verifier() == self.0.id
    }

    /// Whether it accepts credentials of this kind.
    #[must_use]
    pub fn accepts(&self, scheme: Scheme) -> bool {
        self.any(&mut |one| one.parts().challenges.has(scheme))
    }

    /// Whether a request has anything at the places where this verifier looks, good or bad, of an accepted scheme or of
    /// another: if not, its sender does not claim to be anybody. Only such a request may pass as anonymous.
    #[must_use]
    pub fn finds_anything(&self, headers: &HeaderMap) -> bool {
        self.any(&mut |one| {
            let accepted = one.accepted();
            (accepted.reads_authorization() && headers.contains_key(AUTHORIZATION))
                || accepted.api_key_header.is_some_and(|name| headers.contains_key(name))
        })
    }

    /// The one credential of a request; where several are demanded, that of the first verifier. Whether its characters are those of
    /// its scheme is [another question](IncomingCredential::is_well_formed).
    ///
    /// # Errors
    /// [`MissingCredential`](RejectionKind::MissingCredential), or [`InvalidRequest`](RejectionKind::InvalidRequest) when there is
    /// more than one, it is too long, or an API key is empty.
    pub fn credential<'a>(&self, request: impl Into<IncomingRequest<'a>>) -> Result<IncomingCredential<'a>, Rejection> {
        self.first().credential(request.into())
    }

    /// Verifies the credential of a request: a whole one, its parts, or its header alone where the rest is not known. All
    /// work that needs no waiting is done by this call; the future is ready then. It holds a copy of the token while it
    /// waits.
    ///
    /// # Cancel safety
    /// Dropping the future harms nobody: keys are fetched by a task of their own.
    pub fn verify<'a>(&self, request: impl Into<IncomingRequest<'a>>) -> Verification {
        let request = request.into();
        match &self.0.kind {
            Kind::One(one) => one.verify(request),
            Kind::All(all) => all.verify(request),
        }
    }

    /// Verifies a credential; as [`verify`](Self::verify).
    pub fn verify_credential(&self, credential: IncomingCredential<'_>) -> Verification {
        match &self.0.kind {
            Kind::One(one) => one.verify_credential(credential),
            Kind::All(all) => all.verify_credential(credential),
        }
    }

    /// Verifies the credential of a request without waiting, for callers that cannot. Where [`verify`](Self::verify)
    /// would wait for keys, their fetch is started and the request refused with
    /// [`KeysUnavailable`](RejectionKind::KeysUnavailable) (503, `UNAVAILABLE`) for the time being; likewise for whatever
    /// else has to be waited for.
    ///
    /// # Errors
    /// The refusal.
    pub fn try_verify<'a>(&self, request: impl Into<IncomingRequest<'a>>) -> Result<Verified, Rejection> {
        self.verify(request).into_result()
    }

    /// Checks that a caller that this verifier accepted has what `policy` demands.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_auth_core::{Basic, BasicVerifier, Policy};
    ///
    /// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
    /// let mut headers = HeaderMap::new();
    /// headers.insert("authorization", Basic::new("batch", "s3cret")?.header_text().expose_secret().parse()?);
    /// let caller = verifier.try_verify(&headers)?;
    /// assert!(verifier.require(&caller, &Policy::new()).is_ok());
    /// assert_eq!(verifier.require(&caller, &Policy::new().role("admin")).unwrap_err().status(), 403);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The refusal, which tells the client what to do: see [`Policy`].
    pub fn require(&self, principal: &Principal, policy: &Policy) -> Result<(), Rejection> {
        if policy.allows(principal) { Ok(()) } else { self.denied(principal, policy) }
    }

    #[cold]
    fn denied(&self, principal: &Principal, policy: &Policy) -> Result<(), Rejection> {
        let Some(mut lacking) = Shortfall::of(policy, principal) else {
            // A test of the service's own that says no and then yes: the first word counts.
            let fault = Fault::new(RejectionKind::Forbidden, "the policy said no, and then could not say why");
            let refusal = self.first().refuse(fault, Some(principal.scheme()));
            telemetry::denied(&refusal, Some(principal));
            return Err(refusal);
        };
        let fault = Fault::new(lacking.kind(), lacking.detail());
        let mut refusal = self.first().refuse(fault, Some(principal.scheme())).telling(lacking.parameters());
        if let Some(scopes) = lacking.scopes() {
            refusal = refusal.with_scope(scopes);
        }
        if let Some(schemes) = lacking.schemes() {
            refusal = refusal.only_schemes(schemes);
        }
        telemetry::denied(&refusal, Some(principal));
        Err(refusal)
    }

    /// A refusal that the service decides on itself, with the challenges of this verifier: a caller that was verified
    /// and is not welcome, say. `detail` is for the log and must not hold a secret.
    ///
    /// ```
    /// use tower_auth_core::{BasicVerifier, RejectionKind};
    ///
    /// let verifier = BasicVerifier::new().user("batch", "s3cret").realm("orders").build()?;
    /// let refusal = verifier.refusal(RejectionKind::MissingCredential, "this user was dismissed");
    /// assert_eq!(refusal.status(), 401);
    /// assert_eq!(refusal.challenges(), [r#"Basic realm="orders", charset="UTF-8""#]);
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn refusal(&self, kind: RejectionKind, detail: impl Into<Cow<'static, str>>) -> Rejection {
        let refusal = self.first().refuse(Fault::new(kind, detail), None);
        telemetry::denied(&refusal, None);
        refusal
    }

    /// Takes credentials out of a request: the `Authorization` field, whatever is in it, and the fields of API keys and of DPoP
    /// proofs if this verifier looks for them.
    pub fn strip_credential(&self, headers: &mut HeaderMap) {
        headers.remove(AUTHORIZATION);
        self.any(&mut |one| {
            let accepted = one.accepted();
            accepted.api_key_header.and_then(|name| headers.remove(name));
            if accepted.dpop {
                headers.remove("dpop");
            }
            false
        });
    }

    /// Ends every verdict that is remembered, of tokens and of logins, so that each credential is wholly verified once more: after
    /// a user was dismissed or a key compromised, say. The keys of issuers are fetched again before the next token is accepted,
    /// unless they cannot be had. What verifications under way will bring is not remembered either. What verifiers were made of this
    /// one, or this one of, forget it too.
    pub fn forget(&self) {
        self.any(&mut |one| {
            one.forget();
            false
        });
    }

    /// Ends what is remembered of one token, so that its authorization server is asked about it once more: after it was revoked,
    /// say. What an introspection that is under way will bring is not remembered either.
    ///
    /// A JWT that is verified by keys is good until it expires, whatever is forgotten: nobody is asked about it.
    #[cfg(feature = "jwt")]
    pub fn forget_token(&self, token: &crate::Secret) {
        self.any(&mut |one| {
            one.forget_token(token.expose_secret());
            false
        });
    }

    /// How the verifier is doing, for readiness probes and dashboards. It asks nobody.
    ///
    /// ```
    /// # #[cfg(all(feature = "jwt", feature = "http"))] {
    /// use tower_auth_core::{JwtVerifier, KeysState};
    ///
    /// let verifier = JwtVerifier::issuer("https://login.example.com")?.audience("orders").build()?;
    /// let status = verifier.status();
    /// assert_eq!(status.keys[0].state, KeysState::Absent);
    /// assert!(!status.is_ready());
    /// # }
    /// # Ok::<(), tower_auth_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn status(&self) -> VerifierStatus {
        let mut status = VerifierStatus::default();
        self.any(&mut |one| {
            one.report(&mut status);
            false
        });
        status
    }

    /// Waits until the keys of every issuer are there, and it is known where introspection endpoints are, for services that want
    /// to take no request before. Without this the first token of an issuer waits for its keys.
    ///
    /// # Errors
    /// [`KeysUnavailable`](RejectionKind::KeysUnavailable) or
    /// [`IntrospectionUnavailable`](RejectionKind::IntrospectionUnavailable), which says why. The next attempt follows with the next
    /// request.
    pub async fn ready(&self) -> Result<(), Rejection> {
        let mut ones = Vec::new();
        self.any(&mut |one| {
            ones.push(one.clone());
            false
        });
        for one in ones {
            one.ready().await?;
        }
        Ok(())
    }

    /// Whether `test` holds for any of the verifiers of single credentials that this one is made of.
    fn any(&self, test: &mut dyn FnMut(&One) -> bool) -> bool {
        match &self.0.kind {
            Kind::One(one) => test(one),
            Kind::All(all) => all.verifiers().iter().any(|verifier| verifier.any(test)),
        }
    }

    fn first(&self) -> &One {
        match &self.0.kind {
            Kind::One(one) => one,
            Kind::All(all) => all.first().first(),
        }
    }
}

impl Accepted<'_> {
    fn reads_authorization(&self) -> bool {
        self.bearer || self.dpop || self.basic || self.api_key_scheme.is_some()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Verifier");
        shown.field("id", &self.0.id);
        match &self.0.kind {
            Kind::One(one) => one.describe(&mut shown),
            Kind::All(all) => {
                shown.field("all_of", &all.verifiers());
            }
        }
        shown.finish()
    }
}
