//! Clients that are known by their certificate.

use tower_auth_core::{ClientAuth, ClientCredentials, HttpClient, HttpTransport, OAuthClient, TokenErrorKind};
use tower_auth_testing::{AuthorizationServer, ResourceServer, TestCa, TestCertificate, TestClient};

fn transport(ca: &TestCa, shown: Option<&TestCertificate>) -> HttpClient {
    let builder = HttpTransport::new().only_roots(ca.pem());
    match shown {
        Some(shown) => builder.client_certificate(shown.pem(), shown.key_pem()).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

// R8705-2a
#[tokio::test]
async fn a_certificate_proves_the_client_and_its_token_works_over_it_alone() {
    let (ca, own) = (TestCa::new(), TestCertificate::self_signed("orders.test"));
    let signed = ca.client_certificate("orders.test");
    let server = AuthorizationServer::builder()
        .client_with(TestClient::without_secret("by-subject").tls_client_auth("CN=orders.test"))
        .client_with(TestClient::without_secret("by-thumbprint").self_signed_tls_client_auth(own.thumbprint()))
        .build()
        .unwrap();
    let listening = server.listen_mtls(&ca).await.unwrap();
    let api = ResourceServer::builder().issuer(&server).build();
    let api = api.listen_mtls(&ca).await.unwrap();
    let (other, stranger) = (ca.client_certificate("billing.test"), TestCa::new().client_certificate("orders.test"));
    for (id, method, good, bad) in [
        ("by-subject", ClientAuth::TlsClientAuth, &signed, &own),
        ("by-thumbprint", ClientAuth::SelfSignedTlsClientAuth, &own, &signed),
    ] {
        let source = |shown: Option<&TestCertificate>| {
            let client = OAuthClient::builder(id).client_auth(method).token_endpoint(listening.url("/token"));
            ClientCredentials::over(client.http_client(transport(&ca, shown))).build().unwrap()
        };
        let cache = source(Some(good)).cache_builder().build().unwrap();
        let current = cache.current().await.unwrap();
        for (shown, status) in [(Some(good), 200), (Some(&other), 401), (None, 401)] {
            let mut request = http::Request::get(api.url("/")).body(bytes::Bytes::new()).unwrap();
            current.credential.apply(&mut request).unwrap();
            assert_eq!(transport(&ca, shown).send(request).await.unwrap().status(), status, "{id} {shown:?}");
        }
        for shown in [None, Some(bad), Some(&other), Some(&stranger)] {
            let error = source(shown).request_token().await.unwrap_err();
            assert_eq!(
                (error.kind(), error.oauth_error()),
                (TokenErrorKind::Misconfigured, Some("invalid_client")),
                "{id} {shown:?}"
            );
        }
    }
}
