#[cfg(feature = "provider")]
use std::sync::Arc;

use http::HeaderMap;

#[cfg(feature = "provider")]
use crate::TokenResponse;
use crate::credential::{Credential, Placement};
use crate::{ConfigError, Token};
#[cfg(feature = "dpop")]
use crate::{ConfigErrorKind, DpopKey, TokenKind};

/// How a cache's tokens go on requests.
#[derive(Default)]
pub(super) struct Presentation {
    pub(super) placement: Placement,
    #[cfg(feature = "dpop")]
    pub(super) key: Option<DpopKey>,
    #[cfg(feature = "dpop")]
    pub(super) allows_bearer: bool,
    /// What makes the credential in place of the placement.
    #[cfg(feature = "provider")]
    pub(super) by: Option<Arc<Present>>,
}

/// Makes the credential of a response.
#[cfg(feature = "provider")]
pub(crate) type Present = dyn Fn(&TokenResponse) -> Result<Credential, ConfigError> + Send + Sync;

impl Presentation {
    /// The credential that `response`, whose token is `token`, makes.
    #[cfg(feature = "provider")]
    pub(super) fn of_response(&self, response: &TokenResponse, token: &Token) -> Result<Credential, ConfigError> {
        match &self.by {
            Some(by) => by(response),
            None => self.credential(token),
        }
    }

    /// Whether `headers` has one of the headers that every credential of this cache sets, as far as that is known without one.
    pub(super) fn is_present_in(&self, headers: &HeaderMap) -> bool {
        #[cfg(feature = "provider")]
        if self.by.is_some() {
            return false;
        }
        self.placement.is_present_in(headers)
    }

    /// The credential that `token` makes.
    pub(super) fn credential(&self, token: &Token) -> Result<Credential, ConfigError> {
        #[cfg(feature = "dpop")]
        if let Some(key) = &self.key {
            match token.kind() {
                TokenKind::Dpop => return Credential::dpop(token, key),
                TokenKind::Bearer if self.allows_bearer => {}
                TokenKind::Bearer => {
                    return Err(ConfigError::new(
                        ConfigErrorKind::InvalidCredential,
                        "the cache has a DPoP key and the token is a Bearer token, which whoever steals it can use; \
                         `TokenCacheBuilder::allow_bearer` accepts it all the same",
                    ));
                }
            }
        }
        Credential::from_token(token, &self.placement)
    }
}
