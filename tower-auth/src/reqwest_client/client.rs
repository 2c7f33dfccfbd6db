use std::future::Future;
use std::pin::Pin;

use http::Extensions;
use reqwest::redirect;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use tower_auth_core::{ConfigError, ConfigErrorKind};

use super::exchange::exchange;
use crate::AuthLayer;

/// # reqwest
impl AuthLayer {
    /// A reqwest client behind this layer: `.get(url).send()`, `.post(url).json(&value).send()` and the rest stay as they are, and it
    /// is a `tower_service::Service<reqwest::Request>` too.
    ///
    /// ```no_run
    /// use tower_auth::AuthLayer;
    /// use tower_auth::core::{EnvToken, TokenCache};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = TokenCache::new(EnvToken::new("API_TOKEN"));
    /// let client = AuthLayer::new(tokens, ["https://api.example.com"])?.reqwest(reqwest::Client::builder())?;
    ///
    /// let response = client.post("https://api.example.com/orders").json(&["a book"]).send().await?;
    /// println!("{}", response.error_for_status()?.text().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What it changes
    /// - **Redirects are not followed**, whatever `client` says: the 3xx goes to the caller. reqwest would take a credential in a header of
    ///   its own, such as an API key, along to another host.
    /// - TLS, proxies, timeouts, retries and cookies are `client`'s business. A timeout of the client or of a request counts for each of
    ///   the at most two sends; waiting for a token has the limits of the cache.
    /// - Headers set by `ClientBuilder::default_headers` are added last, so that an `Authorization` among them loses against the
    ///   layer's credential, and goes to every other host.
    ///
    /// # Bodies
    /// A body from a string, bytes, JSON or a form is sent again after a refusal. A stream is if it was read to its end within the
    /// [limit](Self::replay_limit) when the refusal arrived.
    ///
    /// # Extensions
    /// [`SkipAuth`](crate::SkipAuth), [`RequestCredentials`](crate::RequestCredentials) and whatever a [selection](Self::select) looks at are
    /// given with the request builder's `with_extension`. [`NotRecovered`](crate::NotRecovered) is in the response's `extensions()`.
    ///
    /// # Other middlewares
    /// One that is added to the returned client, through `ClientBuilder::from_client`, sees every single send, with its credential. One
    /// that is to see a call as a whole, such as one that retries, is given to [`reqwest_with`](Self::reqwest_with).
    ///
    /// # Errors
    /// When reqwest cannot build the client, for example because its TLS has no trust roots.
    ///
    /// The errors of requests are reqwest's own, or `reqwest_middleware::Error::Middleware` with an [`AuthError`](crate::AuthError) to be
    /// downcast if the request was not sent:
    ///
    /// ```
    /// use tower_auth::AuthError;
    ///
    /// fn is_worth_a_retry(error: &reqwest_middleware::Error) -> bool {
    ///     match error {
    ///         reqwest_middleware::Error::Middleware(error) => {
    ///             let error = error.downcast_ref::<AuthError>();
    ///             error.and_then(AuthError::token_error).is_some_and(|error| error.is_transient())
    ///         }
    ///         reqwest_middleware::Error::Reqwest(error) => error.is_connect(),
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// Only where `reqwest::ClientBuilder::build` does: with reqwest's `rustls-no-provider` and without a provider.
    ///
    /// # Cancel safety
    /// Dropping the future of a request cancels the request, never a token refresh.
    ///
    /// # Security
    /// The client inside, which `as_ref()` shows, sends without credentials. reqwest reads proxies from the environment: a request by
    /// plain `http` to a loopback address then passes the proxy, unless `NO_PROXY` or `ClientBuilder::no_proxy` says otherwise. An API key in
    /// the query is kept out of the errors and the URLs of responses, but middlewares below see it.
    pub fn reqwest(self, client: reqwest::ClientBuilder) -> Result<ClientWithMiddleware, ConfigError> {
        self.reqwest_with(client, |above| above)
    }

    /// As [`reqwest`](Self::reqwest), with middlewares above the layer: what `above` adds sees each call once, without its credential, and
    /// calls the layer.
    ///
    /// ```
    /// use http::Extensions;
    /// use reqwest_middleware::{Middleware, Next};
    /// use tower_auth::AuthLayer;
    /// use tower_auth::core::Credential;
    ///
    /// # fn client(log_calls: impl Middleware) -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = AuthLayer::new(Credential::bearer("abc")?, ["https://api.example.com"])?;
    /// let client = layer.reqwest_with(reqwest::Client::builder(), |above| above.with(log_calls))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`reqwest`](Self::reqwest).
    pub fn reqwest_with(
        self,
        client: reqwest::ClientBuilder,
        above: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<ClientWithMiddleware, ConfigError> {
        let client = client.redirect(redirect::Policy::none()).build().map_err(|error| {
            ConfigError::new(ConfigErrorKind::InvalidOption, "reqwest cannot build its client").with_source(error)
        })?;
        Ok(above(ClientBuilder::new(client)).with(middleware(self)).build())
    }
}

pub(super) type Answer<'a> = Pin<Box<dyn Future<Output = reqwest_middleware::Result<reqwest::Response>> + Send + 'a>>;

/// The layer as a middleware.
fn middleware(layer: AuthLayer) -> impl Middleware {
    middleware_of(move |request, extensions, next| Box::pin(exchange(layer.clone(), request, extensions, next)))
}

/// Names the lifetimes, which a closure alone leaves unrelated.
pub(super) fn middleware_of<F>(function: F) -> impl Middleware
where
    F: for<'a> Fn(reqwest::Request, &'a mut Extensions, Next<'a>) -> Answer<'a> + Send + Sync + 'static,
{
    function
}
