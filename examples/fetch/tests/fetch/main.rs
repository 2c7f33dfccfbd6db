//! The program against servers on loopback that do what the providers' documents say, and refuse everything else.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod alloy;
mod aluma;
mod alvys;
mod errors;
mod grpc;
mod login;
mod many;
mod options;
mod support;
