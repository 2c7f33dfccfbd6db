//! Authentication for tonic: `GrpcValidateLayer` (feature `verify`) lets only callers with good credentials reach a gRPC server.
//!
//! - `GrpcValidateLayer`: the layer for servers. It knows the method that is called, and waits for keys that must be fetched.
//! - `VerifyInterceptor`: authentication alone, by a synchronous interceptor, for code that has room for nothing else.
//! - `principal`: who called, in a handler.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use tower_auth_core as core;

#[cfg(feature = "verify")]
mod server;

#[cfg(feature = "verify")]
pub use self::server::{
    GrpcValidate, GrpcValidateFuture, GrpcValidateLayer, VerifyInterceptor, principal, status_from_rejection,
};
