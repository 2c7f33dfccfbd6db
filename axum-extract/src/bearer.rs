use std::any::Any;
use std::fmt;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::core::{Principal, Rejection, Scheme, Verified, Verifier};
use crate::{AuthRejection, HasVerifier, authenticate};

/// A caller verified by a Bearer token, with claims of a type of yours.
///
/// `Bearer` alone decodes no claims: issuer, subject, client, scopes and roles are there without. With a type `C` the
/// claims set is read into it:
///
/// ```
/// use axum::{Router, routing::get};
/// use serde::Deserialize;
/// use tower_auth_axum::Bearer;
/// use tower_auth_axum::core::{JwtVerifier, Verifier};
///
/// #[derive(Deserialize)]
/// struct Tenancy {
///     tenant: String,
/// }
///
/// async fn orders(user: Bearer<Tenancy>) -> String {
///     format!("{} of {}", user.subject(), user.claims().tenant)
/// }
///
/// # #[cfg(feature = "http")] {
/// let verifier = JwtVerifier::issuer("https://login.example.com")?.audience("orders").build()?;
/// let app: Router = Router::new().route("/orders", get(orders)).with_state(verifier);
/// # }
/// # Ok::<(), tower_auth_axum::core::ConfigError>(())
/// ```
///
/// Claims that do not fit `C` are the token's fault: 401 `invalid_token`. A `C` that reads no JSON object whatever,
/// such as a number or a list, is the service's: 500. The type is asked what it wants to read in order to tell the two
/// apart; give members that may be absent the type `Option`.
///
/// An `Option` is `None` only when the request has no credential at all; a bad one is refused, and so is one whose
/// claims do not fit.
///
/// # Security
/// The token is read from the `Authorization` field only, never from the query or the body (RFC 6750 section 2). It is
/// not kept.
#[derive(Clone)]
pub struct Bearer<C = ()> {
    verified: Verified,
    claims: C,
}

impl<C> Bearer<C> {
    /// The claims, as decoded for this request.
    #[must_use]
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The claims alone.
    #[must_use]
    pub fn into_claims(self) -> C {
        self.claims
    }

    /// The proof that the caller was verified, to keep or to pass on.
    #[must_use]
    pub fn into_verified(self) -> Verified {
        self.verified
    }
}

impl<C: DeserializeOwned + 'static> Bearer<C> {
    fn new(verified: Verified, verifier: &Verifier) -> Result<Self, Rejection> {
        let claims = match (Box::new(()) as Box<dyn Any>).downcast::<C>() {
            // `C` is `()`: no claims are asked for.
            Ok(none) => *none,
            // The principal knows no challenges, the verifier does.
            Err(_) => verified.claims().map_err(|refusal| {
                verifier.refusal(refusal.kind(), refusal.explain().to_owned()).only_scheme(Scheme::Bearer)
            })?,
        };
        Ok(Self { verified, claims })
    }
}

impl<S, C> FromRequestParts<S> for Bearer<C>
where
    S: HasVerifier,
    C: DeserializeOwned + 'static,
{
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        let verifier = state.verifier();
        let verified = authenticate::required(parts, &verifier, Some(Scheme::Bearer)).await?;
        Ok(Self::new(verified, &verifier)?)
    }
}

impl<S, C> OptionalFromRequestParts<S> for Bearer<C>
where
    S: HasVerifier,
    C: DeserializeOwned + 'static,
{
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, AuthRejection> {
        let verifier = state.verifier();
        let Some(verified) = authenticate::optional(parts, &verifier, Some(Scheme::Bearer)).await? else {
            return Ok(None);
        };
        Ok(Some(Self::new(verified, &verifier)?))
    }
}

impl<C> Deref for Bearer<C> {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.verified
    }
}

impl<C> AsRef<Verified> for Bearer<C> {
    fn as_ref(&self) -> &Verified {
        &self.verified
    }
}

/// Without the claims: they may hold personal data.
impl<C> fmt::Debug for Bearer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bearer").field(&self.verified).finish()
    }
}
