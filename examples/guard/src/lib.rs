//! A guarded HTTP and gRPC service, or a guard in front of another one, whose callers a configuration file describes.
#![forbid(unsafe_code)]

pub mod args;
pub mod check;
pub mod config;
pub mod grpc;
pub mod http;
pub mod listen;
pub mod proxy;
