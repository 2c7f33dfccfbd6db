use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::core::{Principal, Scheme, Verified};
use crate::{AuthRejection, HasVerifier, authenticate};

/// A caller verified by an API key. Its subject is the id of the key.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_auth_axum::ApiKey;
/// use tower_auth_axum::core::{ApiKeyVerifier, Secret};
///
/// let digest = ApiKeyVerifier::digest(&Secret::from("partner-1.nq8Z0vJc5mWd2rXh7tKb"));
/// let verifier = ApiKeyVerifier::new().key("partner-1", digest).build()?;
/// let app: Router =
///     Router::new().route("/me", get(|key: ApiKey| async move { key.subject().to_owned() })).with_state(verifier);
/// # Ok::<(), tower_auth_axum::core::ConfigError>(())
/// ```
///
/// An `Option` is `None` only when the request has no credential at all; a bad one is refused.
#[derive(Clone)]
pub struct ApiKey(Verified);

impl ApiKey {
    /// The proof that the caller was verified, to keep or to pass on.
    #[must_use]
    pub fn into_verified(self) -> Verified {
        self.0
    }
}

impl<S: HasVerifier> FromRequestParts<S> for ApiKey {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        authenticate::required(parts, &state.verifier(), Some(Scheme::ApiKey)).await.map(Self)
    }
}

impl<S: HasVerifier> OptionalFromRequestParts<S> for ApiKey {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, AuthRejection> {
        Ok(authenticate::optional(parts, &state.verifier(), Some(Scheme::ApiKey)).await?.map(Self))
    }
}

impl Deref for ApiKey {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl AsRef<Verified> for ApiKey {
    fn as_ref(&self) -> &Verified {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiKey").field(&self.0).finish()
    }
}
