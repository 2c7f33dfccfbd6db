//! How a client proves itself.

use tower_auth_testing::{AuthorizationServer, Endpoint, TestClient, TestClock};

use crate::script::{Script, basic, form, form_by, grants, json, json_body};
use crate::{acme, authorization, builder, connect, pair, values};

const URL: &str = "https://login.acme.test/token";
const SECRET: &str = "s3cret%2B%2F%25%3A";

fn credentials(more: &str) -> String {
    acme(&format!("kind = \"oauth2_client_credentials\"\ntoken_url = \"{URL}\"\n{more}"))
}

async fn gets_a_token(more: &str, request: String) {
    let (server, time) = (Script::new().on(request, grants("t0k")), TestClock::new());
    let connection = connect(&credentials(more), &pair(&[]), &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

// SYS-A7
#[tokio::test]
async fn basic_is_raw_or_form_encoded() {
    let body = "grant_type=client_credentials";
    gets_a_token("client_auth = 'basic'", form_by("id:s3cret+/%:", URL, body)).await;
    let encoded = "client_auth = 'basic'\nbasic_encoding = 'form'";
    gets_a_token(encoded, form_by("id:s3cret%2B%2F%25%3A", URL, body)).await;
}

#[tokio::test]
async fn the_pair_goes_in_the_body_or_in_both_places() {
    let body = format!("grant_type=client_credentials&client_id=id&client_secret={SECRET}");
    gets_a_token("", form(URL, &body)).await;
    gets_a_token("client_auth = 'both'", form_by("id:s3cret+/%:", URL, &body)).await;
}

#[tokio::test]
async fn a_public_client_sends_its_id_alone_or_nothing() {
    let file = credentials("client_auth = 'none'");
    let server = Script::new().on(form(URL, "grant_type=client_credentials&client_id=id"), grants("t0k"));
    let time = TestClock::new();
    let connection = connect(&file, &[("client_id", "id")], &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer t0k");
    let file = credentials("client_auth = 'none'\nparam_names = { client_id = false }");
    let server = Script::new().on(form(URL, "grant_type=client_credentials"), grants("t0k"));
    let connection = connect(&file, &[], &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

#[tokio::test]
async fn the_secret_is_the_user_of_the_pair() {
    let more = "client_auth = 'basic'\nbasic_user = '{client_secret}'";
    let server = Script::new().on(form_by("s3cret+/:", URL, "grant_type=client_credentials"), grants("t0k"));
    let connection =
        connect(&credentials(more), &[("client_id", "id"), ("client_secret", "s3cret+/")], &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

#[tokio::test]
async fn the_pair_is_called_username_and_password() {
    let more = "body_format = 'json'\ngrant_type = 'omit'\nparam_names = { client_id = 'username', client_secret = 'password' }";
    gets_a_token(more, json_body(URL, r#"{"username":"id","password":"s3cret+/%:"}"#)).await;
}

// SYS-U6
#[tokio::test]
async fn auto_tries_the_other_way_once_and_remembers() {
    let body = format!("grant_type=client_credentials&client_id=id&client_secret={SECRET}");
    let server = Script::new()
        .on(form(URL, &body), json(401, r#"{"error":"invalid_client"}"#))
        .on(form_by("id:s3cret+/%:", URL, "grant_type=client_credentials"), grants("one"))
        .on(form_by("id:s3cret+/%:", URL, "grant_type=client_credentials"), grants("two"));
    let time = TestClock::new();
    let connection = connect(&credentials("client_auth = 'auto'"), &pair(&[]), &server, &time);
    assert_eq!(authorization(&connection).await, "Bearer one");
    time.advance(crate::seconds(3600)).await;
    assert_eq!(authorization(&connection).await, "Bearer two");
}

// SYS-U6
#[tokio::test]
async fn an_operator_chooses_another_way() {
    let server = Script::new().on(form_by("id:s3cret+/%:", URL, "grant_type=client_credentials"), grants("t0k"));
    let connection = connect(&credentials(""), &pair(&[("client_auth", "basic")]), &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}

/// A key pair, as PEM and as a JWK with its public half.
fn key() -> (String, String) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let point = pair.public_key_raw();
    let half = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    let jwk = format!(r#"{{"kty":"EC","crv":"P-256","kid":"k1","x":"{}","y":"{}"}}"#, half(1..33), half(33..65));
    (pair.serialize_pem(), jwk)
}

#[tokio::test]
async fn a_client_signs_an_assertion_with_its_key() {
    let time = TestClock::new();
    let (pem, jwk) = key();
    let server = AuthorizationServer::builder()
        .client_with(TestClient::without_secret("id").private_key_jwt(jwk))
        .clock(time.clock())
        .build()
        .unwrap();
    let file = acme(
        "kind = 'oauth2_client_credentials'\nclient_auth = 'private_key_jwt'\n\
         assertion = { alg = 'ES256', kid = '{key_id}', lifetime = '2m', claims = { aud = '{audience}', deployment = '{key_id}' } }\n\
         [[auth.fields]]\nname = 'key_id'\n[[auth.fields]]\nname = 'audience'",
    );
    let (url, issuer) = (server.token_url(), server.issuer());
    let given = [
        ("client_id", "id"),
        ("private_key", pem.as_str()),
        ("key_id", "k1"),
        ("audience", issuer.as_str()),
        ("token_url", url.as_str()),
    ];
    let script = Script::new();
    let connection = builder(&file, &given, &script, &time).http_client(server.http_client()).build().unwrap();
    assert!(authorization(&connection).await.starts_with("Bearer "));
    let request = server.requests().into_iter().find(|one| one.endpoint() == Endpoint::Token).unwrap();
    assert_eq!(request.param("client_secret"), None);
    let claims: serde_json::Value = serde_json::from_str(&request.assertion_claims().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_str(&request.assertion_header().unwrap()).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"], &claims["aud"]), (&"id".into(), &"id".into(), &issuer.as_str().into()));
    assert_eq!(claims["exp"].as_u64().unwrap(), crate::unix(&time) + 120);
    assert_eq!((&claims["deployment"], &header["kid"], &header["alg"]), (&"k1".into(), &"k1".into(), &"ES256".into()));
    // Another key is another client.
    let (other, _) = key();
    let given = [
        ("client_id", "id"),
        ("private_key", other.as_str()),
        ("key_id", "k1"),
        ("audience", issuer.as_str()),
        ("token_url", url.as_str()),
    ];
    let connection = builder(&file, &given, &script, &time).http_client(server.http_client()).build().unwrap();
    assert_eq!(connection.credential().await.unwrap_err().oauth_error(), Some("invalid_client"));
}

#[tokio::test]
async fn a_client_signs_an_assertion_with_its_secret() {
    let time = TestClock::new();
    let secret = "a secret of thirty-two characters, or more";
    let server = AuthorizationServer::builder()
        .client_with(TestClient::new("id", secret).client_secret_jwt())
        .clock(time.clock())
        .build()
        .unwrap();
    let file = acme(
        "kind = 'oauth2_client_credentials'\nclient_auth = 'client_secret_jwt'\nassertion = { claims = { aud = '{audience}' } }\n[[auth.fields]]\nname = 'audience'",
    );
    let (url, issuer) = (server.token_url(), server.issuer());
    let given =
        [("client_id", "id"), ("client_secret", secret), ("audience", issuer.as_str()), ("token_url", url.as_str())];
    let script = Script::new();
    let connection = builder(&file, &given, &script, &time).http_client(server.http_client()).build().unwrap();
    assert!(authorization(&connection).await.starts_with("Bearer "));
}

#[tokio::test]
async fn a_certificate_proves_the_client_and_must_be_one() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["id.test".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let (certificate, key) = (certificate.pem(), pair.serialize_pem());
    let file = credentials("client_auth = 'mtls'");
    let given = [("client_id", "id"), ("certificate", certificate.as_str()), ("private_key", key.as_str())];
    let server = Script::new().on(form(URL, "grant_type=client_credentials&client_id=id"), grants("t0k"));
    let connection = connect(&file, &given, &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
    // The transport of its own takes the pair, and objects to another.
    let spec = tower_auth_core::ProviderSpec::from_toml(&file).unwrap();
    assert!(spec.fill(&values(&given)).unwrap().connect().build().is_ok());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let given = [("client_id", "id"), ("certificate", broken), ("private_key", key.as_str())];
    assert!(spec.fill(&values(&given)).unwrap().connect().build().is_err());
}

#[tokio::test]
async fn an_api_key_buys_tokens_by_basic() {
    // An empty password, as Stripe's apps have it.
    let file = acme(
        "kind = 'login'\ntoken_url = 'https://login.acme.test/session'\nclient_auth = 'basic'\nbasic_user = '{key}'\n\
         [[auth.fields]]\nname = 'key'\nsecret = true",
    );
    let request = format!("POST https://login.acme.test/session\nauthorization: {}\n", basic("sk_1:"));
    let server = Script::new().on(request, grants("t0k"));
    let connection = connect(&file, &[("key", "sk_1")], &server, &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}
