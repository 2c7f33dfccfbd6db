use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server as GrpcServer;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};
use tonic_health::server::health_reporter;

use crate::support::{Aluma, Grant, Run};

/// A health service that wants one of `tokens`, and the number of calls it got.
async fn health_service(accepted: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let (_reporter, service) = health_reporter();
    let guarded = InterceptedService::new(service, move |request: Request<()>| {
        count.fetch_add(1, Ordering::Relaxed);
        let value = request.metadata().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accepted.contains(&value) {
            Ok(request)
        } else {
            Err(Status::unauthenticated(format!("no such token: {value}")))
        }
    });
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = format!("http://{}", incoming.local_addr().unwrap());
    tokio::spawn(GrpcServer::builder().add_service(guarded).serve_with_incoming(incoming));
    (address, calls)
}

// SYS-L5, SYS-L6
#[tokio::test(flavor = "multi_thread")]
async fn the_health_service_is_asked_with_the_credential_and_a_refused_token_is_replaced() {
    let aluma = Aluma::start(Grant::Wanted).await;
    for (accepted, sends) in [(&["Bearer issued-token-1"], 1), (&["Bearer issued-token-3"], 2)] {
        let (address, calls) = health_service(accepted).await;
        let run = Run::aluma(&aluma).args(&["--allow-plaintext", &address, "--grpc-health", &address, "--json"]);
        let outcome = run.run().await;
        outcome.success();
        let answer = &outcome.objects()[0];
        assert_eq!((&answer["status"], &answer["grpc_status"]), (&json!("SERVING"), &json!(0)));
        assert_eq!((&answer["sends"], &answer["token_generation"]), (&json!(sends), &json!(sends)));
        assert_eq!(calls.load(Ordering::Relaxed), sends);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_service_is_named_and_ends_with_one() {
    let aluma = Aluma::start(Grant::Wanted).await;
    let (address, calls) = health_service(&[]).await;
    let health = |args: &[&str]| Run::aluma(&aluma).args(&["--grpc-health", &address]).args(args);
    let outcome = health(&["--allow-plaintext", &address]).run().await;
    let expected = format!("fetch: {address}/ answered Unauthenticated (16): no such token: Bearer [redacted]\n");
    assert_eq!((outcome.failure(1), calls.load(Ordering::Relaxed)), (expected.as_str(), 2));
    // Plain http has to be allowed, and no token means no call.
    assert!(health(&[]).run().await.failure(2).contains("is plain http"));
    let outcome = health(&["--allow-plaintext", &address]).env("ALUMA__CLIENT_SECRET", "wrong").run().await;
    assert!(outcome.failure(3).starts_with("fetch: no token for Aluma: "));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}
