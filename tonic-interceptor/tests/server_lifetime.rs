//! Calls that last longer than the credential they began with.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod server_support;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_stream::{Stream, StreamExt, once, pending};
use tonic::codegen::BoxStream;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::Layer;
use tower_auth_testing::TestClock;
use tower_auth_tonic::GrpcValidateLayer;

use self::server_support::{Issuer, bearer, client, metadata, serve_routes};

const SERVING: HealthCheckResponse = HealthCheckResponse { status: ServingStatus::Serving as i32 };

/// Says one thing and then nothing for ever; tells when its stream is dropped.
#[derive(Clone, Default)]
struct Patient {
    left: Arc<AtomicBool>,
}

struct Leave(Arc<AtomicBool>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tonic::async_trait]
impl Health for Patient {
    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let _leave = Leave(Arc::clone(&self.left));
        std::future::pending().await
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let leave = Leave(Arc::clone(&self.left));
        let stream = once(Ok(SERVING)).chain(pending()).map(move |item| {
            let _ = &leave;
            item
        });
        Ok(Response::new(Box::pin(stream) as Self::WatchStream))
    }
}

async fn serve(layer: GrpcValidateLayer, service: &Patient) -> SocketAddr {
    serve_routes(Routes::new(layer.layer(HealthServer::new(service.clone())))).await
}

/// Lets time pass until `work` is done.
async fn while_time_passes<T>(time: &TestClock, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::task::yield_now() => time.tick(Duration::from_millis(50)),
        }
    }
}

async fn next<S: Stream<Item = Result<HealthCheckResponse, Status>> + Unpin>(
    stream: &mut S,
) -> Option<Result<HealthCheckResponse, Status>> {
    stream.next().await
}

// GRPC-3, GRPC-4
#[tokio::test]
async fn a_stream_ends_with_its_credential_and_its_caller_learns_why() {
    let (issuer, service) = (Issuer::new(), Patient::default());
    let layer = GrpcValidateLayer::new(issuer.verifier()).end_at_expiry().clock(issuer.time.clock());
    let mut client = client(serve(layer, &service).await, [issuer.bearer()]).await;
    let mut stream = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await.unwrap().unwrap(), SERVING);
    let status = while_time_passes(&issuer.time, next(&mut stream)).await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "The access token has expired"));
    assert!(metadata(&status, "www-authenticate").unwrap().contains("error=\"invalid_token\""));
    assert!(service.left.load(Ordering::SeqCst), "the service's own stream is dropped");
}

// GRPC-3
#[tokio::test]
async fn a_call_that_is_not_answered_ends_too() {
    let (issuer, service) = (Issuer::new(), Patient::default());
    let layer = GrpcValidateLayer::new(issuer.verifier()).end_at_expiry().clock(issuer.time.clock());
    let mut client = client(serve(layer, &service).await, [issuer.bearer()]).await;
    let call = client.check(HealthCheckRequest::default());
    let status = while_time_passes(&issuer.time, call).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(service.left.load(Ordering::SeqCst));
}

#[tokio::test]
async fn by_default_a_stream_outlives_its_credential() {
    let (issuer, service) = (Issuer::new(), Patient::default());
    let layer = GrpcValidateLayer::new(issuer.verifier()).clock(issuer.time.clock());
    let mut client = client(serve(layer, &service).await, [issuer.bearer()]).await;
    let mut stream = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    next(&mut stream).await.unwrap().unwrap();
    issuer.time.tick(Duration::from_secs(90_000));
    let silence = tokio::time::timeout(Duration::from_millis(50), next(&mut stream)).await;
    assert!(silence.is_err(), "nothing ends it");
}

// THREAT-K3
#[tokio::test]
async fn a_stream_whose_credential_is_checked_again_ends_when_the_key_is_withdrawn() {
    let (issuer, service) = (Issuer::new(), Patient::default());
    let verifier = issuer.verifier();
    let every = Duration::from_secs(30);
    let layer = GrpcValidateLayer::new(verifier.clone()).recheck(every).unwrap().clock(issuer.time.clock());
    // It expires in an hour, so nothing but the key can end it within half of that.
    let token = bearer(issuer.token());
    let mut client = client(serve(layer.strip_authorization(), &service).await, [token]).await;
    let mut stream = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    next(&mut stream).await.unwrap().unwrap();
    issuer.server.rotate_keys(false);
    let status = while_time_passes(&issuer.time, next(&mut stream)).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(service.left.load(Ordering::SeqCst));
}

#[tokio::test]
async fn checks_more_often_than_once_a_second_are_a_mistake() {
    let layer = GrpcValidateLayer::new(Issuer::new().verifier());
    assert!(layer.clone().recheck(Duration::from_millis(999)).is_err());
    assert!(layer.recheck(Duration::from_secs(1)).is_ok());
}
