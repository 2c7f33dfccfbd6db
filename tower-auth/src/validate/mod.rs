//! The incoming layer: whose requests reach the service, and what the others are answered.

mod admission;
mod future;
mod layer;
mod service;

pub use self::future::ValidateFuture;
pub use self::layer::ValidateLayer;
pub use self::service::Validate;
