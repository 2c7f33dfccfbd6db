use tower_auth_core::TokenError;

use super::Credentials;

/// A request extension: send this request without a credential.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "a marker: users write it as a value")]
pub struct SkipAuth;

/// A request extension: send this request with these credentials in place of the layer's own. The rules for origins
/// hold for them too.
///
/// ```
/// use http::Request;
/// use tower_auth::{Credentials, RequestCredentials};
/// use tower_auth::core::Credential;
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(RequestCredentials(Credentials::from(Credential::bearer("abc")?)));
/// # Ok::<(), tower_auth::core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a wrapper: users build it from a value")]
pub struct RequestCredentials(pub Credentials);

/// A response extension that a service below the layer sets: the token is dead, whatever status and headers say.
/// [`BodyRefusalLayer`](crate::BodyRefusalLayer) sets it by what stands in the body.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "a marker: users write it as a value")]
pub struct TokenRefused;

/// A response extension: why a refusal was handed to the caller and not answered by a new token and a second try.
///
/// It stands only on responses that say that the token is dead, or that ask for another signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NotRecovered {
    /// No new token could be had.
    RefreshFailed(TokenError),
    /// The new token is the same as the one that was refused.
    Unchanged,
    /// Too many refusals lately, or renewing has just been shown not to help.
    Throttled,
    /// The request's body cannot be sent again: it is still being sent, or was longer than the limit. The token was
    /// renewed, or the nonce kept, for the next request.
    BodyNotReplayable,
    /// The new token was refused as well.
    RefusedAgain,
    /// The request was signed and sent again as the server had asked (a DPoP nonce), and the server asks for the same again.
    SignatureRefused,
}

impl NotRecovered {
    /// The name of the reason in metrics and logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::RefreshFailed(_) => "refresh_failed",
            Self::Unchanged => "unchanged",
            Self::Throttled => "throttled",
            Self::BodyNotReplayable => "body_not_replayable",
            Self::RefusedAgain => "refused_again",
            Self::SignatureRefused => "signature_refused",
        }
    }
}
