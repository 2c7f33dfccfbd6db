use tower_auth_core::{Credential, TokenCache, TokenReader};

/// What an [`AuthLayer`](super::AuthLayer) puts on requests: the tokens of a cache, or a credential that never changes.
///
/// ```
/// use tower_auth::Credentials;
/// use tower_auth::core::{Basic, Credential, StaticToken, Token, TokenCache};
///
/// let fixed = Credentials::from(Credential::basic(&Basic::new("batch", "s3cret")?)?);
/// let renewed = Credentials::from(TokenCache::new(StaticToken::new(Token::new("abc")?)));
/// # Ok::<(), tower_auth::core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Credentials(pub(super) Source);

#[derive(Clone, Debug)]
pub(super) enum Source {
    Static(Credential),
    Cached(TokenReader),
}

impl From<TokenCache> for Credentials {
    fn from(cache: TokenCache) -> Self {
        Self(Source::Cached(cache.reader()))
    }
}

impl From<&TokenCache> for Credentials {
    fn from(cache: &TokenCache) -> Self {
        Self(Source::Cached(cache.reader()))
    }
}

impl From<Credential> for Credentials {
    fn from(credential: Credential) -> Self {
        Self(Source::Static(credential))
    }
}
