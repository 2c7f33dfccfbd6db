use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::core::{Policy, Rejection, RejectionKind, Verified, Verifier};
use crate::{Auth, AuthRejection, HasVerifier};

/// Names the policy of a route; see [`Permitted`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no policy",
    label = "`Permitted` needs a type that says what callers must have",
    note = "write `impl RequiredPolicy for {Self}` with a `fn policy() -> &'static Policy`"
)]
pub trait RequiredPolicy {
    /// What a caller must have. It is asked for each request, so keep it in a `static`.
    fn policy() -> &'static Policy;
}

/// A caller who has what the policy of `P` demands. Whoever has not is refused as [`Policy`] says: with 403, or with 401 and a
/// challenge that tells what to do.
///
/// `T` is how the caller is verified: any extractor of this crate, [`Auth`] if you say nothing.
///
/// ```
/// use std::sync::LazyLock;
///
/// use axum::{Router, routing::post};
/// use tower_auth_axum::core::{Policy, Verifier};
/// use tower_auth_axum::{Permitted, RequiredPolicy};
///
/// struct Approve;
///
/// impl RequiredPolicy for Approve {
///     fn policy() -> &'static Policy {
///         static POLICY: LazyLock<Policy> =
///             LazyLock::new(|| Policy::new().scope("orders:write").any_role(["manager", "auditor"]));
///         &POLICY
///     }
/// }
///
/// async fn approve(caller: Permitted<Approve>) -> String {
///     format!("approved by {}", caller.subject())
/// }
///
/// let routes: Router<Verifier> = Router::new().route("/approve", post(approve));
/// ```
///
/// A type that names no policy does not compile:
///
/// ```compile_fail,E0277
/// # use axum::{Router, routing::post};
/// # use tower_auth_axum::core::Verifier;
/// # use tower_auth_axum::Permitted;
/// struct Approve;
///
/// async fn approve(caller: Permitted<Approve>) -> String {
///     format!("approved by {}", caller.subject())
/// }
///
/// let routes: Router<Verifier> = Router::new().route("/approve", post(approve));
/// ```
///
/// A mistaken policy lets nobody in: the route answers 500, and the log names the mistake. Call [`Policy::check`] in a test.
///
/// An `Option` is `None` only when the request has no credential at all; who has one must have what the policy demands.
pub struct Permitted<P, T = Auth> {
    caller: T,
    policy: PhantomData<fn() -> P>,
}

impl<P, T> Permitted<P, T> {
    /// The caller.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.caller
    }
}

impl<P: RequiredPolicy, T: AsRef<Verified>> Permitted<P, T> {
    fn new(caller: T, verifier: &Verifier) -> Result<Self, Rejection> {
        require(caller.as_ref(), verifier, P::policy())?;
        Ok(Self { caller, policy: PhantomData })
    }
}

/// Checks a caller that this very verifier accepted.
pub(crate) fn require(caller: &Verified, verifier: &Verifier, policy: &Policy) -> Result<(), Rejection> {
    if verifier.has_verified(caller) {
        return verifier.require(caller, policy);
    }
    Err(verifier.refusal(
        RejectionKind::Misconfigured,
        "the caller was verified by another verifier than the one whose policy is asked for",
    ))
}

impl<S, P, T> FromRequestParts<S> for Permitted<P, T>
where
    S: HasVerifier,
    P: RequiredPolicy,
    T: FromRequestParts<S, Rejection = AuthRejection> + AsRef<Verified>,
{
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        let caller = T::from_request_parts(parts, state).await?;
        Ok(Self::new(caller, &state.verifier())?)
    }
}

impl<S, P, T> OptionalFromRequestParts<S> for Permitted<P, T>
where
    S: HasVerifier,
    P: RequiredPolicy,
    T: OptionalFromRequestParts<S, Rejection = AuthRejection> + AsRef<Verified>,
{
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, AuthRejection> {
        let Some(caller) = T::from_request_parts(parts, state).await? else { return Ok(None) };
        Ok(Some(Self::new(caller, &state.verifier())?))
    }
}

impl<P, T> Deref for Permitted<P, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.caller
    }
}

impl<P, T: AsRef<Verified>> AsRef<Verified> for Permitted<P, T> {
    fn as_ref(&self) -> &Verified {
        self.caller.as_ref()
    }
}

impl<P, T: Clone> Clone for Permitted<P, T> {
    fn clone(&self) -> Self {
        Self { caller: self.caller.clone(), policy: PhantomData }
    }
}

impl<P, T: fmt::Debug> fmt::Debug for Permitted<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permitted").field(&self.caller).finish()
    }
}
