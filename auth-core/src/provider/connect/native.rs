use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::client::invalid;
use super::connection::Connection;
use crate::clock::within;
use crate::oauth::{Listener, Show, check_redirect};
use crate::provider::kind::ResponseMode;
use crate::{AuthorizationError, AuthorizationErrorKind, AuthorizationRequest, BoxError, ConfigError, TokenResponse};

/// A person's login at a described provider from a program on their own machine (RFC 8252): as [`ConnectionLogin`](super::ConnectionLogin)
/// with the names and captures of the description, and with the port of a loopback address of [`NativeLogin`](crate::NativeLogin).
///
/// ```no_run
/// use tower_auth_core::open_system_browser;
///
/// # async fn example(connection: tower_auth_core::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// connection.native_login(open_system_browser).login().await?;
/// # Ok(())
/// # }
/// ```
///
/// The redirect URI is `http://127.0.0.1:{port}/callback` with a free port. Many providers want to know it beforehand: see
/// [`port`](Self::port), [`path`](Self::path), [`localhost`](Self::localhost).
///
/// # Security
/// As [`NativeLogin`](crate::NativeLogin), but a proof key is left out where the description says that the provider takes none.
#[derive(Clone)]
#[must_use = "a login does nothing before `login`"]
pub struct ConnectionNativeLogin {
    connection: Connection,
    show: Arc<Show>,
    change: Option<Arc<Change>>,
    path: String,
    port: u16,
    localhost: bool,
    timeout: Duration,
}

/// Changes options of the request.
type Change = dyn Fn(AuthorizationRequest) -> AuthorizationRequest + Send + Sync;

impl Connection {
    /// A login from a program on the user's own machine, whose URL `show` brings before the user.
    pub fn native_login<F>(&self, show: F) -> ConnectionNativeLogin
    where
        F: Fn(&Uri) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        ConnectionNativeLogin {
            connection: self.clone(),
            show: Arc::new(show),
            change: None,
            path: "/callback".to_owned(),
            port: 0,
            localhost: false,
            timeout: Duration::from_secs(300),
        }
    }
}

impl ConnectionNativeLogin {
    /// Changes an option of the request, such as a login hint.
    pub fn configure(
        mut self,
        change: impl Fn(AuthorizationRequest) -> AuthorizationRequest + Send + Sync + 'static,
    ) -> Self {
        self.change = Some(Arc::new(change));
        self
    }

    /// The path of the redirect URI. Default `/callback`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// A certain port, for a provider that knows the whole redirect URI. Default any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Writes `localhost` into the redirect URI instead of the address, for a provider that takes nothing else.
    pub fn localhost(mut self) -> Self {
        self.localhost = true;
        self
    }

    /// How long the user may take. Default 5 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Opens a port, shows the user the URL, waits for the answer, exchanges its code, and hands the tokens to the connection, which
    /// persists them.
    ///
    /// # Errors
    /// Those of [`NativeLogin::login`](crate::NativeLogin::login) and
    /// [`ConnectionLogin::finish`](super::ConnectionLogin::finish); also when the method is not `oauth2_code`, or its answer does not
    /// come in the query of a URL.
    ///
    /// # Cancel safety
    /// Dropping the future closes the port. Dropped while the code is exchanged it may lose the tokens.
    pub async fn login(&self) -> Result<TokenResponse, AuthorizationError> {
        check_redirect(&self.path, self.timeout)?;
        self.check()?;
        let listener = Listener::open(self.port).await.map_err(|error| {
            let message = "no port could be opened on a loopback address";
            AuthorizationError::new(AuthorizationErrorKind::CannotListen, message).with_source(error)
        })?;
        let listener = if self.localhost { listener.named_localhost() } else { listener };
        let mut login = self.connection.login(format!("http://{}{}", listener.authority(), self.path))?;
        if let Some(change) = &self.change {
            login = login.configure(|request| change(request));
        }
        let started = login.start().await?;
        let url: Uri = started.url.parse().map_err(|_| invalid("the URL of the login is not one"))?;
        (self.show)(&url).map_err(|error| {
            let message = "the URL of the login could not be shown to the user";
            AuthorizationError::new(AuthorizationErrorKind::BrowserFailed, message).with_source(error)
        })?;
        let clock = &self.connection.0.clock;
        let is_ours = started.transaction.is_ours();
        let reader = login.clone();
        let read = move |uri: &str| {
            let query = uri.split_once('?').map_or("", |(_, query)| query);
            reader.callback(query).ok().filter(|callback| is_ours(callback))
        };
        let answer = listener.answer(&self.path, clock, read);
        let Some(callback) = within(clock, self.timeout, answer).await else {
            let message = format!("nobody came back from the login within {:?}", self.timeout);
            return Err(AuthorizationError::new(AuthorizationErrorKind::TimedOut, message));
        };
        login.finish(started.transaction, &callback).await
    }

    fn check(&self) -> Result<(), ConfigError> {
        match self.connection.0.filled.method().consent.response_mode {
            Some(ResponseMode::FormPost | ResponseMode::Fragment) => Err(invalid(
                "the answer must come in the query of a URL: this description wants a server behind its redirect URI",
            )),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for ConnectionNativeLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionNativeLogin")
            .field("connection", &self.connection)
            .field("path", &self.path)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
