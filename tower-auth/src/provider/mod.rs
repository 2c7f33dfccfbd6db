//! The outgoing layer for an API that a file describes.

mod future;
mod layer;
mod service;
mod slot;

pub use self::future::ProviderFuture;
pub use self::layer::ProviderLayer;
pub use self::service::Provider;
