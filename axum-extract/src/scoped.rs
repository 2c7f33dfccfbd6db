use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use crate::core::{Rejection, RejectionKind, ScopeSet, Verified, Verifier};
use crate::permitted::require;
use crate::{AuthRejection, Bearer, HasVerifier};

/// Names the scopes that a route needs; see [`Scoped`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no scopes",
    label = "`Scoped` needs a type that says which scopes callers must have",
    note = "write `impl RequiredScope for {Self} {{ const SCOPES: &'static [&'static str] = &[\"orders:read\"]; }}`"
)]
pub trait RequiredScope {
    /// The scopes, of which the caller must have every one. An empty list, and a name that is no scope (RFC 6749
    /// section 3.3), does not compile where it is used.
    const SCOPES: &'static [&'static str];
}

/// A caller who was granted every scope of `R`. One who was not is refused with 403 `insufficient_scope`, and told the
/// scopes.
///
/// `T` is how the caller is verified: any extractor of this crate, [`Bearer`] if you say nothing.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_auth_axum::{RequiredScope, Scoped};
/// use tower_auth_axum::core::Verifier;
///
/// struct ReadOrders;
///
/// impl RequiredScope for ReadOrders {
///     const SCOPES: &'static [&'static str] = &["orders:read"];
/// }
///
/// async fn orders(user: Scoped<ReadOrders>) -> String {
///     format!("the orders of {}", user.subject())
/// }
///
/// let routes: Router<Verifier> = Router::new().route("/orders", get(orders));
/// ```
///
/// A mistaken scope is found by the compiler:
///
/// ```compile_fail,E0080
/// # use axum::{Router, routing::get};
/// # use tower_auth_axum::{RequiredScope, Scoped};
/// # use tower_auth_axum::core::Verifier;
/// struct ReadOrders;
///
/// impl RequiredScope for ReadOrders {
///     const SCOPES: &'static [&'static str] = &["orders:read orders:write"];
/// }
///
/// async fn orders(user: Scoped<ReadOrders>) {}
///
/// let routes: Router<Verifier> = Router::new().route("/orders", get(orders));
/// ```
///
/// Where one of several scopes will do, or roles matter too, name a policy: [`Permitted`](crate::Permitted).
pub struct Scoped<R, T = Bearer> {
    caller: T,
    required: PhantomData<fn() -> R>,
}

impl<R, T> Scoped<R, T> {
    /// The caller.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.caller
    }
}

impl<R: RequiredScope, T: AsRef<Verified>> Scoped<R, T> {
    fn new(caller: T, verifier: &Verifier) -> Result<Self, Rejection> {
        const { assert_are_scopes(R::SCOPES) };
        let verified = caller.as_ref();
        let is_granted = verifier.has_verified(verified) && R::SCOPES.iter().all(|scope| verified.has_scope(scope));
        if !is_granted {
            let needed = ScopeSet::new(R::SCOPES)
                .map_err(|error| verifier.refusal(RejectionKind::Misconfigured, error.to_string()))?;
            require(verified, verifier, &needed.into()).map_err(|refusal| refusal.only_scheme(verified.scheme()))?;
        }
        Ok(Self { caller, required: PhantomData })
    }
}

impl<S, R, T> FromRequestParts<S> for Scoped<R, T>
where
    S: HasVerifier,
    R: RequiredScope,
    T: FromRequestParts<S, Rejection = AuthRejection> + AsRef<Verified>,
{
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthRejection> {
        let caller = T::from_request_parts(parts, state).await?;
        Ok(Self::new(caller, &state.verifier())?)
    }
}

impl<S, R, T> OptionalFromRequestParts<S> for Scoped<R, T>
where
    S: HasVerifier,
    R: RequiredScope,
    T: OptionalFromRequestParts<S, Rejection = AuthRejection> + AsRef<Verified>,
{
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, AuthRejection> {
        let Some(caller) = T::from_request_parts(parts, state).await? else { return Ok(None) };
        Ok(Some(Self::new(caller, &state.verifier())?))
    }
}

impl<R, T> Deref for Scoped<R, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.caller
    }
}

impl<R, T: AsRef<Verified>> AsRef<Verified> for Scoped<R, T> {
    fn as_ref(&self) -> &Verified {
        self.caller.as_ref()
    }
}

impl<R, T: Clone> Clone for Scoped<R, T> {
    fn clone(&self) -> Self {
        Self { caller: self.caller.clone(), required: PhantomData }
    }
}

impl<R, T: fmt::Debug> fmt::Debug for Scoped<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scoped").field(&self.caller).finish()
    }
}

/// Stops the compiler at a list of scopes that is empty, or has a member that [`ScopeSet::new`] would refuse.
const fn assert_are_scopes(scopes: &[&str]) {
    assert!(!scopes.is_empty(), "a `RequiredScope` names no scope: a route that needs none takes the caller as it is");
    let mut index = 0;
    while index < scopes.len() {
        let scope = scopes[index].as_bytes();
        assert!(!scope.is_empty(), "a `RequiredScope` names an empty scope");
        let mut at = 0;
        while at < scope.len() {
            assert!(
                matches!(scope[at], 0x21 | 0x23..=0x5b | 0x5d..=0x7e),
                "a scope is printable ASCII without space, `\"` and `\\`: list several scopes one by one"
            );
            at += 1;
        }
        index += 1;
    }
}
