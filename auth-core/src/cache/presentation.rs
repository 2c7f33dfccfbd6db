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
}

impl Presentation {
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
