use std::future::Future;
use std::pin::Pin;

use super::SourceRequest;
use crate::{Token, TokenError, TokenResponse};

/// Anything that can obtain a token: a grant, a file, a closure, another cache.
///
/// A closure from [`SourceRequest`] to a future is a source:
///
/// ```
/// use std::time::Duration;
/// use tower_auth_core::{SourceRequest, Token, TokenCache, TokenError, TokenErrorKind, TokenResponse};
///
/// let cache = TokenCache::new(|_: SourceRequest| async {
///     let token = Token::new("from-somewhere")
///         .map_err(|error| TokenError::new(TokenErrorKind::Unparsable, "no usable token").with_source(error))?;
///     Ok(TokenResponse::new(token).expires_in(Duration::from_secs(600)))
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of tokens",
    note = "a source implements `TokenSource`, or is a closure `|request: SourceRequest| async {{ … }}` that returns \
            `Result<TokenResponse, TokenError>` and can be sent between threads"
)]
pub trait TokenSource: Send + Sync + 'static {
    /// Obtains a token.
    ///
    /// A [`TokenCache`](crate::TokenCache) calls this from a task of its own, one call at a time. It drops the future only
    /// when the deadline of `request` passes or the runtime shuts down, never because a caller went away.
    fn fetch(&self, request: SourceRequest) -> impl Future<Output = Result<TokenResponse, TokenError>> + Send;
}

impl<F, Fut> TokenSource for F
where
    F: Fn(SourceRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<TokenResponse, TokenError>> + Send,
{
    fn fetch(&self, request: SourceRequest) -> impl Future<Output = Result<TokenResponse, TokenError>> + Send {
        self(request)
    }
}

/// A token that never changes. To send a fixed credential without a cache, give the layer a
/// [`Credential`](crate::Credential) instead.
#[derive(Clone, Debug)]
pub struct StaticToken(Token);

impl StaticToken {
    /// A source that always answers `token`.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self(token)
    }
}

impl TokenSource for StaticToken {
    async fn fetch(&self, _: SourceRequest) -> Result<TokenResponse, TokenError> {
        Ok(TokenResponse::new(self.0.clone()))
    }
}

type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<TokenResponse, TokenError>> + Send + 'a>>;

/// [`TokenSource`] with its type erased, off the hot path.
pub(crate) trait ErasedSource: Send + Sync {
    fn fetch_boxed(&self, request: SourceRequest) -> FetchFuture<'_>;
}

impl<S: TokenSource> ErasedSource for S {
    fn fetch_boxed(&self, request: SourceRequest) -> FetchFuture<'_> {
        Box::pin(self.fetch(request))
    }
}
