//! The client credentials grant against endpoints in memory.
#![cfg(feature = "oauth")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod client_auth;
#[cfg(feature = "authorization-code")]
mod authorize;
mod endpoint;
#[cfg(feature = "loopback")]
mod native;
mod outcome;
mod request;
mod secrecy;
