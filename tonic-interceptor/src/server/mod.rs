//! The serving side: who may call which method, and what the others are answered.

#[cfg(feature = "connect-info")]
mod connection;
#[cfg(feature = "error-details")]
mod details;
mod future;
mod interceptor;
mod layer;
mod lifetime;
mod method_path;
mod policies;
mod principal;
mod refusal;
mod service;
mod status;

#[cfg(feature = "error-details")]
pub use self::details::status_with_details;
pub use self::future::GrpcValidateFuture;
pub use self::interceptor::VerifyInterceptor;
pub use self::layer::GrpcValidateLayer;
pub use self::lifetime::LifetimeBody;
pub use self::principal::{principal, subject_token};
pub use self::service::GrpcValidate;
pub use self::status::status_from_rejection;
