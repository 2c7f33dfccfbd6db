use axum::extract::FromRef;

use crate::core::Verifier;

/// A state that has a [`Verifier`]: the verifier itself, or any type that one can be taken from.
///
/// Nothing implements it by hand. It is there for whatever axum's [`FromRef`] gives a verifier for:
///
/// ```
/// use axum::{Router, extract::FromRef, routing::get};
/// use tower_auth_axum::Auth;
/// use tower_auth_axum::core::{BasicVerifier, Verifier};
///
/// #[derive(Clone)]
/// struct AppState {
///     verifier: Verifier,
///     greeting: &'static str,
/// }
///
/// impl FromRef<AppState> for Verifier {
///     fn from_ref(state: &AppState) -> Self {
///         state.verifier.clone()
///     }
/// }
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// let app: Router = Router::new()
///     .route("/me", get(|caller: Auth| async move { caller.subject().to_owned() }))
///     .with_state(AppState { verifier, greeting: "hello" });
/// # Ok::<(), tower_auth_axum::core::ConfigError>(())
/// ```
///
/// With axum's feature `macros`, `#[derive(FromRef)]` on the state writes that implementation.
///
/// A state without a verifier does not compile:
///
/// ```compile_fail,E0277
/// # use axum::{Router, routing::get};
/// # use tower_auth_axum::Auth;
/// #[derive(Clone)]
/// struct AppState;
///
/// let app: Router<AppState> = Router::new().route("/me", get(|caller: Auth| async {}));
/// ```
#[diagnostic::on_unimplemented(
    message = "the state `{Self}` has no `Verifier`",
    label = "extractors of callers take their verifier from the state",
    note = "write `impl FromRef<{Self}> for Verifier`, or give the router the verifier itself: `.with_state(verifier)`"
)]
pub trait HasVerifier: Send + Sync {
    /// The verifier.
    fn verifier(&self) -> Verifier;
}

// Else the compiler names `FromRef`, and not what to do about it.
#[diagnostic::do_not_recommend]
impl<S> HasVerifier for S
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    fn verifier(&self) -> Verifier {
        Verifier::from_ref(self)
    }
}
