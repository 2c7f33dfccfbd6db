//! The way to a token endpoint: a handle over any HTTP client, what can go wrong on the way, and a default client.
//!
//! [`HttpClient`] is all that the OAuth client asks for. With the feature `http` there is a default behind it,
//! [`HttpTransport`]; without it, or for other needs, any tower service of the right shape will do.

#[cfg(any(feature = "http", feature = "oauth"))]
mod buffer;
mod client;
#[cfg(any(feature = "http", feature = "oauth", feature = "jwt", feature = "password-hash"))]
mod dangerous;
#[cfg(any(feature = "oauth", feature = "jwt"))]
mod endpoint;
mod error;
#[cfg(any(feature = "http", feature = "oauth", feature = "jwt"))]
mod plaintext;
#[cfg(any(feature = "oauth", feature = "jwt"))]
mod retry_after;
#[cfg(feature = "http")]
mod transport;

pub use self::client::{HttpClient, HttpResponseFuture};
#[cfg(any(feature = "http", feature = "oauth", feature = "jwt", feature = "password-hash"))]
pub use self::dangerous::Dangerous;
pub use self::error::{TransportError, TransportErrorKind};
#[cfg(feature = "http")]
pub use self::transport::{AddressPolicy, HttpTransport, Proxy};

#[cfg(all(feature = "http", feature = "oauth"))]
pub(crate) use self::transport::ClientIdentity;

#[cfg(any(feature = "http", feature = "oauth"))]
pub(crate) use self::buffer::WipedBuffer;
#[cfg(any(feature = "oauth", feature = "jwt"))]
pub(crate) use self::endpoint::Endpoint;
#[cfg(any(feature = "http", feature = "oauth", feature = "jwt"))]
pub(crate) use self::plaintext::PlaintextOptions;
#[cfg(any(feature = "oauth", feature = "jwt"))]
pub(crate) use self::plaintext::PlaintextRules;
#[cfg(feature = "authorization-code")]
pub(crate) use self::plaintext::ip_literal;
#[cfg(any(feature = "oauth", feature = "jwt"))]
pub(crate) use self::retry_after::retry_after;
