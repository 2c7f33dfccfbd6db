//! Token sources, a lock-free token cache, an OAuth 2.0 client, and verification of incoming credentials: the
//! core of the `tower-auth` family.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cache;
mod challenge;
mod clock;
mod credential;
mod error;
mod http;
#[cfg(feature = "jwt")]
pub mod jose;
#[cfg(any(feature = "oauth", feature = "jwt"))]
mod json;
#[cfg(feature = "oauth")]
mod oauth;
mod origin;
mod scope;
mod secret;
mod source;
mod token;
#[cfg(feature = "verify")]
mod verify;

pub use self::cache::{
    CacheState, CacheStatus, Current, Generation, Invalidation, TokenCache, TokenCacheBuilder, TokenCaches, TokenReader,
};
pub use self::challenge::Challenge;
pub use self::clock::{Clock, MonotonicTime, TimeSource};
pub use self::credential::{Basic, Credential, Placement};
pub use self::error::{BoxError, ConfigError, ConfigErrorKind, FailureClass, TokenError, TokenErrorKind};
#[cfg(feature = "spec")]
pub use self::error::{ConfigErrors, ConfigMistake};
#[cfg(any(feature = "http", feature = "oauth", feature = "jwt"))]
pub use self::http::Dangerous;
#[cfg(feature = "http")]
pub use self::http::{AddressPolicy, HttpTransport, Proxy};
pub use self::http::{HttpClient, HttpResponseFuture, TransportError, TransportErrorKind};
#[cfg(feature = "oauth")]
pub use self::oauth::{
    BodyFormat, ClientAuth, ClientCredentials, ClientCredentialsSource, OAuthClient, OAuthClientBuilder,
};
pub use self::origin::Origin;
pub use self::scope::ScopeSet;
pub use self::secret::Secret;
pub use self::source::{EnvToken, FileToken, RefreshCause, SourceRequest, StaticToken, TokenSource};
pub use self::token::{Expiry, Lifetime, Token, TokenKind, TokenResponse};
#[cfg(feature = "spec")]
pub use self::verify::VerifierSpec;
#[cfg(feature = "verify")]
pub use self::verify::{
    ApiKeyVerifier, BasicVerifier, IncomingCredential, Method, Principal, Rejection, RejectionKind, Verification,
    Verified, Verifier, VerifierId,
};
#[cfg(feature = "jwt")]
pub use self::verify::{JwtVerifier, Profile};
