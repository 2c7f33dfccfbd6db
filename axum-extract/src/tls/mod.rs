//! Connections over TLS, whose clients may show certificates.

mod listener;
mod peer;

pub use self::listener::TlsListener;
pub use self::peer::TlsPeer;
