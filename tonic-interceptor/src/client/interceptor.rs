use std::fmt;

use tonic::service::Interceptor;
use tonic::{Request, Status};
use tower_auth::SkipAuth;
use tower_auth_core::{ConfigError, ConfigErrorKind, Origin, TokenCache, TokenReader};

use super::status::code_of;

/// A client interceptor that puts the current token of a cache on each call.
///
/// An interceptor cannot wait and sees no response. On a cache without a token it starts the fetch and ends the call with
/// UNAVAILABLE: await [`TokenCache::ready`] before the first call. A refused token is used until it is renewed ahead of its
/// expiry. Where there is a choice take [`GrpcAuthLayer`](crate::GrpcAuthLayer).
///
/// ```
/// use tonic::service::Interceptor;
/// use tower_auth_tonic::TokenInterceptor;
/// use tower_auth_tonic::core::{StaticToken, Token, TokenCache};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let tokens = TokenCache::new(StaticToken::new(Token::new("abc")?));
/// tokens.ready().await?;
///
/// let mut interceptor = TokenInterceptor::new(&tokens, "https://api.example.com")?;
/// let request = interceptor.call(tonic::Request::new(()))?;
/// assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// A call that has the header already keeps its own; one with [`SkipAuth`] among its extensions gets none.
///
/// # Security
/// An interceptor does not see where a call goes. It is made for one origin, whose scheme is checked here, and must stand in
/// front of that one only.
#[derive(Clone)]
pub struct TokenInterceptor {
    reader: TokenReader,
    origin: Origin,
}

impl TokenInterceptor {
    /// An interceptor for calls to `origin`, `scheme://host[:port]`.
    ///
    /// # Errors
    /// When `origin` is not one, or is plain `http` and not a literal loopback address.
    pub fn new<O>(tokens: &TokenCache, origin: O) -> Result<Self, ConfigError>
    where
        O: TryInto<Origin, Error: Into<ConfigError>>,
    {
        let origin: Origin = origin.try_into().map_err(Into::into)?;
        if !origin.is_https() && !origin.is_loopback() {
            return Err(ConfigError::new(
                ConfigErrorKind::InsecureUrl,
                format!(
                    "credentials for {origin} would travel unencrypted; use https, or `TokenInterceptor::insecure_plaintext` \
                     where something below encrypts"
                ),
            ));
        }
        Ok(Self { reader: tokens.reader(), origin })
    }

    /// As [`new`](Self::new), but `origin` may be plain `http`: for a service mesh that encrypts below.
    ///
    /// # Security
    /// Without such a mesh everybody on the way can read the credential.
    ///
    /// # Errors
    /// When `origin` is not one.
    pub fn insecure_plaintext<O>(tokens: &TokenCache, origin: O) -> Result<Self, ConfigError>
    where
        O: TryInto<Origin, Error: Into<ConfigError>>,
    {
        let origin: Origin = origin.try_into().map_err(Into::into)?;
        if !origin.is_https() && !origin.is_loopback() {
            tracing::warn!(%origin, "credentials for this origin travel by plain http");
        }
        Ok(Self { reader: tokens.reader(), origin })
    }

    /// Starts the fetch and says how the call ends.
    fn without_token(&self) -> Status {
        let cache = self.reader.cache();
        cache.prefetch();
        let failure = cache.status().last_failure;
        let why = failure.map_or_else(
            || "there is no token yet; await `TokenCache::ready()` before the first call".to_owned(),
            |kind| format!("no token could be had [{}]; `TokenCache::ready()` tells more", kind.code()),
        );
        Status::new(code_of(failure), format!("the call was not sent because {why}"))
    }
}

impl Interceptor for TokenInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if request.extensions().get::<SkipAuth>().is_some() {
            return Ok(request);
        }
        let headers = request.metadata_mut().as_mut();
        let attached = self.reader.with_current(|credential, _| {
            // The caller's own wins.
            credential.is_present_in(headers) || credential.apply_to_headers(headers)
        });
        match attached {
            Some(true) => Ok(request),
            Some(false) => Err(Status::unauthenticated(
                "the call was not sent because its credential needs more than metadata; use `GrpcAuthLayer`",
            )),
            None if self.reader.is_present_in(headers) => Ok(request),
            None => Err(self.without_token()),
        }
    }
}

impl fmt::Debug for TokenInterceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenInterceptor").field("origin", &self.origin).field("reader", &self.reader).finish()
    }
}
