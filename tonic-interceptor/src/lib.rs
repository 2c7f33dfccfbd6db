//! Authentication for tonic: [`GrpcAuthLayer`] puts live credentials on the calls of a gRPC client, [`GrpcValidateLayer`] lets only
//! callers with good credentials reach a gRPC server.
//!
//! ```
//! use tonic::transport::Endpoint;
//! use tower::ServiceBuilder;
//! use tower_auth_tonic::GrpcAuthLayer;
//! use tower_auth_tonic::core::{StaticToken, Token, TokenCache};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # let _guard = runtime.enter();
//! let tokens = TokenCache::new(StaticToken::new(Token::new("abc")?));
//! let endpoint = Endpoint::from_static("https://api.example.com");
//! let channel = ServiceBuilder::new()
//!     .layer(GrpcAuthLayer::new(tokens, endpoint.uri().to_string())?)
//!     .service(endpoint.connect_lazy());
//! let client = tonic_health::pb::health_client::HealthClient::new(channel);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For clients:
//!
//! - [`GrpcAuthLayer`]: the layer. It waits for the first token, renews ahead of expiry, and sends a refused call a second time
//!   where that is safe.
//! - [`TokenInterceptor`]: the same credential by a synchronous interceptor, for code that has room for nothing else.
//!
//! For servers, with the feature `verify`:
//!
//! - [`GrpcValidateLayer`]: the layer. It knows the method that is called, and waits for keys that must be fetched.
//! - [`VerifyInterceptor`]: authentication alone, by a synchronous interceptor.
//! - [`principal`]: who called, in a handler; [`subject_token`]: their token, to be exchanged for calls on their behalf.
//!
//! The guide is `docs/protect-grpc.md` in the repository.
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `http`, `oauth` | yes | the transport, and the OAuth 2.0 client |
//! | `jwt` | yes | verification of JWTs, and `verify` |
//! | `verify` | by `jwt` | [`GrpcValidateLayer`]; Basic credentials and API keys |
//! | `introspection` | no | opaque tokens, which their authorization server is asked about |
//! | `password-hash` | no | users with hashed passwords |
//! | `dpop` | no | tokens that are bound to a key, both ways |
//! | `connect-info` | no | certificates of clients, from tonic's own server |
//! | `error-details` | no | details of refusals that programs can read |
//! | `sign-hmac`, `sign-aws` | no | signers of requests |
//! | `metrics` | no | counters |
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use tower_auth::{
    AuthError, AuthErrorKind, Credentials, ExistingCredential, NotRecovered, RequestCredentials, SkipAuth,
};
pub use tower_auth_core as core;

mod client;
#[cfg(feature = "verify")]
mod server;

pub use self::client::{GrpcAuth, GrpcAuthFuture, GrpcAuthLayer, TokenInterceptor};
#[cfg(feature = "error-details")]
pub use self::server::status_with_details;
#[cfg(feature = "verify")]
pub use self::server::{
    GrpcValidate, GrpcValidateFuture, GrpcValidateLayer, LifetimeBody, VerifyInterceptor, principal,
    status_from_rejection, subject_token,
};

/// The snippets of the guide, compiled.
#[cfg(all(doctest, feature = "http", feature = "jwt"))]
#[doc = include_str!("../../docs/protect-grpc.md")]
struct ProtectGuide;
