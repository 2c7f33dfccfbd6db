//! axum extractors that say who calls, and refuse whoever may not.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_auth_axum::Bearer;
//! use tower_auth_axum::core::{ConfigError, JwtVerifier};
//!
//! async fn me(user: Bearer) -> String {
//!     user.subject().into()
//! }
//!
//! # #[cfg(feature = "http")]
//! fn app() -> Result<Router, ConfigError> {
//!     let verifier = JwtVerifier::issuer("https://login.example.com")?.audience("orders").build()?;
//!     Ok(Router::new().route("/me", get(me)).with_state(verifier))
//! }
//! # #[cfg(feature = "http")]
//! # app().unwrap();
//! ```
//!
//! A request without a good token of that issuer, for that audience, never reaches `me`. It is answered with the status
//! and the challenges that the standards want: see [`AuthRejection`].
//!
//! | extractor | who gets through |
//! |---|---|
//! | [`Bearer`] | a caller with a valid access token; `Bearer<C>` decodes its claims into your type |
//! | [`Basic`] | one with a user-id and a password |
//! | [`ApiKey`] | one with an API key |
//! | [`Auth`] | one with any credential that the verifier accepts |
//! | [`Scoped`] | one of these, if it was granted the scopes that a type of yours names |
//! | [`Permitted`] | one of these, if it has what a policy of yours demands: roles, claims, a recent login |
//! | [`SubjectToken`] | as [`Bearer`], with the token itself, to be exchanged for calls on the caller's behalf |
//! | [`Identity`] | whoever a layer around the route has verified |
//!
//! Each gives you the [`Principal`](core::Principal): subject, issuer, client, scopes, roles. `Option<Bearer>` is
//! `None` only for a request that has no credential at all, and `Result<Bearer, AuthRejection>` leaves the decision to
//! the handler.
//!
//! # Where the verifier comes from
//!
//! The extractors verify by themselves. They take their [`Verifier`](core::Verifier) from the state of the router: the
//! state is one, or one can be taken from it with axum's `FromRef` (see [`HasVerifier`]). An app with several verifiers
//! has a state for each part:
//!
//! ```
//! # use axum::{Router, routing::get};
//! # use tower_auth_axum::{Auth, core::BasicVerifier};
//! # async fn me(_: Auth) {}
//! # let users = BasicVerifier::new().user("a", "b").build()?;
//! # let partners = BasicVerifier::new().user("c", "d").build()?;
//! let app: Router = Router::new()
//!     .merge(Router::new().route("/me", get(me)).with_state(users))
//!     .nest("/partners", Router::new().route("/me", get(me)).with_state(partners));
//! # Ok::<(), tower_auth_axum::core::ConfigError>(())
//! ```
//!
//! Once a verifier has accepted a request its verdict stays with it, in the extensions. Extractors with the same
//! verifier (a clone of it) reuse the verdict of a layer or of an extractor before them, and ignore that of any other.
//!
//! # Guarding many routes at once
//!
//! An extractor works as a layer too. Add it with `route_layer`, after the routes that it is to guard. With `layer` it
//! would also answer for paths that do not exist: a 401 in place of a 404.
//!
//! ```
//! use axum::{Router, middleware::from_extractor_with_state, routing::get};
//! use tower_auth_axum::core::BasicVerifier;
//! use tower_auth_axum::{Auth, Identity};
//!
//! let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
//! let app: Router = Router::new()
//!     .route("/orders", get(|caller: Identity| async move { caller.subject().to_owned() }))
//!     .route("/stock", get(|| async { "plenty" }))
//!     .route_layer(from_extractor_with_state::<Auth, _>(verifier))
//!     // Added later, so not guarded.
//!     .route("/health", get(|| async { "well" }));
//! # Ok::<(), tower_auth_axum::core::ConfigError>(())
//! ```
//!
//! `ValidateLayer` of the crate `tower-auth` does the same for services of any kind, gRPC among them.
//!
//! Put layers that answer for themselves, such as one for CORS, around it: a preflight request has no credential. Body
//! limits and timeouts belong outside as well. [`guide`] has more: browsers, WebSockets, streams of events, proofs.
//!
//! # Who it was, in spans and logs
//!
//! A middleware below the guard sees the verdict, and can put on the span of the request what your logs may hold. The
//! subject often names a person; client, issuer and method do not.
//!
//! ```
//! use axum::extract::Request;
//! use axum::middleware::{Next, from_extractor_with_state, from_fn};
//! use axum::response::Response;
//! use axum::{Router, routing::get};
//! use tower_auth_axum::core::BasicVerifier;
//! use tower_auth_axum::{Auth, Identity};
//!
//! // The span was opened with these two fields empty, by a tracing layer around everything.
//! async fn record(caller: Identity, request: Request, next: Next) -> Response {
//!     let span = tracing::Span::current();
//!     span.record("auth.method", caller.method().as_str());
//!     span.record("auth.client", caller.client_id().unwrap_or("-"));
//!     next.run(request).await
//! }
//!
//! let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
//! let app: Router = Router::new()
//!     .route("/orders", get(|| async { "none" }))
//!     .route_layer(from_fn(record))
//!     // Each layer goes around those before it, so this one runs first.
//!     .route_layer(from_extractor_with_state::<Auth, _>(verifier));
//! # Ok::<(), tower_auth_axum::core::ConfigError>(())
//! ```
//!
//! Refusals are events of the target `tower_auth::audit`, with their stable code and their reason: `WARN` for our own trouble,
//! `DEBUG` for a request without a credential, `INFO` for every other.
//!
//! # Where to go next
//!
//! - What is checked of a token, in which order, and what weakens it: [`JwtVerifier`](core::JwtVerifier).
//! - Several issuers, or tokens beside passwords: [`Verifier::any_of`](core::Verifier::any_of).
//! - A service that takes no request before it has the issuer's keys: [`Verifier::ready`](core::Verifier::ready).
//! - A whole service to copy: `examples/axum-service` in the repository.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `jwt` | yes | [`Bearer`] and [`Scoped`], for access tokens that are JWTs |
//! | `http` | yes | the HTTP client that fetches an issuer's keys |
//! | `tokio` | yes | the address of the peer, from axum's `ConnectInfo` |
//! | `dpop` | no | tokens that are bound to a key (RFC 9449) |
//! | `tls` | no | `TlsListener`: connections over TLS, for tokens that are bound to a client certificate (RFC 8705) |
//! | `oauth` | no | in [`core`]: the OAuth client, for services that call others |
//! | `introspection` | no | in [`core`]: `IntrospectionVerifier`, for tokens that their authorization server is asked about |
//! | `dpop` | no | in [`core`]: `DpopProofs`, for tokens that are bound to a key of their client |
//! | `spec` | no | in [`core`]: `VerifierSpec`, a verifier described in a configuration file |
//! | `metrics` | no | counters of verifications and key fetches |
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use tower_auth_core as core;

mod api_key;
mod auth;
mod authenticate;
mod basic;
#[cfg(feature = "jwt")]
mod bearer;
#[cfg(feature = "jwt")]
pub mod guide;
mod identity;
#[cfg(feature = "tokio")]
mod peer;
mod permitted;
mod rejection;
mod resource_metadata;
#[cfg(feature = "jwt")]
mod scoped;
mod state;
#[cfg(feature = "jwt")]
mod subject_token;
#[cfg(feature = "tls")]
mod tls;

pub use self::api_key::ApiKey;
pub use self::auth::Auth;
pub use self::basic::Basic;
#[cfg(feature = "jwt")]
pub use self::bearer::Bearer;
pub use self::identity::Identity;
#[cfg(feature = "tokio")]
pub use self::peer::with_peer;
pub use self::permitted::{Permitted, RequiredPolicy};
pub use self::rejection::AuthRejection;
pub use self::resource_metadata::resource_metadata_routes;
#[cfg(feature = "jwt")]
pub use self::scoped::{RequiredScope, Scoped};
pub use self::state::HasVerifier;
#[cfg(feature = "jwt")]
pub use self::subject_token::SubjectToken;
#[cfg(feature = "tls")]
pub use self::tls::{TlsListener, TlsPeer};

/// The snippets of the guide, compiled.
#[cfg(all(doctest, feature = "http", feature = "jwt"))]
#[doc = include_str!("../../docs/connect.md")]
struct ConnectGuide;

/// The snippets of the guides for services, compiled.
#[cfg(all(doctest, feature = "http", feature = "jwt", feature = "dpop"))]
mod guides {
    #[doc = include_str!("../../docs/protect.md")]
    struct Protect;

    #[doc = include_str!("../../docs/profiles.md")]
    struct Profiles;

    #[doc = include_str!("../../docs/behind-a-proxy.md")]
    struct BehindAProxy;

    #[doc = include_str!("../../docs/testing.md")]
    struct Testing;

    #[doc = include_str!("../../docs/coming-from.md")]
    struct ComingFrom;
}
