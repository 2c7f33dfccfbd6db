use std::fmt;
use std::sync::Arc;

use super::answer::Codes;
use super::authorization::DeviceAuthorization;
use super::source::DeviceCodeSource;
use crate::oauth::OAuthClient;
use crate::oauth::endpoints::Target;
use crate::oauth::grant::terms::Agreed;
use crate::oauth::request::Params;
use crate::{TokenError, TokenResponse};

/// Logs people in by codes that they confirm elsewhere; described by [`DeviceCode`](super::DeviceCode).
///
/// One login serves for any number of codes. Clones share everything.
#[derive(Clone)]
pub struct DeviceLogin(Arc<Inner>);

struct Inner {
    agreed: Agreed,
    /// Of the device authorization request.
    extra: Params,
}

impl DeviceLogin {
    pub(super) fn new(agreed: Agreed, extra: Params) -> Self {
        Self(Arc::new(Inner { agreed, extra }))
    }

    /// Asks for a code (RFC 8628 section 3.1). Show it, and then [wait](DeviceAuthorization::wait).
    ///
    /// # Errors
    /// What the endpoint or the way to it objected to, and [`Unparsable`](crate::TokenErrorKind::Unparsable) if a code or the place
    /// to enter it is missing or is nothing to show to a person: control characters, plain `http`.
    ///
    /// # Cancel safety
    /// A code that was given out meanwhile ends unused.
    pub async fn start(&self) -> Result<DeviceAuthorization, TokenError> {
        let Inner { agreed, extra } = &*self.0;
        let client = &agreed.client;
        let mut params = Params::default();
        if !agreed.scope.is_empty() {
            params.push("scope", agreed.scope.join(client.0.separator));
        }
        params.extend(&agreed.params);
        params.extend(extra);
        // Counted from the request: the answer may have taken its time.
        let asked = client.clock().now();
        let answered = client.post("device_authorization", Target::DeviceAuthorization, params).await?;
        let codes = Codes::read(&answered)?;
        Ok(DeviceAuthorization::new(agreed.clone(), codes, asked))
    }

    /// Asks for a code, has `show` bring it before the user, and waits until it is confirmed.
    ///
    /// # Errors
    /// Those of [`start`](Self::start) and [`DeviceAuthorization::wait`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the login. To go on later use `start` and `wait`.
    pub async fn login<F>(&self, show: F) -> Result<TokenResponse, TokenError>
    where
        F: FnOnce(&DeviceAuthorization) + Send,
    {
        let authorization = self.start().await?;
        show(&authorization);
        authorization.wait().await
    }

    /// What keeps the grant of a finished login alive by its refresh token: a source for a [`TokenCache`](crate::TokenCache). Call it
    /// at once: the lifetime of the token is counted from here.
    ///
    /// After a restart [`RefreshToken`](crate::RefreshToken) goes on with what was stored.
    #[must_use]
    pub fn keep_alive(&self, response: TokenResponse) -> DeviceCodeSource {
        DeviceCodeSource::new(self.0.agreed.clone(), response)
    }

    fn client(&self) -> &OAuthClient {
        &self.0.agreed.client
    }
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLogin").field("client", self.client()).finish_non_exhaustive()
    }
}
