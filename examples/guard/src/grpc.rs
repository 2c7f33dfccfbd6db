//! The gRPC health service.

use tonic::service::Routes;
use tower::Layer;
use tower_auth_tonic::{GrpcValidate, GrpcValidateLayer};

/// The standard health service, for callers that `validate` lets pass.
pub fn service(validate: &GrpcValidateLayer) -> GrpcValidate<Routes> {
    let (_reporter, health) = tonic_health::server::health_reporter();
    validate.layer(Routes::new(health))
}
