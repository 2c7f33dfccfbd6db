//! Credentials of many users for many connectors: encrypted in a database, renewed safely by however many processes share it, and handed to
//! the layers of `tower-auth` by id.
//!
//! ```no_run
//! # #[cfg(all(feature = "sqlite", feature = "http"))]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_auth_core::ProviderSpec;
//! use tower_auth_store::{Connector, CredentialStore, KeyRing, NewConnection, Owner, SqliteOptions};
//!
//! let backend = SqliteOptions::file("credentials.db").open().await?;
//! let store = CredentialStore::builder(backend, KeyRing::env("STORE_KEYS")?)
//!     .connector(Connector::new(ProviderSpec::from_file("providers/hubspot.toml")?))
//!     .open()
//!     .await?;
//! tokio::spawn(store.run());
//!
//! let alice = Owner::user("alice")?;
//! let credential = store.create(&alice, NewConnection::new("hubspot").value("access_token", "pat-na1-x")).await?;
//! let tokens = store.tokens(&alice, credential.id)?;
//! # Ok(())
//! # }
//! ```
//!
//! `tokens` is a [`TokenCache`](tower_auth_core::TokenCache): give it to an `AuthLayer`, to one request as `RequestCredentials`, or ask it. While
//! its token lives that touches neither lock nor database.
//!
//! | part | what it is |
//! |---|---|
//! | [`CredentialStore`] | create, list, use, test, reconnect, revoke, delete; each call names the [`Owner`] who asks |
//! | [`Connector`] | a described provider with what its operator chose |
//! | [`SqliteOptions`], [`PostgresOptions`] | where the rows are: one file, or a database for a fleet |
//! | [`KeyRing`], [`KeyProvider`] | the keys that everything is sealed with: from environment or file, or in a key management service |
//! | [`CredentialEvents`], [`Webhook`] | what happens to credentials, in this process and for the whole fleet |
//! | [`Backend`] | the seam below, for other databases; `conformance` has the suite that they must pass |
//!
//! The guide is `docs/keep-credentials.md`, what an operator must know `docs/operate-the-store.md`, the tables `docs/store-schema.md`, the sealed
//! format `docs/sealed-format.md`.
//!
//! # Security
//! A foreign credential and an unknown one are not told apart. Whoever reads database, backup or log learns neither secret nor who the users are;
//! whoever writes to the database can destroy, and move nothing from one credential to another. The process itself is trusted.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `http` | yes | the default HTTP client |
//! | `sqlite` | yes | [`SqliteOptions`]: one file, no set-up |
//! | `postgres` | no | [`PostgresOptions`]: for several processes and machines |
//! | `connect` | no | a web page and an HTTP API by which users connect their accounts |
//! | `dpop` | no | [`Connector::bind_tokens`]: tokens that are bound to a key of each credential |
//! | `conformance` | no | the suite that backends of other crates run |
//! | `metrics` | no | counters and gauges of the caches |
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "connect")]
mod connect;
mod connector;
mod error;
mod event;
mod keys;
mod model;
mod seal;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
mod store;
mod vault;

pub use self::backend::*;
#[cfg(feature = "connect")]
pub use self::connect::{Connect, ConnectBuilder, ConnectSession};
pub use self::connector::{Connector, MethodFields};
pub use self::error::{FieldError, StoreError, StoreErrorKind};
pub use self::event::{CredentialEvent, CredentialEvents, EventKind, Webhook};
pub use self::keys::{DataKey, FnKeys, KeyError, KeyErrorKind, KeyProvider, KeyRing, Keys};
pub use self::model::*;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use self::sql::*;
pub use self::store::*;

pub use tower_auth_core as core;

/// The examples of `docs/keep-credentials.md`, compiled.
#[cfg(all(doctest, feature = "http", feature = "sqlite"))]
#[doc = include_str!("../../docs/keep-credentials.md")]
struct KeepCredentialsPage;

/// The examples of the README, compiled.
#[cfg(all(doctest, feature = "http", feature = "sqlite"))]
#[doc = include_str!("../../README.md")]
struct Readme;
