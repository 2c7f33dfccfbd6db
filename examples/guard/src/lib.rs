//! A guarded HTTP and gRPC service whose callers a configuration file describes.
#![forbid(unsafe_code)]

pub mod args;
pub mod check;
pub mod config;
pub mod grpc;
pub mod http;
pub mod server_spec;
