//! The outgoing layer for an API that a file describes.

mod body_future;
mod body_layer;
mod future;
mod layer;
mod service;
mod slot;

pub use self::body_future::BodyCredentialFuture;
pub use self::body_layer::{BodyCredential, BodyCredentialLayer};
pub use self::future::ProviderFuture;
pub use self::layer::ProviderLayer;
pub use self::service::Provider;
