//! The client credentials grant against endpoints in memory.
#![cfg(feature = "oauth")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod client_auth;
mod endpoint;
mod outcome;
mod request;
mod secrecy;
