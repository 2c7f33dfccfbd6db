use axum::http::StatusCode;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, Flaw};

use crate::support::{Guard, Upstream, bearer, callers};

const SERVER: &str = "[server]\nallow_plaintext_issuer = true\n";

async fn client(address: &str) -> HealthClient<tonic::transport::Channel> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    HealthClient::new(endpoint.connect().await.unwrap())
}

fn request(token: Option<&str>) -> tonic::Request<HealthCheckRequest> {
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request
}

async fn health(address: &str, token: Option<&str>) -> Code {
    client(address).await.check(request(token)).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

// GRPC-3
#[tokio::test(flavor = "multi_thread")]
async fn health_is_for_good_credentials_only() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = Guard::start(&format!("{}{SERVER}", callers(&server.issuer())));
    let good = server.mint().audience("orders").sign();
    let bad = server.mint().audience("orders").flaw(Flaw::Expired).sign();
    assert_eq!(health(&guard.grpc, Some(&good)).await, Code::Ok);
    assert_eq!(health(&guard.grpc, Some(&bad)).await, Code::Unauthenticated);
    assert_eq!(health(&guard.grpc, None).await, Code::Unauthenticated);
}

// THREAT-V16, GRPC-7
#[tokio::test(flavor = "multi_thread")]
async fn without_keys_the_answer_is_503_and_unavailable_and_sigterm_ends_with_0() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    server.fault(Endpoint::Jwks, Fault::status(StatusCode::INTERNAL_SERVER_ERROR).always());
    let upstream = Upstream::start().await;
    let mut guard = Guard::start(&format!("{}{SERVER}{}", callers(&server.issuer()), upstream.section("")));
    let token = server.mint().audience("orders").sign();
    assert_eq!(health(&guard.grpc, Some(&token)).await, Code::Unavailable);
    for path in ["/me", "/behind"] {
        let answer = guard.get(path, &bearer(&token));
        assert!(answer.status == 503 && !answer.values("retry-after").is_empty(), "{answer:?}");
    }
    assert!(upstream.seen().is_empty());
    guard.terminate();
    assert_eq!(guard.wait(), Some(0));
}

// GRPC-3, GRPC-8
#[tokio::test(flavor = "multi_thread")]
async fn methods_may_be_open_or_need_a_scope() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let rule = "[grpc]\nallow = \"/grpc.health.v1.Health/Watch\"\n[[grpc.rule]]\nname = \"grpc.health.v1.Health\"\nrequire = { scope = \"health\" }\n";
    let guard = Guard::start(&format!("{}{SERVER}{rule}", callers(&server.issuer())));
    let mint = || server.mint().audience("orders");
    assert_eq!(health(&guard.grpc, Some(&mint().sign())).await, Code::PermissionDenied);
    assert_eq!(health(&guard.grpc, Some(&mint().scopes(["health"]).sign())).await, Code::Ok);
    assert_eq!(health(&guard.grpc, None).await, Code::Unauthenticated);
    let mut watch = client(&guard.grpc).await.watch(request(None)).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
}

// GRPC-3, THREAT-T8
#[tokio::test(flavor = "multi_thread")]
async fn grpc_goes_through_to_an_upstream_with_its_trailers_and_streams() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let (reporter, service) = tonic_health::server::health_reporter();
    let routes = tonic::service::Routes::new(service).into_axum_router();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let text = format!("{}{SERVER}[upstream]\nurl = \"http://{upstream}\"\nhttp2 = true\n", callers(&server.issuer()));
    let guard = Guard::start(&text);
    let good = server.mint().audience("orders").sign();
    assert_eq!(health(&guard.http, Some(&good)).await, Code::Ok);
    assert_eq!(health(&guard.http, None).await, Code::Unauthenticated);
    let mut named = request(Some(&good));
    named.get_mut().service = "unknown".to_owned();
    let status = client(&guard.http).await.check(named).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "the upstream's own status came through: {status:?}");

    let mut watch = client(&guard.http).await.watch(request(Some(&good))).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    assert_eq!(watch.message().await.unwrap().unwrap().status, 2, "each message comes when it is sent");
}
