use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::listener::Listener;
use crate::clock::within;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::{
    AuthorizationCallback, AuthorizationCode, AuthorizationError, AuthorizationErrorKind, AuthorizationRequest,
    OAuthClient,
};
use crate::{BoxError, TokenResponse};

/// A login from a program on the user's own machine (RFC 8252): its browser is sent to the authorization server, and the answer
/// comes back to a port of a loopback address that is open for that long.
///
/// The browser is the user's own, so that the program never sees a password. The second argument of [`new`](Self::new) shows
/// the URL: [`open_system_browser`](super::open_system_browser), or a closure that prints it.
///
/// ```no_run
/// use tower_auth_core::{ClientAuth, NativeLogin, OAuthClient, open_system_browser};
///
/// # #[cfg(feature = "http")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = OAuthClient::builder("orders-cli")
///     .client_auth(ClientAuth::None)
///     .authorization_endpoint("https://login.example.com/authorize")
///     .token_endpoint("https://login.example.com/token")
///     .build()?;
/// let response = NativeLogin::new(&client, open_system_browser).scopes(["orders:read"]).login().await?;
/// # let _ = response;
/// # Ok(())
/// # }
/// ```
///
/// The redirect URI is `http://127.0.0.1:{port}/callback`, with a port that is free at that moment; by RFC 8252 section 7.3 a
/// server takes any port there. For one that does not, choose the registered one by [`port`](Self::port).
///
/// # Security
/// Proof keys are always used. A request counts only if it is a `GET` of exactly the path, with exactly that `Host` and the `state` of
/// this login; all else is answered 404 and the login goes on. With several authorization servers give each a
/// [`path`](Self::path) of its own.
#[derive(Clone)]
#[must_use = "a login does nothing before `login`"]
pub struct NativeLogin {
    request: AuthorizationRequest,
    show: Arc<Show>,
    path: String,
    port: u16,
    timeout: Duration,
}

/// Brings a URL before the user.
pub(crate) type Show = dyn Fn(&Uri) -> Result<(), BoxError> + Send + Sync;

impl NativeLogin {
    /// A login at the server of `client`, whose URL `show` brings before the user.
    pub fn new<F>(client: &OAuthClient, show: F) -> Self
    where
        F: Fn(&Uri) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        Self {
            request: AuthorizationRequest::new(client, ""),
            show: Arc::new(show),
            path: "/callback".to_owned(),
            port: 0,
            timeout: Duration::from_secs(300),
        }
    }

    /// Asks for scopes.
    pub fn scopes<I>(self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.configure(|request| request.scopes(scopes))
    }

    /// Changes an option of the request that has no method here.
    pub fn configure(mut self, change: impl FnOnce(AuthorizationRequest) -> AuthorizationRequest) -> Self {
        self.request = change(self.request);
        self
    }

    /// The path of the redirect URI. Default `/callback`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// A certain port, for a server that knows the whole redirect URI. Default any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// How long the user may take. Default 5 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Opens a port, shows the user the URL, waits for the answer, and exchanges its code for a token.
    ///
    /// # Errors
    /// - [`CannotListen`](AuthorizationErrorKind::CannotListen), [`BrowserFailed`](AuthorizationErrorKind::BrowserFailed),
    ///   [`TimedOut`](AuthorizationErrorKind::TimedOut): this machine, or the user.
    /// - Those of [`AuthorizationRequest::start`] and
    ///   [`AuthorizationTransaction::finish`](crate::AuthorizationTransaction::finish).
    ///
    /// # Cancel safety
    /// Dropping the future closes the port. Dropped while the code is exchanged it may lose the token, as `finish` does.
    pub async fn login(&self) -> Result<TokenResponse, AuthorizationError> {
        self.check()?;
        let listener = Listener::open(self.port).await.map_err(|error| {
            let message = "no port could be opened on a loopback address";
            AuthorizationError::new(AuthorizationErrorKind::CannotListen, message).with_source(error)
        })?;
        let redirect_uri = format!("http://{}{}", listener.authority(), self.path);
        let started = self.request.answered_at(redirect_uri).start().await?;
        (self.show)(&started.url).map_err(|error| {
            let message = "the URL of the login could not be shown to the user";
            AuthorizationError::new(AuthorizationErrorKind::BrowserFailed, message).with_source(error)
        })?;
        let client = self.request.client();
        let transaction = started.transaction;
        let is_ours = transaction.is_ours();
        let read = move |uri: &str| AuthorizationCallback::from_uri(uri).ok().filter(|callback| is_ours(callback));
        let answer = listener.answer(&self.path, &client.0.clock, read);
        let Some(callback) = within(&client.0.clock, self.timeout, answer).await else {
            let message = format!("nobody came back from the login within {:?}", self.timeout);
            return Err(AuthorizationError::new(AuthorizationErrorKind::TimedOut, message));
        };
        transaction.finish(client, &callback).await
    }

    /// What keeps the grant of a finished login alive: a source for a [`TokenCache`](crate::TokenCache).
    pub fn keep_alive(&self, response: TokenResponse) -> AuthorizationCode {
        self.request.keep_alive(response)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let invalid = |message| Err(ConfigError::new(ConfigErrorKind::InvalidOption, message));
        if !self.request.has_pkce() {
            return invalid("a native app always uses proof keys: without_pkce is for confidential clients only");
        }
        check(&self.path, self.timeout)
    }
}

/// Checks the path of a redirect URI, and how long a login may take.
pub(crate) fn check(path: &str, timeout: Duration) -> Result<(), ConfigError> {
    let invalid = |message| Err(ConfigError::new(ConfigErrorKind::InvalidOption, message));
    // What a path segment may have (RFC 3986 section 3.3), and nothing that a browser would change.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if !path.starts_with('/') || !path.bytes().all(plain) || path.contains("/.") {
        return invalid("the path of the redirect URI is `/` and letters, digits, `-`, `.`, `_`, `~` or `/`");
    }
    if timeout.is_zero() {
        return invalid("the timeout of the login must not be zero");
    }
    Ok(())
}

impl fmt::Debug for NativeLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeLogin")
            .field("request", &self.request)
            .field("path", &self.path)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
