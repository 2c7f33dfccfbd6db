use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use super::request::binding;
use super::transaction::key;
use super::{AuthorizationError, AuthorizationErrorKind, AuthorizationTransaction, TransactionStore};
use crate::Secret;
use crate::oauth::form;

/// The largest answer that is read, in bytes, and how many parameters it may have.
const MAX_BYTES: usize = 16 * 1024;
const MAX_PARAMS: usize = 64;

/// What came back to the redirect URI (RFC 6749 section 4.1.2), before it is believed.
///
/// `Debug` shows nothing of its parameters.
///
/// ```
/// use tower_auth_core::AuthorizationCallback;
///
/// let callback = AuthorizationCallback::from_query("code=SplxlOBeZQQYbYS6WxSbIA&state=xyz")?;
/// assert!(callback.param("code").is_some());
/// # Ok::<(), tower_auth_core::AuthorizationError>(())
/// ```
#[derive(Clone)]
pub struct AuthorizationCallback {
    params: BTreeMap<String, Secret>,
    /// The whole URI, if it is known.
    uri: Option<Secret>,
    /// The digest of the session in which it came.
    binding: Option<Secret>,
}

impl AuthorizationCallback {
    /// The answer in the query of a request to the redirect URI, or in the body of one (`response_mode=form_post`).
    ///
    /// # Errors
    /// [`InvalidCallback`](AuthorizationErrorKind::InvalidCallback): larger than 16 KiB, more than 64 parameters, one of them
    /// twice (RFC 6749 section 3.1), or a broken escape.
    pub fn from_query(query: &str) -> Result<Self, AuthorizationError> {
        Self::parse(query.strip_prefix('?').unwrap_or(query))
    }

    /// The answer in a whole URI, as a desktop hands it to the app that owns its scheme. It is compared with the redirect
    /// URI then (RFC 8252 section 8.10).
    ///
    /// # Errors
    /// Those of [`from_query`](Self::from_query).
    pub fn from_uri(uri: &str) -> Result<Self, AuthorizationError> {
        // Some servers append an empty fragment.
        let uri = uri.split_once('#').map_or(uri, |(uri, _)| uri);
        let query = uri.split_once('?').map_or("", |(_, query)| query);
        let mut callback = Self::parse(query)?;
        callback.uri = Some(uri.into());
        Ok(callback)
    }

    fn parse(query: &str) -> Result<Self, AuthorizationError> {
        if query.len() > MAX_BYTES {
            return Err(invalid("is larger than 16 KiB"));
        }
        let pairs = form::decode(query.as_bytes(), MAX_PARAMS)
            .ok_or_else(|| invalid("has a broken escape, or more than 64 parameters"))?;
        let mut params = BTreeMap::new();
        for (name, mut value) in pairs {
            match params.entry(name) {
                Entry::Occupied(_) => return Err(invalid("has a parameter twice")),
                Entry::Vacant(entry) => entry.insert(Secret::new(std::mem::take(&mut *value))),
            };
        }
        // Without a value is as if omitted (RFC 6749 section 3.1); twice is twice all the same.
        params.retain(|_, value| !value.is_empty());
        Ok(Self { params, uri: None, binding: None })
    }

    /// Says in which session the answer came: the same value as that of
    /// [`AuthorizationRequest::bound_to`](super::AuthorizationRequest::bound_to).
    #[must_use]
    pub fn bound_to(mut self, session: impl Into<Secret>) -> Self {
        self.binding = Some(binding(&session.into()));
        self
    }

    /// A parameter, decoded and not checked in any way.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&Secret> {
        self.params.get(name)
    }

    /// The [key](AuthorizationTransaction::key) of the transaction that this answers; `None` without a `state`.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.param("state").map(key)
    }

    /// Takes the transaction that this answers out of `store`.
    ///
    /// # Errors
    /// - [`StateMismatch`](AuthorizationErrorKind::StateMismatch): there is no `state`.
    /// - [`UnknownState`](AuthorizationErrorKind::UnknownState): no transaction with it is waiting.
    /// - [`StoreFailed`](AuthorizationErrorKind::StoreFailed): the store failed.
    pub async fn take_from(
        &self,
        store: &impl TransactionStore,
    ) -> Result<AuthorizationTransaction, AuthorizationError> {
        let Some(key) = self.key() else { return Err(no_state()) };
        match store.take(&key).await {
            Ok(Some(transaction)) => Ok(transaction),
            Ok(None) => Err(AuthorizationError::new(
                AuthorizationErrorKind::UnknownState,
                "no login waits for this answer: it was finished already or has expired; begin anew",
            )),
            Err(error) => {
                Err(AuthorizationError::new(AuthorizationErrorKind::StoreFailed, "the store of transactions failed")
                    .with_source(error))
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.param(name).map(Secret::expose_secret)
    }

    pub(super) fn uri(&self) -> Option<&str> {
        self.uri.as_ref().map(Secret::expose_secret)
    }

    pub(super) fn binding(&self) -> Option<&Secret> {
        self.binding.as_ref()
    }
}

pub(super) fn invalid(what: &str) -> AuthorizationError {
    AuthorizationError::new(AuthorizationErrorKind::InvalidCallback, format!("the authorization response {what}"))
}

pub(super) fn no_state() -> AuthorizationError {
    AuthorizationError::new(AuthorizationErrorKind::StateMismatch, "the authorization response has no state")
}

impl fmt::Debug for AuthorizationCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCallback").field("params", &self.params.len()).finish_non_exhaustive()
    }
}
