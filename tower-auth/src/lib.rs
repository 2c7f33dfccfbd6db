//! Tower layers for authentication over any `http` service: [`AuthLayer`] puts live credentials on outgoing requests,
//! `ValidateLayer` (feature `verify`) lets only requests with good ones in.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use tower_auth_core as core;

mod auth;
#[cfg(feature = "reqwest")]
mod reqwest_client;
#[cfg(feature = "verify")]
mod validate;

pub use self::auth::{
    Auth, AuthError, AuthErrorKind, AuthLayer, Credentials, ExistingCredential, NotRecovered, ReplayBody,
    RequestCredentials, ResponseFuture, SkipAuth, asks_for_a_new_token,
};
#[cfg(feature = "verify")]
pub use self::validate::{Validate, ValidateFuture, ValidateLayer};
