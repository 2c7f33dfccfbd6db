//! Grants against endpoints in memory.
#![cfg(feature = "oauth")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[cfg(feature = "authorization-code")]
mod authorize;
#[cfg(feature = "jwt")]
mod bearer;
#[cfg(all(feature = "dpop", feature = "authorization-code"))]
mod bound;
#[cfg(feature = "jwt")]
mod caller;
#[cfg(feature = "http")]
mod certificates;
mod client_auth;
mod codes;
mod device;
mod device_hostile;
mod discovery;
mod endpoint;
mod exchange;
mod introspect;
#[cfg(feature = "authorization-code")]
mod known_clients;
mod metadata;
#[cfg(feature = "loopback")]
mod native;
mod outcome;
#[cfg(feature = "password-grant")]
mod password;
mod refresh;
mod refresh_stress;
mod registration;
mod request;
mod resource;
mod revoke;
mod script;
mod secrecy;
