//! The default transport: HTTP/1.1 and 2 over rustls, without anything that could carry a credential elsewhere.

mod address;
mod builder;
mod clients;
mod connect;
mod identity;
mod proxy;
mod resolve;
mod service;
mod tls;

pub use self::address::AddressPolicy;
pub use self::builder::HttpTransport;
pub use self::proxy::Proxy;

#[cfg(feature = "oauth")]
pub(crate) use self::identity::ClientIdentity;
