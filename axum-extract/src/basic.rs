use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::core::{Principal, Scheme, Verified};
use crate::{AuthRejection, HasVerifier, authenticate};

/// A caller verified by a user-id and a password (RFC 7617).
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_auth_axum::Basic;
/// use tower_auth_axum::core::BasicVerifier;
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").realm("orders").build()?;
/// let app: Router =
///     Router::new().route("/me", get(|user: Basic| async move { user.subject().to_owned() })).with_state(verifier);
/// # Ok::<(), tower_auth_axum::core::ConfigError>(())
/// ```
///
/// An `Option` is `None` only when the request has no credential at all; a bad one is refused.
#[derive(Clone)]
pub struct Basic(Verified);

impl Basic {
    /// The proof that the caller was verified, to keep or to pass on.
    #[must_use]
    pub fn into_verified(self) -> Verified {
        self.0
    }
}

impl<S: HasVerifier> FromRequestParts<S> for Basic {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        authenticate::required(parts, &state.verifier(), Some(Scheme::Basic)).await.map(Self)
    }
}

impl<S: HasVerifier> OptionalFromRequestParts<S> for Basic {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, AuthRejection> {
        Ok(authenticate::optional(parts, &state.verifier(), Some(Scheme::Basic)).await?.map(Self))
    }
}

impl Deref for Basic {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl AsRef<Verified> for Basic {
    fn as_ref(&self) -> &Verified {
        &self.0
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Basic").field(&self.0).finish()
    }
}
