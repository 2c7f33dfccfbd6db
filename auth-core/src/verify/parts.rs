use std::sync::Arc;

use super::api_key::{ApiKeys, Place};
use super::basic::BasicUsers;
use super::binding::Binding;
use super::incoming::{Accepted, CredentialText};
#[cfg(feature = "introspection")]
use super::introspection::Introspection;
#[cfg(feature = "jwt")]
use super::jwt::Issuers;
use super::rejection::{Challenges, Fault, RejectionBody, RejectionKind, Scheme};
use super::step::Step;
use crate::error::{ConfigError, ConfigErrorKind};

/// What a verifier is made of: who checks which kind of credential.
#[derive(Clone)]
pub(super) struct Parts {
    #[cfg(feature = "jwt")]
    pub(super) jwt: Issuers,
    #[cfg(feature = "introspection")]
    pub(super) opaque: Introspection,
    pub(super) basic: Option<Arc<BasicUsers>>,
    pub(super) api_key: Option<Arc<ApiKeys>>,
    pub(super) binding: Binding,
    pub(super) challenges: Arc<Challenges>,
    /// What stands in refusals, if that was said.
    pub(super) body: Option<RejectionBody>,
}

pub(super) const NO_CREDENTIAL: &str = "the request has no credential of an accepted kind";

impl Parts {
    /// Nothing but what to say when there is nothing.
    pub(super) fn new(challenges: Challenges) -> Self {
        Self {
            #[cfg(feature = "jwt")]
            jwt: Issuers::default(),
            #[cfg(feature = "introspection")]
            opaque: Introspection::default(),
            basic: None,
            api_key: None,
            binding: Binding::default(),
            challenges: Arc::new(challenges),
            body: None,
        }
    }

    /// Takes in what `other` accepts.
    ///
    /// # Errors
    /// When both are responsible for the same.
    pub(super) fn merge(&mut self, other: &Self) -> Result<(), ConfigError> {
        let twice =
            |what: &str| Err(ConfigError::new(ConfigErrorKind::InvalidOption, format!("{what}: make one of them")));
        #[cfg(feature = "jwt")]
        self.jwt.merge(&other.jwt)?;
        #[cfg(feature = "introspection")]
        self.opaque.merge(&other.opaque)?;
        if self.basic.is_some() && other.basic.is_some() {
            return twice("there are two lists of users");
        }
        if self.api_key.is_some() && other.api_key.is_some() {
            return twice("there are two lists of API keys");
        }
        self.basic = self.basic.take().or_else(|| other.basic.clone());
        self.api_key = self.api_key.take().or_else(|| other.api_key.clone());
        self.binding.merge(&other.binding)?;
        Arc::make_mut(&mut self.challenges).merge(&other.challenges);
        self.body = self.body.or(other.body);
        Ok(())
    }

    /// Where a credential is looked for.
    pub(super) fn accepted(&self) -> Accepted<'_> {
        let place = self.api_key.as_ref().map(|keys| keys.place());
        Accepted {
            bearer: self.takes_tokens(),
            dpop: self.binding.accepts_proofs(),
            basic: self.basic.is_some(),
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

    /// Checks a credential by whoever is responsible for its kind.
    pub(super) fn check(&self, credential: &CredentialText<'_>) -> Step {
        let missing = || Step::from(Fault::new(RejectionKind::MissingCredential, NO_CREDENTIAL));
        match credential.scheme {
            Scheme::Bearer | Scheme::Dpop => self.check_token(credential.text).unwrap_or_else(missing),
            Scheme::Basic => self.basic.as_ref().map_or_else(missing, |users| users.verify(credential.text)),
            Scheme::ApiKey => self.api_key.as_ref().map_or_else(missing, |keys| keys.verify(credential.text)),
        }
    }

    #[allow(clippy::needless_return, unreachable_code, reason = "which checks there are depends on the features")]
    fn takes_tokens(&self) -> bool {
        #[cfg(feature = "introspection")]
        return !self.jwt.is_empty() || !self.opaque.is_empty();
        #[cfg(feature = "jwt")]
        return !self.jwt.is_empty();
        false
    }

    /// A JWT of an issuer that is known here is that issuer's business alone. Whatever else comes is asked about, if there is
    /// somebody to ask. `None` if no token is accepted.
    fn check_token(&self, token: &str) -> Option<Step> {
        #[cfg(feature = "introspection")]
        if !self.opaque.is_empty() && (self.jwt.is_empty() || !self.jwt.is_of_known_issuer(token)) {
            return Some(self.opaque.verify(token));
        }
        #[cfg(feature = "jwt")]
        if !self.jwt.is_empty() {
            return Some(self.jwt.verify(token));
        }
        let _ = token;
        None
    }
}
