use std::fmt;
use std::sync::{Arc, Weak};

use tower_auth_core::{
    Connection, Credential, SourceRequest, TokenCache, TokenCacheBuilder, TokenError, TokenErrorKind, TokenResponse,
    TokenSource,
};

use super::CredentialStore;
use super::live::Slot;
use super::store::Inner;
use crate::error::{StoreError, StoreErrorKind};
use crate::model::{CredentialId, Owner};

/// Which credential, and who asks for it: the key of the store's caches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CredentialKey {
    /// Who asks. A credential of somebody else is unknown to them.
    pub owner: Owner,
    /// The credential.
    pub id: CredentialId,
}

impl CredentialKey {
    /// The credential `id`, asked for by `owner`.
    #[must_use]
    pub fn new(owner: Owner, id: CredentialId) -> Self {
        Self { owner, id }
    }
}

/// A stored credential as a source of tokens: each is renewed by one process of the fleet, and made durable before anybody uses it.
///
/// [`CredentialStore::tokens`] has it in a cache already, which is what layers want.
#[derive(Clone)]
pub struct StoredCredential {
    store: Weak<Inner>,
    key: Arc<CredentialKey>,
    slot: Slot,
}

impl StoredCredential {
    pub(super) fn new(store: Weak<Inner>, key: CredentialKey, slot: Slot) -> Self {
        Self { store, key: Arc::new(key), slot }
    }

    /// Which credential it is, and whose.
    #[must_use]
    pub fn key(&self) -> &CredentialKey {
        &self.key
    }

    /// The connection behind it: where the API is, and what its answers mean. Its own tokens are not in use; those of the store are.
    ///
    /// It never has the refresh token, which the store alone spends. So its [`secondary`](Connection::secondary) tokens, which are had by the same one, cannot be had
    /// from it.
    ///
    /// # Errors
    /// As [`CredentialStore::get`], and when the credential cannot be used.
    pub async fn connection(&self) -> Result<Connection, StoreError> {
        let store = self.store.upgrade().ok_or_else(StoreError::closed)?;
        let row = store.row(&self.key.owner, self.key.id, "use").await?;
        Ok(store.enliven(&self.key.owner, &row, &self.slot).await?.connection.clone())
    }

    /// What goes on requests for a response of this source.
    pub(super) fn present(&self, response: &TokenResponse) -> Result<Credential, tower_auth_core::ConfigError> {
        match self.slot.get() {
            Some(live) => live.connection.credential_of(response),
            None => Credential::from_token(response.token(), &tower_auth_core::Placement::default()),
        }
    }

    /// A cache of its tokens, to be configured, that puts them on requests as the description of its connector says.
    ///
    /// A cache that was made of the source alone has the tokens, and nothing for requests: of a credential that never changes it has a mere stand-in.
    pub fn cache_builder(&self) -> TokenCacheBuilder {
        let presenter = self.clone();
        TokenCache::builder(self.clone()).present(move |response| presenter.present(response))
    }
}

impl TokenSource for StoredCredential {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        let Some(store) = self.store.upgrade() else {
            return Err(TokenError::new(TokenErrorKind::Closed, "the credential store is gone"));
        };
        let outcome = store.obtain(&self.key, &self.slot, &request).await;
        if outcome.as_ref().is_err_and(ends) {
            // Asked ahead of time the cache would go on with what it has, and a key that never ends for ever.
            store.forget(&self.key.owner, self.key.id);
        }
        // Of a store that was closed the database says only that it cannot be asked.
        let is_lost = |error: &StoreError| matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Broken);
        let named = |error| if store.tasks.is_closed() && is_lost(&error) { StoreError::closed() } else { error };
        outcome.map_err(|error| named(error).into_token_error())
    }
}

impl CredentialStore {
    /// The tokens of a credential in a cache: lock-free while they live, and one cache for whoever asks for the same credential as the same owner. It
    /// asks nobody before it is used; a credential that is not there, or not the owner's, is an error of its first use.
    ///
    /// Give it to a layer as [`RequestCredentials`](https://docs.rs/tower-auth), or let the layer select it.
    ///
    /// # Errors
    /// Never for want of a credential; see above.
    pub fn tokens(&self, owner: &Owner, id: CredentialId) -> Result<TokenCache, StoreError> {
        self.tokens_of(&CredentialKey::new(owner.clone(), id))
    }

    /// The same by a key, which costs no allocation while the cache is there.
    ///
    /// # Errors
    /// As [`tokens`](Self::tokens).
    pub fn tokens_of(&self, key: &CredentialKey) -> Result<TokenCache, StoreError> {
        self.0.note_use(key.id);
        self.0.caches.get(key).map_err(|error| {
            StoreError::new(StoreErrorKind::Broken, "the cache of a credential cannot be made").with_source(error)
        })
    }

    /// A source of the credential's tokens, for a cache of one's own: see [`StoredCredential::cache_builder`]. News of other processes reach the
    /// [store's own](Self::tokens) cache alone; this one asks when its token is due.
    #[must_use]
    pub fn stored(&self, owner: &Owner, id: CredentialId) -> StoredCredential {
        StoredCredential::new(Arc::downgrade(&self.0), CredentialKey::new(owner.clone(), id), Slot::default())
    }
}

/// Whether nothing of the credential serves any more, which the database said.
fn ends(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::NotFound
            | StoreErrorKind::Revoked
            | StoreErrorKind::NeedsReauth
            | StoreErrorKind::ExpiredManual
            | StoreErrorKind::Pending
            | StoreErrorKind::Damaged
    )
}

impl fmt::Debug for StoredCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCredential").field("id", &self.key.id).finish_non_exhaustive()
    }
}
