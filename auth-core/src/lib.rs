//! Token sources, a lock-free token cache, an OAuth 2.0 client, and verification of incoming credentials: the
//! core of the `tower-auth` family.
//!
//! A service that calls an API with a token says where tokens come from, and keeps the cache:
//!
//! ```no_run
//! # #[cfg(all(feature = "oauth", feature = "http"))]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_auth_core::{ClientCredentials, Secret};
//!
//! # let (token_url, id) = ("https://login.example.com/oauth/token", "orders");
//! let tokens = ClientCredentials::new(token_url, id, Secret::env("ALUMA_SECRET")?).cached()?;
//! let mut request = http::Request::get("https://api.example.com/orders").body(())?;
//! tokens.current().await?.credential.apply(&mut request)?;
//! # Ok(())
//! # }
//! ```
//!
//! The layer of the crate `tower-auth` does the last two steps, and more, for each request of a client.
//!
//! | part | what it is |
//! |---|---|
//! | [`TokenSource`] | anything that can obtain a token: a grant, a file, a closure, another cache |
//! | [`TokenCache`] | a source and its last token, read without a lock, renewed ahead of its end, one exchange at a time |
//! | [`Credential`], [`Placement`] | what goes on a request, and where |
//! | [`HttpClient`] | any HTTP client as a tower service, below everything that talks to an authorization server |
//! | [`Secret`] | a text that shows in no log |
//! | [`Clock`] | where all of this takes the time from |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `http` | yes | `HttpTransport`, the default HTTP client: hyper and rustls |
//! | `oauth` | yes | `OAuthClient`, `ClientCredentials`, `RefreshToken`, `StaticCode`, `DeviceCode`, `JwtBearer`, `TokenExchange` |
//! | `authorization-code` | yes | `AuthorizationRequest`: a user's authorization by the authorization code grant |
//! | `loopback` | no | `NativeLogin`: the same for programs on the user's own machine |
//! | `password-grant` | no | `Password`, the legacy grant |
//! | `jwt` | yes | the module `jose`: signed tokens and their keys |
//! | `password-hash` | no | `PasswordHash`, and users of `BasicVerifier` with a hash: listed, in htpasswd files, looked up |
//! | `introspection` | no | `IntrospectionVerifier`: callers whose tokens are looked up at their authorization server (RFC 7662) |
//! | `dpop` | no | `DpopKey` and `DpopProofs`: tokens that are bound to a key (RFC 9449), on both sides |
//! | `sign-hmac` | no | `HmacSigner`: an HMAC over parts of the request |
//! | `sign-aws` | no | `AwsSigner`: AWS Signature Version 4 |
//! | `metrics` | no | counters and gauges of the caches |
//! | `spec` | no | `VerifierSpec`: verifiers as an operator describes them |
//! | `provider` | no | `ProviderSpec`: systems that we call, as provider files describe them |
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cache;
mod challenge;
mod clock;
#[cfg(any(feature = "spec", feature = "provider"))]
mod config;
mod credential;
#[cfg(feature = "dpop")]
mod dpop;
mod error;
mod http;
#[cfg(feature = "jwt")]
pub mod jose;
#[cfg(any(feature = "oauth", feature = "jwt"))]
mod json;
#[cfg(feature = "verify")]
mod json_writer;
#[cfg(any(feature = "oauth", feature = "verify"))]
mod metadata;
#[cfg(feature = "oauth")]
mod oauth;
mod origin;
#[cfg(feature = "provider")]
mod provider;
mod scope;
mod secret;
mod sharded;
#[cfg(any(feature = "sign-hmac", feature = "sign-aws", feature = "provider"))]
mod signing;
mod source;
mod token;
#[cfg(feature = "verify")]
mod verify;

pub use self::cache::{
    CacheState, CacheStatus, Current, Generation, Invalidation, TokenCache, TokenCacheBuilder, TokenCaches, TokenReader,
};
pub use self::challenge::Challenge;
pub use self::clock::{Clock, MonotonicTime, TimeSource};
#[cfg(feature = "provider")]
pub use self::credential::BaseUrl;
pub use self::credential::{Basic, Credential, Placement, RequestSigner, SigningRequest};
#[cfg(feature = "dpop")]
pub use self::dpop::{DpopKey, DpopNonces, DpopProofs, ReplayStore, UsedProof};
pub use self::error::{
    BoxError, ConfigError, ConfigErrorKind, FailureClass, SigningError, SigningErrorKind, TokenError, TokenErrorKind,
};
#[cfg(any(feature = "spec", feature = "provider"))]
pub use self::error::{ConfigErrors, ConfigMistake};
#[cfg(any(feature = "http", feature = "oauth", feature = "jwt", feature = "password-hash"))]
pub use self::http::Dangerous;
#[cfg(feature = "http")]
pub use self::http::{AddressPolicy, HttpTransport, Proxy};
pub use self::http::{HttpClient, HttpResponseFuture, TransportError, TransportErrorKind};
#[cfg(all(feature = "oauth", feature = "jwt"))]
pub use self::oauth::JwtAssertion;
#[cfg(all(feature = "oauth", feature = "verify"))]
pub use self::oauth::OnBehalfOf;
#[cfg(feature = "oauth")]
pub use self::oauth::{
    AssertionAudience, BasicHalf, BodyFormat, ClientAuth, ClientCredentials, ClientCredentialsSource, FileSecret,
    IntrospectionResponse, OAuthClient, OAuthClientBuilder, RevocationError, SecretSource, TokenTypeHint,
};
#[cfg(feature = "authorization-code")]
pub use self::oauth::{
    AuthorizationCallback, AuthorizationCode, AuthorizationCodeSource, AuthorizationError, AuthorizationErrorKind,
    AuthorizationRequest, AuthorizationTransaction, IssuerParameter, MemoryTransactions, ResponseMode, ReturnTo,
    StartedAuthorization, TransactionStore,
};
#[cfg(feature = "oauth")]
pub use self::oauth::{
    ClientRegistration, DiscoveredResource, ProtectedResourceMetadata, RegisteredClient, ResourceDiscovery,
    ResourceDiscoveryBuilder, ResourceMetadataRequest,
};
#[cfg(feature = "oauth")]
pub use self::oauth::{DeviceAuthorization, DeviceCode, DeviceCodeSource, DeviceLogin};
#[cfg(feature = "oauth")]
pub use self::oauth::{
    JwtBearer, JwtBearerSource, RefreshToken, RefreshTokenSource, Rotation, StaticCode, StaticCodeSource,
    TokenExchange, TokenExchangeSource, TokenType,
};
#[cfg(feature = "loopback")]
pub use self::oauth::{NativeLogin, open_system_browser};
#[cfg(feature = "password-grant")]
pub use self::oauth::{Password, PasswordSource};
#[cfg(feature = "oauth")]
pub use self::oauth::{ServerDiscovery, ServerEndpoint, ServerMetadata};
pub use self::origin::Origin;
#[cfg(all(feature = "provider", feature = "loopback"))]
pub use self::provider::ConnectionNativeLogin;
#[cfg(feature = "provider")]
pub use self::provider::{
    AuthKind, AuthMethod, Connection, ConnectionBuilder, FieldFormat, FieldScope, FieldSource, FieldSpec, FieldType,
    FilledProvider, LoggedExchange, ProviderSpec, ProviderSpecs, ProviderValues, RequestLog,
};
#[cfg(all(feature = "provider", feature = "authorization-code"))]
pub use self::provider::{ConnectionLogin, StartedLogin};
pub use self::scope::ScopeSet;
pub use self::secret::Secret;
#[doc(hidden)]
pub use self::sharded::ShardedArc;
#[cfg(feature = "sign-aws")]
pub use self::signing::AwsSigner;
#[cfg(feature = "sign-hmac")]
pub use self::signing::{HmacAlgorithm, HmacSigner, SignatureEncoding};
#[cfg(feature = "command")]
pub use self::source::CommandToken;
pub use self::source::{EnvToken, FileToken, RefreshCause, SourceRequest, StaticToken, TokenSource};
#[cfg(feature = "verify")]
pub use self::token::SubjectToken;
pub use self::token::{Expiry, Lifetime, Token, TokenKind, TokenResponse};
#[cfg(feature = "spec")]
pub use self::verify::VerifierSpec;
#[cfg(feature = "jwt")]
pub use self::verify::{Actor, Claim, ClaimedIssuer, JwtVerifier, Preset, Profile, TrustedIssuers};
#[cfg(feature = "verify")]
pub use self::verify::{
    ApiKeyLookup, ApiKeyRecord, ApiKeyVerifier, BasicVerifier, IncomingCredential, IncomingRequest, KeysState,
    KeysStatus, Method, NewApiKey, Policy, Principal, Rejection, RejectionBody, RejectionKind, ResourceMetadata,
    Scheme, Verification, Verified, Verifier, VerifierId, VerifierStatus,
};
#[cfg(feature = "verify")]
pub use self::verify::{CertificateHeader, PeerAddress, PeerCertificate};
#[cfg(feature = "introspection")]
pub use self::verify::{IntrospectionStatus, IntrospectionVerifier};
#[cfg(feature = "password-hash")]
pub use self::verify::{PasswordCost, PasswordHash, StrongerHash, UserAccount, UserLookup};

/// The examples of `docs/presets.md`, compiled.
#[cfg(all(doctest, feature = "http", feature = "jwt"))]
#[doc = include_str!("../../docs/presets.md")]
struct PresetsPage;
