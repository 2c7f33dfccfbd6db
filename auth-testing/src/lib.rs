//! What a service needs to test its authentication: an authorization server, tokens good and bad, an API that wants them, and a
//! clock that moves when it is told to.
//!
//! Everything but the whole providers works in memory, without a socket and without waiting, and over loopback sockets.
//!
//! ```
//! use std::time::Duration;
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, ResourceServer, TestClock};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let time = TestClock::new();
//! let server = AuthorizationServer::builder().client("orders", "secret").clock(time.clock()).build()?;
//! let api = ResourceServer::builder().issuer(&server).build();
//! let tokens = server.client_credentials("orders").cached()?;
//!
//! // The token endpoint fails once; the cache waits and tries again.
//! server.fault(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(10));
//! assert!(tokens.token().await.is_err());
//! time.advance(Duration::from_secs(10)).await;
//!
//! let mut request = Request::get("https://api.test/").body(String::new())?;
//! tokens.current().await?.credential.apply(&mut request)?;
//! assert_eq!(api.clone().oneshot(request).await?.status(), StatusCode::OK);
//! assert_eq!(server.token_requests(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! | part | for |
//! |---|---|
//! | [`AuthorizationServer`] | whatever asks for tokens, keys, metadata or introspection |
//! | [`TestClient`], [`Consent`] | who asks, by which method of authentication; what the user says |
//! | [`Fault`] | what happens when one of these fails, hangs, or talks nonsense |
//! | [`Quirk`], [`RefreshPolicy`], [`DpopNonce`] | what happens when a server is otherwise than the standards say, or stricter |
//! | [`RecordedRequest`] | what was sent |
//! | [`TokenMinter`], [`Mint`], [`Flaw`] | handlers and verifiers, without any server |
//! | [`ResourceServer`] | whatever sends tokens |
//! | [`OAuthProvider`], [`ApiKeyProvider`] | other processes and browsers: whole providers on a loopback port, with their descriptions |
//! | [`RefreshReport`], [`RandomFaults`] | whether refresh tokens are spent once, whatever falls over |
//! | [`TestClock`] | everything that waits or expires |
//!
//! The feature `tls`, off by default, adds `TestCa`, `TestCertificate`, `listen_tls` and `listen_mtls`: the socket forms over TLS, with and without
//! certificates of clients.
//!
//! Methods panic where a test is wrong about its own set-up, and say so in their documentation; what comes over the wire never
//! makes one panic.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "tls")]
mod acceptor;
mod body;
#[cfg(feature = "tls")]
mod ca;
mod certificate;
#[cfg(feature = "tls")]
mod client_certificate;
mod clock;
mod delivery;
mod dpop;
mod endpoint;
mod fault;
mod listen;
mod provider;
mod record;
mod replay;
mod resource;
mod server;
#[cfg(feature = "tls")]
mod subject;
mod token;

pub use self::body::TestBody;
#[cfg(feature = "tls")]
pub use self::ca::TestCa;
#[cfg(feature = "tls")]
pub use self::client_certificate::TestCertificate;
pub use self::clock::TestClock;
pub use self::dpop::DpopNonce;
pub use self::endpoint::Endpoint;
pub use self::fault::{ConnectionLost, Fault, RandomFaults};
pub use self::listen::ListeningServer;
pub use self::provider::{ApiKeyProvider, ApiKeyProviderBuilder, OAuthProvider, OAuthProviderBuilder};
pub use self::record::RecordedRequest;
pub use self::resource::{ResourceFuture, ResourceServer, ResourceServerBuilder};
pub use self::server::{
    Account, AuthorizationServer, AuthorizationServerBuilder, Consent, FamilyReport, NoRedirect, Quirk, Redirect,
    RefreshPolicy, RefreshReport, RefreshTokenReport, TestClient, TokenFormat,
};
pub use self::token::{Flaw, Mint, TokenMinter};
