use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Uri;
use serde_json::Value;
use tower_auth_core::jose::{Algorithm, JwkSet, Jws, MAX_TOKEN_LEN};
use tower_auth_core::{Clock, ConfigError, ScopeSet};

use super::grants::{Authentication, Binding, Grants};
use super::policy::Policy;
use super::quirk::Quirks;
use super::register::Registration;
use super::{Consent, Quirk, RefreshPolicy, TestClient, TokenFormat};
use crate::Endpoint;
use crate::dpop::{Nonces, ProofChecker};
use crate::fault::FaultPlan;
use crate::record::Recorder;
use crate::replay::Replay;
use crate::token::{TokenMinter, seconds};

/// What a server is built from, checked.
pub(super) struct Parts {
    pub(super) issuer: String,
    pub(super) issuer_is_given: bool,
    /// The issuer's path, without a slash at its end.
    pub(super) path: String,
    pub(super) clients: BTreeMap<String, TestClient>,
    pub(super) resources: BTreeMap<String, TokenFormat>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) clock: Clock,
    pub(super) policy: Policy,
    pub(super) refresh: RefreshPolicy,
    pub(super) consent: Consent,
    pub(super) metadata: BTreeMap<String, Option<String>>,
}

/// What the clones of a server share.
pub(crate) struct Shared {
    pub(super) parts: Parts,
    pub(super) minter: TokenMinter,
    pub(super) faults: FaultPlan,
    pub(super) recorder: Recorder,
    pub(super) quirks: Quirks,
    pub(super) replay: Replay,
    pub(super) proofs: ProofChecker,
    clients: Mutex<BTreeMap<String, Arc<TestClient>>>,
    refresh: Mutex<RefreshPolicy>,
    consent: Mutex<Consent>,
    exchanges: Mutex<VecDeque<String>>,
    metadata: Mutex<BTreeMap<String, Option<String>>>,
    grants: Mutex<Grants>,
    /// Where it listens for clients with certificates.
    mtls: Mutex<Option<String>>,
    /// Where it listens, once it does: scheme, host and port.
    listening: Mutex<Option<String>>,
}

/// What a token is worth at a resource.
#[derive(Debug, PartialEq)]
pub(crate) enum Standing {
    /// It is valid.
    Active(Box<Worth>),
    /// Unknown, expired, revoked, or of somebody else.
    Inactive,
}

/// What an active token says.
#[derive(Debug, PartialEq)]
pub(crate) struct Worth {
    pub(crate) subject: String,
    pub(crate) scope: ScopeSet,
    pub(crate) audience: Vec<String>,
    pub(crate) binding: Binding,
    pub(crate) authentication: Option<Authentication>,
    /// Who acts for the subject.
    pub(crate) act: Option<Value>,
    /// Who may (RFC 8693 section 4.4).
    pub(crate) may_act: Option<Value>,
}

impl Shared {
    pub(super) fn new(mut parts: Parts) -> Result<Self, ConfigError> {
        let minter = TokenMinter::with_keys(&parts.issuer, &parts.algorithms, parts.clock.clone())?;
        let clients = std::mem::take(&mut parts.clients).into_iter().map(|(id, client)| (id, Arc::new(client)));
        Ok(Self {
            quirks: Quirks::default(),
            replay: Replay::default(),
            proofs: ProofChecker::new(Nonces::new(parts.policy.dpop_nonce)),
            clients: Mutex::new(clients.collect()),
            refresh: Mutex::new(parts.refresh),
            consent: Mutex::new(parts.consent.clone()),
            minter,
            faults: FaultPlan::default(),
            recorder: Recorder::default(),
            exchanges: Mutex::default(),
            metadata: Mutex::new(std::mem::take(&mut parts.metadata)),
            grants: Mutex::default(),
            mtls: Mutex::default(),
            listening: Mutex::default(),
            parts,
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    /// The client `id`.
    pub(super) fn client(&self, id: &str) -> Option<Arc<TestClient>> {
        self.clients().get(id).cloned()
    }

    pub(super) fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Arc<TestClient>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn consent(&self) -> Consent {
        self.consent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_consent(&self, consent: Consent) {
        *self.consent.lock().unwrap_or_else(PoisonError::into_inner) = consent;
    }

    pub(super) fn script_exchange(&self, json: String) {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push_back(json);
    }

    /// The scripted answer to a token exchange, if there is one.
    pub(super) fn next_exchange(&self) -> Option<String> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// What is otherwise in the metadata.
    pub(super) fn metadata_changes(&self) -> BTreeMap<String, Option<String>> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change_metadata(&self, member: String, json: Option<String>) {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner).insert(member, json);
    }

    /// The trusted issuer `iss`.
    pub(super) fn trusted(&self, iss: &str) -> Option<&TokenMinter> {
        self.parts.policy.trusted.iter().find(|minter| minter.issuer() == iss)
    }

    pub(super) fn refresh_policy(&self) -> RefreshPolicy {
        *self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_refresh_policy(&self, policy: RefreshPolicy) {
        *self.refresh.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    pub(super) fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The URL under which the endpoints are, without a slash at its end.
    pub(super) fn base(&self) -> String {
        match self.listening().as_deref() {
            Some(origin) => format!("{origin}{}", self.parts.path),
            None => self.parts.issuer.trim_end_matches('/').to_owned(),
        }
    }

    pub(super) fn registers(&self) -> bool {
        !matches!(self.parts.policy.registration, Registration::Nobody)
    }

    /// The URLs of `path` at this server.
    pub(super) fn urls_of(&self, path: &str) -> Vec<String> {
        let base = self.base();
        let origin = base.strip_suffix(self.parts.path.as_str()).unwrap_or(&base).to_owned();
        [Some(origin), self.mtls_origin()].into_iter().flatten().map(|origin| format!("{origin}{path}")).collect()
    }

    /// Where it listens for clients with certificates.
    pub(super) fn mtls_origin(&self) -> Option<String> {
        self.mtls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It listens for clients with certificates at `origin`; if that is all, it is where it listens.
    #[cfg(feature = "tls")]
    pub(super) fn listen_mtls_at(&self, origin: String) {
        let is_first = self.listening().is_none();
        if is_first {
            self.listen_at(origin.clone());
        }
        *self.mtls.lock().unwrap_or_else(PoisonError::into_inner) = Some(origin);
    }

    pub(super) fn listen_at(&self, origin: String) {
        if !self.parts.issuer_is_given {
            self.minter.set_issuer(format!("{origin}{}", self.parts.path));
        }
        *self.listening() = Some(origin);
    }

    /// Whether `uri` is at this server.
    pub(super) fn is_own(&self, uri: &Uri) -> bool {
        let origin = |uri: &Uri| Some((uri.scheme()?.clone(), uri.authority()?.as_str().to_ascii_lowercase()));
        let asked = origin(uri);
        let own = [self.parts.issuer.clone(), self.base()];
        asked.is_some() && own.iter().filter_map(|own| own.parse().ok()).any(|own| origin(&own) == asked)
    }

    /// The endpoint at `path`.
    pub(super) fn endpoint(&self, path: &str) -> Endpoint {
        let issuer = &self.parts.path;
        // RFC 8414 section 3 puts the well-known part before the issuer's path, OpenID Discovery section 4 behind it.
        let inserted = |name: &str| path.strip_prefix(name).is_some_and(|rest| rest == issuer);
        let (appended_only, inserted_only) =
            (self.quirks.has(Quirk::OpenIdMetadataOnly), self.quirks.has(Quirk::InsertedOpenIdMetadataOnly));
        if inserted("/.well-known/oauth-authorization-server") {
            return if appended_only || inserted_only { Endpoint::Unknown } else { Endpoint::OAuthMetadata };
        }
        if inserted_only && inserted("/.well-known/openid-configuration") {
            return Endpoint::OpenIdMetadata;
        }
        match path.strip_prefix(issuer.as_str()) {
            Some("/token") => Endpoint::Token,
            Some("/jwks") => Endpoint::Jwks,
            Some("/introspect") => Endpoint::Introspection,
            Some("/revoke") => Endpoint::Revocation,
            Some("/authorize") => Endpoint::Authorization,
            Some("/par") => Endpoint::PushedAuthorization,
            Some("/device") => Endpoint::DeviceAuthorization,
            Some("/api/me") if self.parts.policy.account_api => Endpoint::Resource,
            Some("/activate") => Endpoint::Activation,
            Some("/register") if self.registers() => Endpoint::Registration,
            Some("/.well-known/openid-configuration") if !inserted_only => Endpoint::OpenIdMetadata,
            _ => Endpoint::Unknown,
        }
    }

    /// What `token` is worth now: one that this server issued, or that its minter signed.
    pub(crate) fn standing(&self, token: &str) -> Standing {
        if let Some(grant) = self.grants().access(token) {
            return if grant.is_active(self.clock().wall()) {
                let basis = &grant.basis;
                Standing::Active(Box::new(Worth {
                    subject: basis.subject.clone(),
                    scope: basis.scope.clone(),
                    audience: basis.audience.clone(),
                    binding: basis.binding.clone(),
                    authentication: basis.authentication.clone(),
                    act: basis.act.clone(),
                    may_act: None,
                }))
            } else {
                Standing::Inactive
            };
        }
        self.minted(token).unwrap_or(Standing::Inactive)
    }

    /// A token that was signed by hand; it cannot be revoked.
    fn minted(&self, token: &str) -> Option<Standing> {
        let keys = JwkSet::parse(self.minter.jwks().as_bytes()).ok()?;
        let mut buffer = Vec::new();
        let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).ok()?;
        let header = jws.header();
        keys.candidates(header.kid.as_deref(), header.alg).find(|key| jws.verify(key).is_ok())?;
        let claims = jws.claims().ok()?;
        let now = seconds(self.clock().wall());
        let in_time = claims.exp?.since_epoch().as_secs() > now
            && claims.nbf.is_none_or(|start| start.since_epoch().as_secs() <= now);
        let ours = claims.iss.as_deref() == Some(self.minter.issuer().as_str());
        if !in_time || !ours || !header.typ_is("at+jwt") {
            return None;
        }
        let words = |text: Option<tower_auth_core::jose::StringOrList<'_>>| -> Vec<String> {
            text.map(|text| text.iter().map(str::to_owned).collect()).unwrap_or_default()
        };
        let more: BTreeMap<String, Value> = serde_json::from_slice(claims.raw).ok()?;
        let acr = more.get("acr").and_then(Value::as_str).map(str::to_owned);
        let time = more.get("auth_time").and_then(Value::as_u64);
        let confirmation = claims.cnf.unwrap_or_default();
        if confirmation.has_unknown {
            return None;
        }
        Some(Standing::Active(Box::new(Worth {
            subject: claims.sub?.into_owned(),
            scope: ScopeSet::parse_lenient(&words(claims.scope).join(" "), ' '),
            audience: words(claims.aud),
            binding: Binding {
                jkt: confirmation.jkt.map(Cow::into_owned),
                x5t: confirmation.x5t_s256.map(Cow::into_owned),
            },
            authentication: time.map(|time| Authentication { acr, time }),
            act: more.get("act").cloned(),
            may_act: more.get("may_act").cloned(),
        })))
    }

    fn listening(&self) -> MutexGuard<'_, Option<String>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
