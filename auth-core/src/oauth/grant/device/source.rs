use std::fmt;
use std::sync::Arc;

use crate::oauth::grant::received::{FirstResponse, Received};
use crate::oauth::grant::renewal::Renewal;
use crate::oauth::grant::terms::Agreed;
use crate::{SourceRequest, TokenCacheBuilder, TokenError, TokenResponse, TokenSource};

/// Gives the tokens of a device login, and later those of its refresh token: a source for a [`TokenCache`](crate::TokenCache).
/// Made by [`DeviceLogin::keep_alive`](super::DeviceLogin::keep_alive).
///
/// Without a refresh token the access token serves to its end; then a [`Refused`](crate::TokenErrorKind::Refused) error says that
/// access must be granted again.
///
/// # Clone
/// Clones share everything, the newest refresh token included.
#[derive(Clone)]
pub struct DeviceCodeSource(Arc<Renewal<FirstResponse>>);

impl DeviceCodeSource {
    pub(super) fn new(agreed: Agreed, response: TokenResponse) -> Self {
        let clock = agreed.client.clock();
        let first = FirstResponse::new(Received::new(response, &clock), clock);
        Self(Arc::new(Renewal::new(agreed, first)))
    }

    /// Describes a cache over this source: named after the host of the token endpoint, on the client's clock, and with the client's
    /// DPoP key if it has one.
    pub fn cache_builder(&self) -> TokenCacheBuilder {
        self.0.client().cache_builder(self.clone())
    }
}

impl TokenSource for DeviceCodeSource {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        self.0.fetch(&request).await
    }
}

impl fmt::Debug for DeviceCodeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCodeSource").field("client", self.0.client()).finish_non_exhaustive()
    }
}
