//! Responses that end with the credential of their caller.

mod body;
mod future;
mod layer;
mod service;

pub use self::body::ExpiringBody;
pub use self::future::EndAtExpiryFuture;
pub use self::layer::EndAtExpiryLayer;
pub use self::service::EndAtExpiry;
