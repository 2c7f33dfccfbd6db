//! Clients and tokens that are known by a certificate.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower_auth_core::{HttpClient, HttpTransport};
use tower_auth_testing::{
    AuthorizationServer, ListeningServer, ResourceServer, TestCa, TestCertificate, TestClient, TokenFormat,
};

use support::{form, introspect, text};

const CC: &str = "grant_type=client_credentials&client_id=";

fn transport(ca: &TestCa, shown: Option<&TestCertificate>) -> HttpClient {
    let builder = HttpTransport::new().only_roots(ca.pem());
    match shown {
        Some(shown) => builder.client_certificate(shown.pem(), shown.key_pem()).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

async fn ask(http: &HttpClient, url: &str, body: &str) -> (u16, Value) {
    let response = http.send(form(url, "", body)).await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

async fn listening(ca: &TestCa, own: &TestCertificate) -> (AuthorizationServer, ListeningServer) {
    let server = AuthorizationServer::builder()
        .client("orders", "secret")
        .client_with(TestClient::without_secret("by-subject").tls_client_auth("CN=orders.test"))
        .client_with(TestClient::without_secret("by-thumbprint").self_signed_tls_client_auth(own.thumbprint()))
        .client_with(TestClient::public("public").require_certificate().grants(["refresh_token"]))
        .build()
        .unwrap();
    let listening = server.listen_mtls(ca).await.unwrap();
    (server, listening)
}

#[tokio::test]
async fn a_client_is_known_by_the_subject_of_a_signed_certificate() {
    let (ca, own) = (TestCa::new(), TestCertificate::self_signed("orders.test"));
    let (_server, listening) = listening(&ca, &own).await;
    let (url, body) = (listening.url("/token"), format!("{CC}by-subject"));
    let signed = ca.client_certificate("orders.test");
    let (status, answer) = ask(&transport(&ca, Some(&signed)), &url, &body).await;
    assert_eq!(status, 200);
    let cnf = json!({ "x5t#S256": signed.thumbprint() });
    assert_eq!(support::claims(text(&answer, "access_token"))["cnf"], cnf);
    let stranger = TestCa::new().client_certificate("orders.test");
    let other = ca.client_certificate("billing.test");
    for shown in [None, Some(&own), Some(&stranger), Some(&other)] {
        let (status, answer) = ask(&transport(&ca, shown), &url, &body).await;
        assert_eq!((status, text(&answer, "error")), (401, "invalid_client"), "{shown:?}");
    }
    // The certificate alone does not say which client it is.
    let nameless = ask(&transport(&ca, Some(&signed)), &url, "grant_type=client_credentials").await;
    assert_eq!(text(&nameless.1, "error"), "invalid_client");
}

#[tokio::test]
async fn a_client_is_known_by_the_thumbprint_of_its_own_certificate() {
    let (ca, own) = (TestCa::new(), TestCertificate::self_signed("anything"));
    let (_server, listening) = listening(&ca, &own).await;
    let (url, body) = (listening.url("/token"), format!("{CC}by-thumbprint"));
    assert_eq!(ask(&transport(&ca, Some(&own)), &url, &body).await.0, 200);
    let (copy, signed) = (TestCertificate::self_signed("anything"), ca.client_certificate("anything"));
    for shown in [None, Some(&copy), Some(&signed)] {
        assert_eq!(ask(&transport(&ca, shown), &url, &body).await.0, 401, "{shown:?}");
    }
}

#[tokio::test]
async fn an_api_takes_a_bound_token_over_its_certificate_alone() {
    let (ca, own) = (TestCa::new(), TestCertificate::self_signed("own"));
    let opaque = TestClient::without_secret("opaque").self_signed_tls_client_auth(own.thumbprint());
    let jwt = TestClient::without_secret("jwt").self_signed_tls_client_auth(own.thumbprint());
    let server = AuthorizationServer::builder()
        .client("orders", "secret")
        .client_with(opaque.format(TokenFormat::Opaque))
        .client_with(jwt)
        .build()
        .unwrap();
    let listening = server.listen_mtls(&ca).await.unwrap();
    let api = ResourceServer::builder().issuer(&server).build();
    let (asking, plain) = (api.listen_mtls(&ca).await.unwrap(), api.listen_tls(&ca).await.unwrap());
    let (with_own, bare) = (transport(&ca, Some(&own)), transport(&ca, None));
    let with_other = transport(&ca, Some(&TestCertificate::self_signed("other")));
    for client in ["opaque", "jwt"] {
        let (_, answer) = ask(&with_own, &listening.url("/token"), &format!("{CC}{client}")).await;
        let token = text(&answer, "access_token");
        assert_eq!(introspect(&server, token).await["cnf"], json!({ "x5t#S256": own.thumbprint() }));
        for (http, url, status) in [
            (&with_own, asking.url("/"), 200),
            (&with_other, asking.url("/"), 401),
            (&bare, asking.url("/"), 401),
            (&with_own, plain.url("/"), 401),
        ] {
            let request = Request::get(&url).header("authorization", format!("Bearer {token}")).body(Bytes::new());
            assert_eq!(http.send(request.unwrap()).await.unwrap().status().as_u16(), status, "{client}");
        }
    }
    let request = Request::get(asking.url("/")).header("authorization", format!("Bearer {}", server.mint().sign()));
    assert_eq!(bare.send(request.body(Bytes::new()).unwrap()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_public_clients_refresh_token_is_bound_to_its_certificate() {
    let (ca, own) = (TestCa::new(), TestCertificate::self_signed("own"));
    let app = TestClient::public("app").redirect_uri("https://app.test/cb");
    let strict = TestClient::public("strict").redirect_uri("https://app.test/cb").require_certificate();
    let server = AuthorizationServer::builder().client_with(app).client_with(strict).build().unwrap();
    let listening = server.listen_mtls(&ca).await.unwrap();
    let url = listening.url("/token");
    let (with_own, bare) = (transport(&ca, Some(&own)), transport(&ca, None));
    let exchange = |client: &str| {
        let code = server.approve(&support::authorize_url(&server, client, "")).unwrap().code().unwrap().to_owned();
        format!("grant_type=authorization_code&client_id={client}&code={code}&code_verifier={}", support::VERIFIER)
    };
    let (_, answer) = ask(&with_own, &url, &exchange("app")).await;
    let refresh = format!("grant_type=refresh_token&client_id=app&refresh_token={}", text(&answer, "refresh_token"));
    assert_eq!(text(&ask(&bare, &url, &refresh).await.1, "error"), "invalid_grant");
    assert_eq!(ask(&with_own, &url, &refresh).await.0, 200);
    assert_eq!(ask(&bare, &url, &exchange("app")).await.0, 200);
    assert_eq!(text(&ask(&bare, &url, &exchange("strict")).await.1, "error"), "invalid_request");
    assert_eq!(ask(&with_own, &url, &exchange("strict")).await.0, 200);
}

#[tokio::test]
async fn aliases_stand_in_the_metadata_beside_another_socket() {
    let (ca, own) = (TestCa::new(), TestCertificate::self_signed("own"));
    let client = TestClient::without_secret("app").self_signed_tls_client_auth(own.thumbprint());
    let server = AuthorizationServer::builder().client_with(client).build().unwrap();
    let document = |http: HttpClient| {
        let url = format!("{}/.well-known/openid-configuration", server.issuer());
        async move {
            let response = http.send(Request::get(url).body(Bytes::new()).unwrap()).await.unwrap();
            serde_json::from_slice::<Value>(response.body()).unwrap()
        }
    };
    let plain = server.listen_tls(&ca).await.unwrap();
    assert!(document(transport(&ca, None)).await.get("mtls_endpoint_aliases").is_none());
    let asking = server.listen_mtls(&ca).await.unwrap();
    let document = document(transport(&ca, None)).await;
    assert_eq!(text(&document, "token_endpoint"), plain.url("/token"));
    assert_eq!(text(&document["mtls_endpoint_aliases"], "token_endpoint"), asking.url("/token"));
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], json!(true));
    assert_eq!(document["token_endpoint_auth_methods_supported"], json!(["self_signed_tls_client_auth"]));
    let with_own = transport(&ca, Some(&own));
    assert_eq!(ask(&with_own, &asking.url("/token"), &format!("{CC}app")).await.0, 200);
    assert_eq!(ask(&with_own, &plain.url("/token"), &format!("{CC}app")).await.0, 401);

    let alone = AuthorizationServer::builder().build().unwrap();
    let listening = alone.listen_mtls(&ca).await.unwrap();
    assert_eq!(alone.issuer(), listening.url(""));
}

// THREAT-L1
#[test]
fn a_certificate_is_shown_without_its_key() {
    let own = TestCertificate::self_signed("own");
    let shown = format!("{own:?}");
    assert!(shown.contains("CN=own") && !shown.contains("PRIVATE"), "{shown}");
}
