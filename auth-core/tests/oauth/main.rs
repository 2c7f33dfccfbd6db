//! Grants against endpoints in memory.
#![cfg(feature = "oauth")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[cfg(feature = "authorization-code")]
mod authorize;
#[cfg(feature = "jwt")]
mod bearer;
#[cfg(feature = "jwt")]
mod caller;
mod client_auth;
mod codes;
mod device;
mod device_hostile;
mod discovery;
mod endpoint;
mod exchange;
mod metadata;
#[cfg(feature = "loopback")]
mod native;
mod outcome;
#[cfg(feature = "password-grant")]
mod password;
mod refresh;
mod refresh_stress;
mod request;
mod script;
mod secrecy;
