//! The built program from outside.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod config;
mod cors;
mod grpc;
mod lifecycle;
mod metadata;
mod proxy;
mod routes;
mod rules;
mod support;
mod tls;
