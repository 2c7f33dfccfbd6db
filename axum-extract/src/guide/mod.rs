//! How to guard what is not one request with one answer, and what browsers need. Everything here is documentation; its
//! programs are compiled.
//!
//! - [`browsers`]: scripts of other origins, preflight requests, cookies.
//! - [`websockets`]: where a WebSocket's token comes from, and how the connection ends with it.
//! - [`streams`]: server-sent events and other long answers.
//! - [`proofs`]: tokens bound to a key, by DPoP or by a client certificate.

#[cfg_attr(feature = "jwt", doc = include_str!("browsers.md"))]
#[cfg_attr(not(feature = "jwt"), doc = "Scripts of other origins: with the feature `jwt`.")]
pub mod browsers {}

#[cfg_attr(feature = "jwt", doc = include_str!("websockets.md"))]
#[cfg_attr(not(feature = "jwt"), doc = "WebSockets: with the feature `jwt`.")]
pub mod websockets {}

#[cfg_attr(feature = "jwt", doc = include_str!("streams.md"))]
#[cfg_attr(not(feature = "jwt"), doc = "Long answers: with the feature `jwt`.")]
pub mod streams {}

#[cfg_attr(feature = "dpop", doc = include_str!("proofs.md"))]
#[cfg_attr(not(feature = "dpop"), doc = "Tokens that are bound to a key: with the feature `dpop`.")]
pub mod proofs {}
