use std::future::Future;
use std::time::Duration;

use super::callback::{invalid, no_state};
use super::server::token_endpoint;
use super::{AuthorizationCallback, AuthorizationError, AuthorizationErrorKind, AuthorizationTransaction};
use crate::oauth::OAuthClient;
use crate::oauth::endpoints::Target;
use crate::oauth::redact::Redactor;
use crate::oauth::request::{Grant, Params};
use crate::{ScopeSet, TokenError, TokenResponse};

/// How much of an error description is kept, in characters.
const MAX_DESCRIPTION: usize = 200;

/// How much of an error code is kept, in characters.
const MAX_CODE: usize = 64;

/// How far the clocks of two replicas may be apart before a transaction from the future is refused.
const SKEW: Duration = Duration::from_secs(300);

/// What makes tokens of a code.
pub(crate) trait CodeExchange: Sync {
    fn exchange_code(&self, grant: Grant<'_>) -> impl Future<Output = Result<TokenResponse, TokenError>> + Send;
}

impl CodeExchange for OAuthClient {
    async fn exchange_code(&self, grant: Grant<'_>) -> Result<TokenResponse, TokenError> {
        self.exchange(grant).await
    }
}

impl AuthorizationTransaction {
    /// Compares the answer with the transaction, and exchanges its code for a token. One answer, one attempt: a failed one
    /// means that the user has to be sent again.
    ///
    /// Checked, in this order: the redirect URI where the callback is a whole URI, `state` (in constant time), the session, the
    /// time, that `client` is the one that began it, `iss` (RFC 9207), and only then whether the answer is an error or a
    /// code. No request is sent unless all of that is well. The code goes to the token endpoint of the transaction's own
    /// server, with the same redirect URI and the proof key.
    ///
    /// # Errors
    /// [`AuthorizationErrorKind`] lists them. What the server said in the redirect is in
    /// [`oauth_error`](AuthorizationError::oauth_error).
    ///
    /// # Cancel safety
    /// Dropping the future may lose the token: the code may have been spent. In a service that drops requests of clients who go
    /// away, run it in a task of its own.
    ///
    /// # Security
    /// The user's browser brought the answer. Not before this has succeeded is it known whose it is; and who the user is, only an ID
    /// token says, which is kept as text here and not validated.
    pub async fn finish(
        self,
        client: &OAuthClient,
        callback: &AuthorizationCallback,
    ) -> Result<TokenResponse, AuthorizationError> {
        self.finish_by(client, callback, client).await
    }

    /// As [`finish`](Self::finish), where `by` exchanges the code.
    pub(crate) async fn finish_by(
        self,
        client: &OAuthClient,
        callback: &AuthorizationCallback,
        by: &impl CodeExchange,
    ) -> Result<TokenResponse, AuthorizationError> {
        let result = self.finish_inner(client, callback, by).await;
        if let Err(error) = &result {
            let (client_id, code) = (client.client_id(), error.code());
            tracing::warn!(%client_id, code, "an authorization came to nothing");
        }
        result
    }

    async fn finish_inner(
        &self,
        client: &OAuthClient,
        callback: &AuthorizationCallback,
        by: &impl CodeExchange,
    ) -> Result<TokenResponse, AuthorizationError> {
        self.check_redirect_uri(callback)?;
        self.check_state(callback)?;
        self.check_binding(callback)?;
        self.check_time(client)?;
        self.check_client(client).await?;
        let details = &*self.0;
        details.issuer_parameter.check(details.issuer.as_deref(), callback.text("iss"))?;
        if let Some(code) = callback.text("error") {
            return Err(self.refusal(client, callback, code));
        }
        let Some(code) = callback.param("code") else { return Err(invalid("has neither a code nor an error")) };
        // Appendix A.11 of RFC 6749.
        if !code.expose_secret().bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(invalid("has a code with characters that no code has"));
        }

        let mut params = Params::default();
        params.push("code", code.clone());
        params.push("redirect_uri", details.redirect_uri.as_str());
        if let Some(verifier) = &details.verifier {
            params.push("code_verifier", verifier.clone());
        }
        for resource in &details.resources {
            params.push("resource", resource.as_str());
        }
        let grant = Grant {
            name: "authorization_code",
            target: Target::Token,
            grant_type: Some("authorization_code"),
            // This request has no scope (RFC 6749 section 4.1.3).
            scope: &ScopeSet::default(),
            params,
            keep_refresh_token: true,
            single_use: true,
        };
        match by.exchange_code(grant).await {
            Ok(response) if response.token().scope().is_none() && !details.scope.is_empty() => {
                // Granted as it was asked for (RFC 6749 section 5.1).
                Ok(response.with_granted_scope(details.scope.clone()))
            }
            Ok(response) => Ok(response),
            Err(error) => Err(AuthorizationError::new(
                AuthorizationErrorKind::ExchangeFailed,
                "the authorization code was not exchanged for a token",
            )
            .with_source(error)),
        }
    }

    /// Whether a callback has this transaction's `state`.
    #[cfg(feature = "loopback")]
    pub(crate) fn is_ours(&self) -> impl Fn(&AuthorizationCallback) -> bool + Send + Sync + use<> {
        let own = self.0.state.clone();
        move |callback| callback.param("state").is_some_and(|state| *state == own)
    }

    /// The answer must have arrived at exactly the redirect URI (RFC 8252 section 8.10).
    fn check_redirect_uri(&self, callback: &AuthorizationCallback) -> Result<(), AuthorizationError> {
        let Some(uri) = callback.uri() else { return Ok(()) };
        let own = self.0.redirect_uri.as_str();
        let sign = if own.contains('?') { '&' } else { '?' };
        match uri.strip_prefix(own) {
            Some(rest) if rest.is_empty() || rest.starts_with(sign) => Ok(()),
            _ => Err(AuthorizationError::new(
                AuthorizationErrorKind::RedirectUriMismatch,
                "the authorization response arrived at another URI than the redirect URI",
            )),
        }
    }

    fn check_state(&self, callback: &AuthorizationCallback) -> Result<(), AuthorizationError> {
        match callback.param("state") {
            // Equality of secrets takes the same time wherever they differ.
            Some(state) if *state == self.0.state => Ok(()),
            Some(_) => Err(AuthorizationError::new(
                AuthorizationErrorKind::StateMismatch,
                "the authorization response has another state than the request",
            )),
            None => Err(no_state()),
        }
    }

    fn check_binding(&self, callback: &AuthorizationCallback) -> Result<(), AuthorizationError> {
        match (&self.0.binding, callback.binding()) {
            (None, _) => Ok(()),
            (Some(own), Some(found)) if own == found => Ok(()),
            _ => Err(AuthorizationError::new(
                AuthorizationErrorKind::BindingMismatch,
                "the authorization response came in another session than the request was made in",
            )),
        }
    }

    fn check_time(&self, client: &OAuthClient) -> Result<(), AuthorizationError> {
        let now = client.0.clock.wall();
        if now < self.0.expires && self.0.created <= now + SKEW {
            return Ok(());
        }
        Err(AuthorizationError::new(AuthorizationErrorKind::Expired, "the login took too long: begin anew"))
    }

    /// A code must not reach another server than the one that was asked (RFC 9700 section 4.4).
    async fn check_client(&self, client: &OAuthClient) -> Result<(), AuthorizationError> {
        let details = &*self.0;
        let same_server = match &client.0.issuer {
            Some(issuer) => details.issuer.as_ref() == Some(issuer),
            None => details.token_endpoint == token_endpoint(client).await?,
        };
        let wrong = |what| Err(AuthorizationError::new(AuthorizationErrorKind::WrongClient, what));
        if !same_server || details.client_id != client.client_id() {
            return wrong("the transaction was begun with another client or at another authorization server");
        }
        // The server would refuse the code, and it would be spent.
        if details.dpop_jkt.is_some() && details.dpop_jkt != client.dpop_jkt() {
            return wrong("the transaction was begun with another DPoP key: all replicas need the same one");
        }
        Ok(())
    }

    /// The error that the server sent along with the user (RFC 6749 section 4.1.2.1).
    fn refusal(&self, client: &OAuthClient, callback: &AuthorizationCallback, code: &str) -> AuthorizationError {
        let own = [Some(&self.0.state), self.0.verifier.as_ref(), callback.param("code")];
        let redactor = Redactor::new(own.into_iter().flatten().map(|secret| secret.expose_secret()));
        let clean = |text: &str, max| redactor.clean(&client.0.redactor.clean(text, usize::MAX), max);
        let code = clean(code, MAX_CODE);
        let (kind, what) = match code.as_str() {
            "access_denied" => (AuthorizationErrorKind::Denied, "access was not granted"),
            "interaction_required" | "login_required" | "consent_required" | "account_selection_required" => {
                (AuthorizationErrorKind::InteractionRequired, "the user has to be asked")
            }
            "server_error" | "temporarily_unavailable" => {
                (AuthorizationErrorKind::ProviderError, "the authorization server failed: try again later")
            }
            _ => (AuthorizationErrorKind::ProviderError, "the authorization server refused the request"),
        };
        let mut message = format!("{what} ({code}");
        let description = callback.text("error_description").map(|text| clean(text, MAX_DESCRIPTION).replace('"', "'"));
        if let Some(description) = description.filter(|text| !text.is_empty()) {
            message.push_str(&format!(": \"{description}\""));
        }
        message.push(')');
        AuthorizationError::new(kind, message).with_oauth_error(code)
    }
}
