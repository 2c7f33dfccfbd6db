//! x
#[cfg(feature = "connect")]
#[allow(dead_code, unused_imports, reason = "the router uses it")]
mod connect;
