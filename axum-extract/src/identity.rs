use std::fmt;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::AuthRejection;
use crate::core::{Principal, Rejection, RejectionKind, Verified};

/// The caller that somebody has verified before: a layer around the route, or an extractor before this one.
///
/// It needs no verifier in the state, and verifies nothing. On a route where nobody did so the request is refused with
/// 500, and the log says why: a layer that was forgotten never makes a caller anonymous. For the same reason there is
/// no `Option` of it.
///
/// It takes the verdict of any verifier. Where several are at work and it matters which, use the other extractors: they
/// take the verdict of their own only.
///
/// ```
/// use axum::{Router, middleware::from_extractor_with_state, routing::get};
/// use tower_auth_axum::core::BasicVerifier;
/// use tower_auth_axum::{Basic, Identity};
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// let app: Router = Router::new()
///     .route("/me", get(|caller: Identity| async move { caller.subject().to_owned() }))
///     .route_layer(from_extractor_with_state::<Basic, _>(verifier));
/// # Ok::<(), tower_auth_axum::core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Identity(Verified);

impl Identity {
    /// The proof that the caller was verified, to keep or to pass on.
    #[must_use]
    pub fn into_verified(self) -> Verified {
        self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        let verified = parts.extensions.get::<Verified>().cloned();
        verified.map(Self).ok_or_else(|| unguarded().into())
    }
}

#[cold]
fn unguarded() -> Rejection {
    let refusal = Rejection::new(
        RejectionKind::Misconfigured,
        "the route asks for the identity of its caller, and nothing around it verifies credentials",
    );
    tracing::warn!(code = refusal.code(), reason = refusal.explain(), "request not authenticated");
    refusal
}

impl Deref for Identity {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl AsRef<Verified> for Identity {
    fn as_ref(&self) -> &Verified {
        &self.0
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.0).finish()
    }
}
