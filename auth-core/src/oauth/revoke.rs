use std::fmt;

use http::StatusCode;

use super::OAuthClient;
use super::endpoints::Target;
use super::request::Params;
use crate::{Secret, TokenError, TokenResponse};

/// What kind of token is revoked, as a hint that spares the server a search (RFC 7009 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token. Most servers end the access tokens of its grant as well.
    RefreshToken,
}

impl TokenTypeHint {
    /// The value of `token_type_hint`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl OAuthClient {
    /// Asks the authorization server to end a token (RFC 7009). A token that the server does not know counts as ended.
    ///
    /// # Errors
    /// - [`Misconfigured`](crate::TokenErrorKind::Misconfigured): no revocation endpoint is known, the client was refused, or
    ///   the server does not revoke tokens of this kind (`unsupported_token_type`).
    /// - [`ServerError`](crate::TokenErrorKind::ServerError) and the other transient kinds: the token still exists. Try again
    ///   later, after [`retry_after`](TokenError::retry_after) if the server said when.
    ///
    /// # Cancel safety
    /// After the future was dropped the token may or may not have been revoked; asking again is harmless.
    pub async fn revoke(&self, token: &Secret, hint: Option<TokenTypeHint>) -> Result<(), TokenError> {
        let mut params = Params::default();
        params.push("token", token.clone());
        if let Some(hint) = hint {
            params.push("token_type_hint", hint.as_str());
        }
        let answered = self.post("revocation", Target::Revocation, params).await?;
        // The body of a success says nothing (RFC 7009 section 2.2).
        match answered.response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
            _ => Err(answered.reader().read_refusal(&answered.response)),
        }
    }
    /// Asks the authorization server to end the tokens of a response: the refresh token first, since most servers end its access
    /// tokens with it, and then the access token. Both are tried, whatever becomes of the first.
    ///
    /// # Errors
    /// Says of each token whether it was ended, and why not. Some servers cannot end access tokens: look at
    /// [`access_token_lives_on`](RevocationError::access_token_lives_on).
    ///
    /// # Cancel safety
    /// That of [`revoke`](Self::revoke).
    pub async fn revoke_response(&self, response: &TokenResponse) -> Result<(), RevocationError> {
        let refresh_token = match response.refresh_token() {
            Some(token) => self.revoke(token, Some(TokenTypeHint::RefreshToken)).await.err(),
            None => None,
        };
        let access_token = self.revoke(response.token().secret(), Some(TokenTypeHint::AccessToken)).await.err();
        let had_refresh_token = response.refresh_token().is_some();
        RevocationError::of(had_refresh_token, refresh_token, access_token)
    }
}

/// Which tokens of a response were not ended, and why.
#[derive(Clone, Debug)]
pub struct RevocationError {
    had_refresh_token: bool,
    refresh_token: Option<TokenError>,
    access_token: Option<TokenError>,
    /// That of the token that matters most.
    first: TokenError,
}

impl RevocationError {
    fn of(
        had_refresh_token: bool,
        refresh_token: Option<TokenError>,
        access_token: Option<TokenError>,
    ) -> Result<(), Self> {
        match refresh_token.as_ref().or(access_token.as_ref()).cloned() {
            Some(first) => Err(Self { had_refresh_token, refresh_token, access_token, first }),
            None => Ok(()),
        }
    }

    /// Why the refresh token was not ended. `None` if it was, or there is none.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&TokenError> {
        self.refresh_token.as_ref()
    }

    /// Why the access token was not ended. `None` if it was.
    #[must_use]
    pub fn access_token(&self) -> Option<&TokenError> {
        self.access_token.as_ref()
    }

    /// Whether the grant has ended and only its access token serves to its own end, because this server ends no access tokens
    /// (`unsupported_token_type`).
    #[must_use]
    pub fn access_token_lives_on(&self) -> bool {
        let unsupported =
            |error: &TokenError| !error.is_transient() && error.oauth_error() == Some("unsupported_token_type");
        self.had_refresh_token && self.refresh_token.is_none() && self.access_token().is_some_and(unsupported)
    }

    /// Whether asking again later may succeed: after [`retry_after`](TokenError::retry_after) of either error, if it says.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        [&self.refresh_token, &self.access_token].into_iter().flatten().any(TokenError::is_transient)
    }

    /// The stable code, as listed in `docs/errors.md`: that of the refresh token's error or, if there is none, of the access
    /// token's.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.first.code()
    }
}

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = match (&self.refresh_token, &self.access_token) {
            (Some(_), Some(_)) => "the refresh token and the access token were not revoked",
            (Some(_), None) => "the refresh token was not revoked, the access token was",
            (None, _) if self.had_refresh_token => "the access token was not revoked, the refresh token was",
            (None, _) => "the access token was not revoked",
        };
        write!(f, "{which} [{}]", self.code())
    }
}

impl std::error::Error for RevocationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.first)
    }
}

impl From<RevocationError> for TokenError {
    /// The error of the refresh token or, if there is none, of the access token.
    fn from(error: RevocationError) -> Self {
        error.first
    }
}
