//! Dynamic client registration (RFC 7591), and what a client may do with its registration afterwards (RFC 7592).

mod client_registration;
mod exchange;
mod registered_client;

pub use self::client_registration::ClientRegistration;
pub use self::registered_client::RegisteredClient;
