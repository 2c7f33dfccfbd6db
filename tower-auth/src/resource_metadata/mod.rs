//! A layer that serves the metadata of a protected resource.

mod future;
mod layer;
mod service;

pub use self::future::ServeResourceMetadataFuture;
pub use self::layer::ResourceMetadataLayer;
pub use self::service::ServeResourceMetadata;
