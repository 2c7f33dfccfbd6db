//! The outgoing layer for reqwest. The recovery is the one of `auth/`; here requests and responses change their types.

mod client;
mod exchange;
#[cfg(feature = "provider")]
mod provider;
mod sender;
