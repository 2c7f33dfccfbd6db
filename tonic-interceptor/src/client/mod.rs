//! The outgoing side: a layer that recovers from refusals, and an interceptor that does not.

mod deadline;
mod future;
mod interceptor;
mod layer;
mod peek;
mod request_body;
mod service;
mod status;
mod transport;

pub use self::future::GrpcAuthFuture;
pub use self::interceptor::TokenInterceptor;
pub use self::layer::GrpcAuthLayer;
pub use self::service::GrpcAuth;
