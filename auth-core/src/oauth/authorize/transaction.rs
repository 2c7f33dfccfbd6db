use std::fmt;
use std::time::SystemTime;

use super::{AuthorizationError, IssuerParameter, ReturnTo, pkce, record};
use crate::{ScopeSet, Secret};

/// An authorization that waits for its user: what was sent, to be compared with what comes back.
///
/// [`finish`](Self::finish) takes it, so that it can be used once only. A service keeps it in a
/// [`TransactionStore`](super::TransactionStore) while the user is away; a program that waits itself keeps it in a variable.
///
/// `Debug` shows neither `state` nor the proof key.
pub struct AuthorizationTransaction(pub(super) Box<Details>);

pub(super) struct Details {
    pub(super) client_id: String,
    pub(super) issuer: Option<String>,
    /// Without its query.
    pub(super) token_endpoint: String,
    pub(super) issuer_parameter: IssuerParameter,
    pub(super) redirect_uri: String,
    pub(super) state: Secret,
    pub(super) verifier: Option<Secret>,
    pub(super) scope: ScopeSet,
    pub(super) resources: Vec<String>,
    pub(super) return_to: Option<ReturnTo>,
    pub(super) binding: Option<Secret>,
    pub(super) dpop_jkt: Option<String>,
    pub(super) created: SystemTime,
    pub(super) expires: SystemTime,
}

impl AuthorizationTransaction {
    pub(super) fn new(details: Details) -> Self {
        Self(Box::new(details))
    }

    /// The name under which it is kept: a digest of its `state`, so that the name tells nobody the state, and a search takes no time
    /// that does. The callback has the same [key](super::AuthorizationCallback::key).
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.0.state)
    }

    /// The client that began it.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// The issuer of the authorization server, if it is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }

    /// Where the answer must arrive.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.0.redirect_uri
    }

    /// The scopes that were asked for.
    #[must_use]
    pub fn scope(&self) -> &ScopeSet {
        &self.0.scope
    }

    /// Where the user goes afterwards.
    #[must_use]
    pub fn return_to(&self) -> Option<&ReturnTo> {
        self.0.return_to.as_ref()
    }

    /// When it was begun.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.0.created
    }

    /// From when on it is refused.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.0.expires
    }

    /// Everything, as a JSON text for a store.
    ///
    /// # Security
    /// The text holds `state` and the proof key: a store encrypts it, or is as safe as the session it belongs to. Not for a
    /// cookie unless that is encrypted.
    #[must_use]
    pub fn to_secret_json(&self) -> Secret {
        record::write(&self.0)
    }

    /// A transaction that [`to_secret_json`](Self::to_secret_json) wrote, in this version or an earlier one.
    ///
    /// # Errors
    /// When the text is anything else. The error does not repeat it.
    pub fn from_secret_json(json: &Secret) -> Result<Self, AuthorizationError> {
        record::read(json).map(Self::new)
    }
}

/// The name under which the transaction with `state` is kept.
pub(super) fn key(state: &Secret) -> String {
    pkce::sha256(state.expose_secret())
}

impl fmt::Debug for AuthorizationTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &*self.0;
        f.debug_struct("AuthorizationTransaction")
            .field("client_id", &details.client_id)
            .field("issuer", &details.issuer)
            .field("token_endpoint", &details.token_endpoint)
            .field("redirect_uri", &details.redirect_uri)
            .field("scope", &details.scope)
            .field("expires", &details.expires)
            .finish_non_exhaustive()
    }
}
