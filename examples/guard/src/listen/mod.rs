//! Connections: accepted, protected by TLS where that is configured, and brought to their end.

mod any_certificate;
mod serve;
mod server_config;

pub use self::serve::Listener;
pub(crate) use self::server_config::server_config;
