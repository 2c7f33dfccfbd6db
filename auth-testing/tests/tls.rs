//! The socket forms over TLS.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use tower_auth_core::{HttpTransport, TransportError, TransportErrorKind};
use tower_auth_testing::{AuthorizationServer, ResourceServer, TestCa};

#[tokio::test]
async fn both_servers_speak_tls_to_whoever_trusts_the_authority() {
    let ca = TestCa::new();
    let server = AuthorizationServer::builder().client("orders", "secret").build().unwrap();
    let api = ResourceServer::builder().issuer(&server).build();
    let (_server, listening) = (server.listen_tls(&ca).await.unwrap(), api.listen_tls(&ca).await.unwrap());
    let http = HttpTransport::new().only_roots(ca.pem()).build().unwrap();

    let tokens = server.client_credentials("orders").http_client(http.clone()).cached().unwrap();
    let mut request = Request::get(listening.url("/")).body(Bytes::new()).unwrap();
    tokens.current().await.unwrap().credential.apply(&mut request).unwrap();
    let response = http.send(request).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    assert!(server.issuer().starts_with("https://127.0.0.1:"));
    listening.shutdown().await;
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let api = ResourceServer::builder().build();
    let listening = api.listen_tls(&TestCa::new()).await.unwrap();
    let http = HttpTransport::new().only_roots(TestCa::new().pem()).build().unwrap();
    let error = http.send(Request::get(listening.url("/")).body(Bytes::new()).unwrap()).await.unwrap_err();
    assert_eq!(TransportError::find(&*error).map(TransportError::kind), Some(TransportErrorKind::Tls));
    assert_eq!(api.request_count(), 0);
}
