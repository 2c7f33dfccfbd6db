//! Tower layers for authentication over any `http` service: [`AuthLayer`] puts live credentials on outgoing requests,
//! `ValidateLayer` (feature `verify`) lets only requests with good ones in.
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_auth::AuthLayer;
//! use tower_auth::core::{StaticToken, Token, TokenCache};
//!
//! let tokens = TokenCache::new(StaticToken::new(Token::new("abc")?));
//! let stack = ServiceBuilder::new().layer(AuthLayer::new(tokens, ["https://api.example.com"])?);
//! # Ok::<(), tower_auth::core::ConfigError>(())
//! ```
//!
//! - [`AuthLayer`] and its service [`Auth`]: which requests get a credential, and what happens when it is refused.
//! - [`Credentials`]: the tokens of a cache, or a credential that never changes.
//! - [`AuthError`]: why a request was not sent. [`NotRecovered`]: why a refusal reached the caller.
//! - [`core`]: where tokens come from, caches, verifiers.
//!
//! | feature | adds |
//! |---|---|
//! | `http` (default) | the transport on hyper and rustls to token endpoints and key sets |
//! | `oauth` (default) | the OAuth 2.0 client |
//! | `jwt` (default) | verification of JWTs, and `verify` |
//! | `verify` | `ValidateLayer`, `ResourceMetadataLayer`, `EndAtExpiryLayer`; verification of Basic credentials and API keys |
//! | `introspection` | verification of tokens by asking their authorization server (RFC 7662) |
//! | `spec` | verifiers described in TOML or JSON |
//! | `provider` | `ProviderLayer`: APIs that a file describes |
//! | `dpop` | tokens that are bound to a key (RFC 9449) |
//! | `sign-hmac`, `sign-aws` | requests signed by an HMAC, or by AWS Signature Version 4 |
//! | `command` | tokens that a program prints |
//! | `reqwest` | `AuthLayer` as a reqwest client |
//! | `metrics` | metrics through the `metrics` facade |
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use tower_auth_core as core;

mod auth;
#[cfg(feature = "verify")]
mod expiry;
mod inspect;
#[cfg(feature = "provider")]
mod provider;
#[cfg(feature = "reqwest")]
mod reqwest_client;
#[cfg(feature = "verify")]
mod resource_metadata;
#[cfg(feature = "verify")]
mod validate;

pub use self::auth::{
    Auth, AuthError, AuthErrorKind, AuthLayer, Credentials, ExistingCredential, InsufficientScope, NotRecovered,
    ReplayBody, RequestCredentials, ResponseFuture, SkipAuth, StepUpRequired, TokenRefused, asks_for_a_new_token,
};
#[cfg(feature = "verify")]
pub use self::expiry::{EndAtExpiry, EndAtExpiryFuture, EndAtExpiryLayer, ExpiringBody};
pub use self::inspect::{BodyRefusal, BodyRefusalFuture, BodyRefusalLayer, InspectedBody};
#[cfg(feature = "provider")]
pub use self::provider::{
    BodyCredential, BodyCredentialFuture, BodyCredentialLayer, Provider, ProviderFuture, ProviderLayer,
};
#[cfg(feature = "verify")]
pub use self::resource_metadata::{ResourceMetadataLayer, ServeResourceMetadata, ServeResourceMetadataFuture};
#[cfg(feature = "verify")]
pub use self::validate::{EmptyBodies, RefusalBodies, Validate, ValidateFuture, ValidateLayer, WrittenBodies};
