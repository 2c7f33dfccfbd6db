use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::api_key::{ApiKeys, Place};
use super::basic::BasicUsers;
use super::incoming::{Accepted, extract};
#[cfg(feature = "jwt")]
use super::jwt::{Issuers, Outcome};
use super::rejection::{Challenges, Fault, RejectionKind, Scheme};
use super::{IncomingCredential, Principal, Rejection, Verification, Verified, VerifierId, telemetry};
use crate::ScopeSet;
use crate::error::{ConfigError, ConfigErrorKind};

/// Checks the credentials of requests. One type for every kind of credential, and for several at once.
///
/// It is made by [`JwtVerifier`](super::JwtVerifier), [`BasicVerifier`](super::BasicVerifier) or
/// [`ApiKeyVerifier`](super::ApiKeyVerifier), or of several such by [`any_of`](Self::any_of). Clones are one verifier,
/// and cheap.
///
/// What happens to a request:
/// 1. Exactly one credential is taken from it. None, or one of a foreign scheme: refused as missing. More than one:
///    refused with 400, none looked at. Tokens in the query are not read.
/// 2. The scheme says who checks it. A JWT is then checked by the verifier of its issuer.
/// 3. The outcome is a [`Verified<Principal>`](Verified), or a [`Rejection`] that knows its answer. When the keys of
///    the issuer cannot be had it is a 503, never a verdict.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    id: VerifierId,
    parts: Parts,
}

/// What a verifier is made of.
#[derive(Clone)]
pub(super) struct Parts {
    #[cfg(feature = "jwt")]
    pub(super) jwt: Issuers,
    pub(super) basic: Option<Arc<BasicUsers>>,
    pub(super) api_key: Option<Arc<ApiKeys>>,
    pub(super) challenges: Arc<Challenges>,
}

impl Parts {
    /// Nothing but what to say when there is nothing.
    pub(super) fn new(challenges: Challenges) -> Self {
        Self {
            #[cfg(feature = "jwt")]
            jwt: Issuers::default(),
            basic: None,
            api_key: None,
            challenges: Arc::new(challenges),
        }
    }
}

impl Verifier {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { id: VerifierId::next(), parts }))
    }

    /// A verifier that accepts what any of `verifiers` accepts: of several schemes, and JWTs of several issuers. The
    /// keys of one issuer never check the tokens of another.
    ///
    /// # Errors
    /// When there is none, or two are responsible for the same: two lists of users, two lists of API keys, one issuer
    /// twice.
    pub fn any_of(verifiers: impl IntoIterator<Item = Self>) -> Result<Self, ConfigError> {
        let mut verifiers = verifiers.into_iter();
        let Some(first) = verifiers.next() else {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, "there is no verifier to choose from"));
        };
        let mut parts = first.0.parts.clone();
        for Self(other) in verifiers {
            parts.merge(&other.parts)?;
        }
        Ok(Self::new(parts))
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
        self.0.parts.challenges.has(scheme)
    }

    /// Whether a request has anything at the places where this verifier looks, good or bad, of an accepted scheme or of
    /// another: if not, its sender does not claim to be anybody. Only such a request may pass as anonymous.
    #[must_use]
    pub fn finds_anything(&self, headers: &HeaderMap) -> bool {
        let accepted = self.0.accepted();
        let reads_authorization = accepted.bearer || accepted.basic || accepted.api_key_scheme.is_some();
        (reads_authorization && headers.contains_key(AUTHORIZATION))
            || accepted.api_key_header.is_some_and(|name| headers.contains_key(name))
    }

    /// The one credential of a request.
    ///
    /// # Errors
    /// [`MissingCredential`](RejectionKind::MissingCredential) or [`InvalidRequest`](RejectionKind::InvalidRequest).
    pub fn credential<'a>(&self, headers: &'a HeaderMap) -> Result<IncomingCredential<'a>, Rejection> {
        match extract(headers, self.0.accepted()) {
            Ok(Some(credential)) => Ok(credential),
            Ok(None) => Err(self.0.refuse(Fault::new(RejectionKind::MissingCredential, NO_CREDENTIAL), None)),
            Err((fault, tried)) => Err(self.0.refuse(fault, tried)),
        }
    }

    /// Verifies the credential of a request. All work that needs no waiting is done by this call; the future is ready
    /// then. It waits only for the keys of an issuer, and holds a copy of the token while it does.
    ///
    /// # Cancel safety
    /// Dropping the future harms nobody: keys are fetched by a task of their own.
    pub fn verify(&self, headers: &HeaderMap) -> Verification {
        match self.credential(headers) {
            Ok(credential) => self.verify_credential(credential),
            Err(refusal) => {
                let result = Err(refusal);
                telemetry::verified(&result);
                Verification::done(result)
            }
        }
    }

    /// Verifies a credential; as [`verify`](Self::verify).
    pub fn verify_credential(&self, credential: IncomingCredential<'_>) -> Verification {
        #[cfg(feature = "jwt")]
        if credential.scheme == Scheme::Bearer && !self.0.parts.jwt.is_empty() {
            return match self.0.parts.jwt.verify(credential.text) {
                Outcome::Done(result) => Verification::done(self.0.conclude(result, Scheme::Bearer)),
                Outcome::Wait(wait) => {
                    let inner = Arc::clone(&self.0);
                    let pending = self.0.refuse(wait.pending(), Some(Scheme::Bearer));
                    let resumed = inner.parts.jwt.resume(wait, credential.text);
                    Verification::waiting(pending, async move { inner.conclude(resumed.await, Scheme::Bearer) })
                }
            };
        }
        Verification::done(self.0.conclude(self.0.check_at_once(credential), credential.scheme))
    }

    /// Verifies the credential of a request without waiting, for callers that cannot. Where [`verify`](Self::verify)
    /// would wait for keys, their fetch is started and the request refused with
    /// [`KeysUnavailable`](RejectionKind::KeysUnavailable) (503, `UNAVAILABLE`) for the time being.
    ///
    /// # Errors
    /// The refusal.
    pub fn try_verify(&self, headers: &HeaderMap) -> Result<Verified, Rejection> {
        self.verify(headers).into_result()
    }

    /// Checks that a caller has every scope of `needed`.
    ///
    /// # Errors
    /// [`InsufficientScope`](RejectionKind::InsufficientScope) (403), which tells the client the scopes needed.
    pub fn require_scopes(&self, principal: &Principal, needed: &ScopeSet) -> Result<(), Rejection> {
        if principal.has_scopes(needed) {
            return Ok(());
        }
        let tried = principal.method().scheme();
        let fault = Fault::new(RejectionKind::InsufficientScope, format!("the request needs the scopes {needed}"));
        let refusal = self.0.refuse(fault, Some(tried)).with_scope(needed.clone());
        telemetry::denied(&refusal);
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
        let refusal = self.0.refuse(Fault::new(kind, detail), None);
        telemetry::denied(&refusal);
        refusal
    }

    /// Takes credentials out of a request: the `Authorization` field, whatever is in it, and the field of API keys if
    /// this verifier looks for them.
    pub fn strip_credential(&self, headers: &mut HeaderMap) {
        headers.remove(AUTHORIZATION);
        if let Some(name) = self.0.accepted().api_key_header {
            headers.remove(name);
        }
    }

    /// Waits until the keys of every issuer are there, for services that want to take no request before. Without this
    /// the first token of an issuer waits for its keys.
    ///
    /// # Errors
    /// [`KeysUnavailable`](RejectionKind::KeysUnavailable), which says why. The next attempt follows with the next
    /// request.
    pub async fn ready(&self) -> Result<(), Rejection> {
        #[cfg(feature = "jwt")]
        if let Err(fault) = self.0.parts.jwt.ready().await {
            return Err(self.0.refuse(fault, None));
        }
        Ok(())
    }
}

const NO_CREDENTIAL: &str = "the request has no credential of an accepted kind";

impl Inner {
    fn accepted(&self) -> Accepted<'_> {
        let place = self.parts.api_key.as_ref().map(|keys| keys.place());
        Accepted {
            #[cfg(feature = "jwt")]
            bearer: !self.parts.jwt.is_empty(),
            #[cfg(not(feature = "jwt"))]
            bearer: false,
            basic: self.parts.basic.is_some(),
            api_key_scheme: place.and_then(|place| match place {
                Place::Scheme(scheme) => Some(scheme.as_str()),
                Place::Header(_) => None,
            }),
            api_key_header: place.and_then(|place| match place {
                Place::Header(name) => Some(name),
                Place::Scheme(_) => None,
            }),
        }
    }

    fn check_at_once(&self, credential: IncomingCredential<'_>) -> Result<Principal, Fault> {
        let missing = || Fault::new(RejectionKind::MissingCredential, NO_CREDENTIAL);
        match credential.scheme {
            Scheme::Basic => self.parts.basic.as_ref().ok_or_else(missing)?.verify(credential.text),
            Scheme::ApiKey => self.parts.api_key.as_ref().ok_or_else(missing)?.verify(credential.text),
            Scheme::Bearer => Err(missing()),
        }
    }

    fn conclude(&self, result: Result<Principal, Fault>, tried: Scheme) -> Result<Verified, Rejection> {
        let result = match result {
            Ok(mut principal) => {
                let token = principal.subject_token.take();
                Ok(Verified::new(principal, self.id).with_subject_token(token))
            }
            Err(fault) => Err(self.refuse(fault, Some(tried))),
        };
        telemetry::verified(&result);
        result
    }

    fn refuse(&self, fault: Fault, tried: Option<Scheme>) -> Rejection {
        Rejection::from_fault(fault, tried, &self.parts.challenges)
    }
}

impl Parts {
    fn merge(&mut self, other: &Self) -> Result<(), ConfigError> {
        let twice =
            |what: &str| Err(ConfigError::new(ConfigErrorKind::InvalidOption, format!("{what}: make one of them")));
        #[cfg(feature = "jwt")]
        self.jwt.merge(&other.jwt)?;
        if self.basic.is_some() && other.basic.is_some() {
            return twice("there are two lists of users");
        }
        if self.api_key.is_some() && other.api_key.is_some() {
            return twice("there are two lists of API keys");
        }
        self.basic = self.basic.take().or_else(|| other.basic.clone());
        self.api_key = self.api_key.take().or_else(|| other.api_key.clone());
        Arc::make_mut(&mut self.challenges).merge(&other.challenges);
        Ok(())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Verifier");
        shown.field("id", &self.0.id);
        #[cfg(feature = "jwt")]
        shown.field("issuers", &self.0.parts.jwt.names());
        shown.field("basic", &self.0.parts.basic.is_some()).field("api_key", &self.0.parts.api_key.is_some()).finish()
    }
}
