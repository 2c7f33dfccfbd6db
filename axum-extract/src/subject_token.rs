use std::fmt;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::core::{Principal, RejectionKind, Scheme, Verified};
use crate::{AuthRejection, HasVerifier, authenticate, core};

/// A caller verified by a Bearer token, with the token itself, to be exchanged for calls on the caller's behalf.
///
/// The verifier must have been told to keep tokens; otherwise the route answers 500 and the log says which option is missing. There
/// is no `Option` of it, so that a call on somebody's behalf never becomes one in the service's own name.
///
/// ```
/// use axum::extract::{FromRef, State};
/// use axum::{Router, routing::get};
/// use tower_auth_axum::SubjectToken;
/// use tower_auth_axum::core::{JwtVerifier, Verifier};
///
/// async fn orders(caller: SubjectToken) -> String {
///     // `caller.token()` goes into `OnBehalfOf::tokens_for` (feature `oauth` of the core).
///     format!("orders of {}", caller.subject())
/// }
///
/// # #[cfg(feature = "http")] {
/// let verifier = JwtVerifier::issuer("https://login.example.com")?.audience("orders").keep_subject_token().build()?;
/// let app: Router = Router::new().route("/orders", get(orders)).with_state(verifier);
/// # }
/// # Ok::<(), tower_auth_axum::core::ConfigError>(())
/// ```
///
/// # Security
/// Whoever has the token can be the caller. Exchange it and let it go; do not store it, log it or pass it on. `Debug` does not show
/// it.
#[derive(Clone)]
pub struct SubjectToken {
    verified: Verified,
    token: core::SubjectToken,
}

impl SubjectToken {
    /// The token that the caller was verified by.
    #[must_use]
    pub fn token(&self) -> &core::SubjectToken {
        &self.token
    }

    /// The token alone.
    #[must_use]
    pub fn into_token(self) -> core::SubjectToken {
        self.token
    }
}

impl<S: HasVerifier> FromRequestParts<S> for SubjectToken {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        let verifier = state.verifier();
        let verified = authenticate::required(parts, &verifier, Some(Scheme::Bearer)).await?;
        match verified.subject_token().cloned() {
            Some(token) => Ok(Self { verified, token }),
            None => Err(verifier
                .refusal(
                    RejectionKind::Misconfigured,
                    "the route asks for the token of its caller, and the verifier of its issuer does not keep tokens: build it with \
                     `JwtVerifier::keep_subject_token`",
                )
                .into()),
        }
    }
}

impl Deref for SubjectToken {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.verified
    }
}

impl AsRef<Verified> for SubjectToken {
    fn as_ref(&self) -> &Verified {
        &self.verified
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SubjectToken").field(&self.verified).finish()
    }
}
