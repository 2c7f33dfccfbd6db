use http::StatusCode;

use super::OAuthClient;
use super::endpoints::Target;
use super::request::Params;
use crate::{Secret, TokenError};

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
}
