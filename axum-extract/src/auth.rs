use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::core::{Principal, Verified};
use crate::{AuthRejection, HasVerifier, authenticate};

/// A caller verified by any credential that the verifier accepts.
///
/// [`Principal::method`] tells by which. Use it where one route serves several kinds of callers, with a verifier made
/// by [`Verifier::any_of`](crate::core::Verifier::any_of).
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_auth_axum::Auth;
/// use tower_auth_axum::core::{ApiKeyVerifier, BasicVerifier, Secret, Verifier};
///
/// let digest = ApiKeyVerifier::digest(&Secret::from("partner-1.nq8Z0vJc5mWd2rXh7tKb"));
/// let verifier = Verifier::any_of([
///     BasicVerifier::new().user("batch", "s3cret").build()?,
///     ApiKeyVerifier::new().key("partner-1", digest).build()?,
/// ])?;
/// async fn me(caller: Auth) -> String {
///     format!("{} by {}", caller.subject(), caller.method().as_str())
/// }
///
/// let app: Router = Router::new().route("/me", get(me)).with_state(verifier);
/// # Ok::<(), tower_auth_axum::core::ConfigError>(())
/// ```
///
/// An `Option` is `None` only when the request has no credential at all; a bad one is refused.
#[derive(Clone)]
pub struct Auth(Verified);

impl Auth {
    /// The proof that the caller was verified, to keep or to pass on.
    #[must_use]
    pub fn into_verified(self) -> Verified {
        self.0
    }
}

impl<S: HasVerifier> FromRequestParts<S> for Auth {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        authenticate::required(parts, &state.verifier(), None).await.map(Self)
    }
}

impl<S: HasVerifier> OptionalFromRequestParts<S> for Auth {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, AuthRejection> {
        Ok(authenticate::optional(parts, &state.verifier(), None).await?.map(Self))
    }
}

impl Deref for Auth {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl AsRef<Verified> for Auth {
    fn as_ref(&self) -> &Verified {
        &self.0
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Auth").field(&self.0).finish()
    }
}
