//! The incoming layer: whose requests reach the service, and what the others are answered.

mod admission;
mod bodies;
mod future;
mod layer;
mod service;

pub use self::bodies::{EmptyBodies, RefusalBodies, WrittenBodies};
pub use self::future::ValidateFuture;
pub use self::layer::ValidateLayer;
pub use self::service::Validate;
