//! The client credentials grant against endpoints in memory.
#![cfg(feature = "oauth")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[cfg(feature = "authorization-code")]
mod authorize;
mod client_auth;
mod endpoint;
#[cfg(feature = "loopback")]
mod native;
mod outcome;
mod request;
mod secrecy;
