use std::fmt;

use super::login::DeviceLogin;
use crate::Secret;
use crate::error::ConfigError;
use crate::oauth::builder::OAuthClientBuilder;
use crate::oauth::grant::options::{client_options, refresh_options, request_options};
use crate::oauth::grant::terms::Terms;
use crate::oauth::request::{Params, repeated};
use crate::oauth::{ClientAuth, OAuthClient};

/// A login from a device that has no browser or no keyboard (RFC 8628): it shows a code, and a person enters that in a browser
/// elsewhere.
///
/// ```no_run
/// use tower_auth_core::{DeviceCode, TokenResponse};
///
/// # #[cfg(feature = "http")]
/// # async fn example() -> Result<(), tower_auth_core::BoxError> {
/// # async fn store(_: &TokenResponse) -> Result<(), tower_auth_core::BoxError> { Ok(()) }
/// let login = DeviceCode::public("https://login.example.com/device", "https://login.example.com/token", "orders-tv")
///     .scopes(["orders:read", "offline_access"])
///     .build()?;
/// let response = login.login(|authorization| println!("{}", authorization.prompt())).await?;
/// store(&response).await?;
/// let source = login.keep_alive(response);
/// let tokens = source.cache_builder().persist(|response| async move { store(&response).await }).build()?;
/// # let _ = tokens;
/// # Ok(())
/// # }
/// ```
///
/// # Security
/// Whoever confirms a code gives *this* device access. An attacker can send people a code of their own device: say which program asks,
/// and at which host the code is to be entered, as [`DeviceAuthorization::prompt`](super::DeviceAuthorization::prompt) does. Where
/// the user has a browser on the same machine, a redirect protects better.
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct DeviceCode {
    terms: Terms,
    /// Of the device authorization request.
    extra: Params,
}

impl DeviceCode {
    /// A login with the confidential client `id`, whose codes come from `device_url` and tokens from `token_url`.
    pub fn new(
        device_url: impl Into<String>,
        token_url: impl Into<String>,
        id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        let client = OAuthClient::builder(id).device_authorization_endpoint(device_url).token_endpoint(token_url);
        Self::over(client.secret(secret))
    }

    /// A login with the client `id`, which has no secret: the usual case.
    pub fn public(device_url: impl Into<String>, token_url: impl Into<String>, id: impl Into<String>) -> Self {
        let client = OAuthClient::builder(id).device_authorization_endpoint(device_url).token_endpoint(token_url);
        Self::over(client.client_auth(ClientAuth::None))
    }

    /// A login with a described client, which knows its
    /// [device authorization endpoint](OAuthClientBuilder::device_authorization_endpoint).
    pub fn over(client: OAuthClientBuilder) -> Self {
        Self { terms: Terms::over(client), extra: Params::default() }
    }

    /// Adds a parameter to the request for a code. Its value is held as a secret.
    pub fn authorization_param(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.extra.push(name.into(), value);
        self
    }

    /// The login.
    ///
    /// # Errors
    /// Those of [`OAuthClientBuilder::build`], and when
    /// - a scope or a resource breaks its grammar,
    /// - an extra parameter repeats one of this grant.
    pub fn build(self) -> Result<DeviceLogin, ConfigError> {
        self.extra.check_names()?;
        let agreed = self.terms.agree(&["device_code"])?;
        let own = agreed.params.names().chain(["scope", "client_id", "client_secret", "client_assertion"]);
        if let Some(name) = own.into_iter().find(|name| self.extra.has(name)) {
            return Err(repeated(name));
        }
        Ok(DeviceLogin::new(agreed, self.extra))
    }
}

client_options!(DeviceCode);
request_options!(DeviceCode);
refresh_options!(DeviceCode);

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode").field("terms", &self.terms).field("extra", &self.extra).finish_non_exhaustive()
    }
}
