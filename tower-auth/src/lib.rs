//! Tower layers for authentication over any `http` service: [`AuthLayer`] puts live credentials on outgoing requests.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use tower_auth_core as core;

mod auth;

pub use self::auth::{
    Auth, AuthError, AuthErrorKind, AuthLayer, Credentials, ExistingCredential, NotRecovered, ReplayBody,
    RequestCredentials, ResponseFuture, SkipAuth, asks_for_a_new_token,
};
