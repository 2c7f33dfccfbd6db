//! Requests that a description wants signed.

use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request, Uri};
use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{
    Connection, ConnectionBuilder, Credential, RequestSigner, SigningError, SigningErrorKind, SigningRequest,
};
use tower_auth_testing::TestClock;

use crate::wire::{Wire, json};
use crate::{file, fill, spec};

fn begin(method: &str, values: &[(&str, &str)], wire: &Wire) -> ConnectionBuilder {
    let time = TestClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_388_957_500));
    fill(&spec(&file("base_url = \"https://api.acme.test\"", method)), values)
        .connect()
        .http_client(wire.client())
        .clock(time.clock())
}

fn sign(credential: &Credential, request: &mut Request<()>, body: &str) -> Result<(), SigningError> {
    let target: Uri = request.uri().clone();
    credential.sign(request, &target, Some(body.as_bytes()))
}

fn signed(connection: &Connection, body: &str) -> Request<()> {
    let mut request = Request::post("https://api.acme.test/foo?param=value&pet=dog").body(()).unwrap();
    sign(connection.fixed_credential().unwrap(), &mut request, body).unwrap();
    request
}

fn header<'r>(request: &'r Request<()>, name: &str) -> &'r str {
    request.headers()[name].to_str().unwrap()
}

/// The parameters of a `Signature` credential.
fn parameter(request: &Request<()>, name: &str) -> String {
    let text = header(request, "authorization").strip_prefix("Signature ").unwrap();
    let (_, behind) = text.split_once(&format!("{name}=\"")).unwrap();
    behind.split_once('"').unwrap().0.to_owned()
}

const DATE: &str = "Sun, 05 Jan 2014 21:31:40 GMT";

#[test]
fn an_http_signature_covers_request_line_host_date_and_digest() {
    let method = "kind = \"api_key\"\napi_headers = { x-version = \"7\" }\n\
        signer = { kind = \"http_signature\", key_id = \"{id}\", key = \"{secret}\", algorithm = \"hmac-sha256\" }\n\
        [[auth.fields]]\nname = \"id\"\n[[auth.fields]]\nname = \"secret\"\nsecret = true";
    let connection = begin(method, &[("id", "Test"), ("secret", "s3cret")], &Wire::default()).build().unwrap();
    let body = r#"{"hello": "world"}"#;
    let request = signed(&connection, body);
    // The digest that the draft prints for this body.
    let digest = "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=";
    assert_eq!(
        (header(&request, "digest"), header(&request, "date"), header(&request, "x-version")),
        (digest, DATE, "7")
    );
    let covered =
        format!("(request-target): post /foo?param=value&pet=dog\nhost: api.acme.test\ndate: {DATE}\ndigest: {digest}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
    let signature = STANDARD.decode(parameter(&request, "signature")).unwrap();
    hmac::verify(&key, covered.as_bytes(), &signature).unwrap();
    let names = ["keyId", "algorithm", "headers"].map(|name| parameter(&request, name));
    assert_eq!(names, ["Test", "hmac-sha256", "(request-target) host date digest"]);
    assert!(request.headers()["authorization"].is_sensitive());
    // Without a body there is nothing to digest.
    let request = signed(&connection, "");
    assert_eq!(parameter(&request, "headers"), "(request-target) host date");
    assert!(connection.fixed_credential().unwrap().needs_body() && !format!("{connection:?}").contains("s3cret"));
}

#[test]
fn an_http_signature_by_a_key_pair_covers_the_headers_that_are_named() {
    for (word, algorithm) in [("rsa-sha256", Algorithm::Rs256), ("ed25519", Algorithm::EdDsa)] {
        let key = SigningKey::generate(algorithm).unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        let method = format!(
            "kind = \"api_key\"\napi_headers = {{ x-version = \"7\" }}\n\
             signer = {{ kind = \"http_signature\", key_id = \"k\", key = \"{{pem}}\", algorithm = \"{word}\", headers = [\"date\", \"x-version\"] }}\n\
             [[auth.fields]]\nname = \"pem\"\ntype = \"pem\"\nsecret = true"
        );
        let connection = begin(&method, &[("pem", pem.expose_secret())], &Wire::default()).build().unwrap();
        let credential = connection.fixed_credential().unwrap();
        assert!(!credential.needs_body());
        let request = signed(&connection, "ignored");
        assert!(!request.headers().contains_key("digest"));
        assert_eq!(parameter(&request, "headers"), "(request-target) date x-version");
        // Both algorithms are deterministic.
        let covered = format!("(request-target): post /foo?param=value&pet=dog\ndate: {DATE}\nx-version: 7");
        let expected = STANDARD.encode(key.sign_bytes(covered.as_bytes()).unwrap());
        assert_eq!(parameter(&request, "signature"), expected, "{word}");
    }
}

#[test]
fn a_signature_over_a_header_that_is_not_there_is_not_made() {
    let method = "kind = \"api_key\"\nsigner = { kind = \"http_signature\", key_id = \"k\", key = \"{secret}\", \
        algorithm = \"hmac-sha256\", headers = [\"x-missing\"] }\n[[auth.fields]]\nname = \"secret\"\nsecret = true";
    let connection = begin(method, &[("secret", "s3cret")], &Wire::default()).build().unwrap();
    let mut request = Request::get("https://api.acme.test/").body(()).unwrap();
    let error = sign(connection.fixed_credential().unwrap(), &mut request, "").unwrap_err();
    assert_eq!(error.kind(), SigningErrorKind::Request);
    let broken = method.replace("hmac-sha256", "ed25519");
    let error = begin(&broken, &[("secret", "s3cret")], &Wire::default()).build().unwrap_err().to_string();
    assert!(error.contains("key of the signer") && !error.contains("s3cret"), "{error}");
}

const AWS: &str = "kind = \"api_key\"\napi_query = { v = \"1\" }\n\
    signer = { kind = \"aws_sigv4\", access_key_id = \"{access_key_id}\", secret_access_key = \"{secret_access_key}\", region = \"eu-central-1\", service = \"execute-api\" }\n\
    [[auth.fields]]\nname = \"access_key_id\"\n[[auth.fields]]\nname = \"secret_access_key\"\nsecret = true";
const AWS_VALUES: [(&str, &str); 2] = [("access_key_id", "AKIDEXAMPLE"), ("secret_access_key", "s3cret")];

#[cfg(feature = "sign-aws")]
#[test]
fn an_aws_signature_covers_what_the_description_adds() {
    let connection = begin(AWS, &AWS_VALUES, &Wire::default()).build().unwrap();
    let request = signed(&connection, "{}");
    assert_eq!(request.uri(), "https://api.acme.test/foo?param=value&pet=dog&v=1");
    let time = TestClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_388_957_500));
    let by_hand = tower_auth_core::AwsSigner::new("eu-central-1", "execute-api", "AKIDEXAMPLE", "s3cret");
    let mut expected = Request::post(request.uri()).body(()).unwrap();
    sign(&by_hand.clock(time.clock()).build().unwrap(), &mut expected, "{}").unwrap();
    assert_eq!(header(&request, "authorization"), header(&expected, "authorization"));
    assert!(connection.fixed_credential().unwrap().is_signer());
}

#[cfg(not(feature = "sign-aws"))]
#[test]
fn an_aws_signature_names_the_feature_that_it_needs() {
    let error = begin(AWS, &AWS_VALUES, &Wire::default()).build().unwrap_err().to_string();
    assert!(error.contains("sign-aws"), "{error}");
}

/// Repeats a text in a header.
struct Repeats(String);

impl RequestSigner for Repeats {
    fn is_present_in(&self, headers: &HeaderMap) -> bool {
        headers.contains_key("x-signature")
    }

    fn sign(&self, request: &mut SigningRequest<'_>) -> Result<(), SigningError> {
        let value = format!("{} {}", self.0, request.headers()["x-version"].to_str().unwrap());
        request.headers_mut().insert("x-signature", value.parse().unwrap());
        Ok(())
    }
}

const CUSTOM: &str = "kind = \"oauth2_client_credentials\"\ntoken_url = \"https://login.acme.test/token\"\n\
    api_headers = { x-version = \"7\" }\nsigner = { kind = \"custom\", name = \"repeats\", params = { text = \"{client_id}:{token}\" } }";
const CLIENT: [(&str, &str); 2] = [("client_id", "id"), ("client_secret", "s3cret")];

#[tokio::test]
async fn a_signer_of_the_program_sees_its_parameters_with_each_token() {
    let wire = Wire::default();
    wire.then(json(r#"{"access_token":"t1","token_type":"Bearer","expires_in":60}"#));
    let connection = begin(CUSTOM, &CLIENT, &wire)
        .signer("repeats", |params| Ok(Credential::signer(Repeats(params["text"].expose_secret().to_owned()))))
        .build()
        .unwrap();
    let credential = connection.credential().await.unwrap();
    let mut request = Request::get("https://api.acme.test/").body(()).unwrap();
    sign(&credential, &mut request, "").unwrap();
    assert_eq!((header(&request, "x-signature"), header(&request, "authorization")), ("id:t1 7", "Bearer t1"));
    // A caller's own signature is seen.
    assert!(credential.is_present_in(request.headers()));
}

#[test]
fn a_signer_that_nobody_registered_is_a_mistake_of_the_program() {
    let error = begin(CUSTOM, &CLIENT, &Wire::default()).signer("other", |_| Credential::bearer("x")).build();
    let error = error.unwrap_err().to_string();
    assert!(error.contains("\"repeats\"") && error.contains("ConnectionBuilder::signer"), "{error}");
    let method =
        "kind = \"api_key\"\nsigner = { kind = \"custom\", name = \"flat\" }\n[[auth.fields]]\nname = \"account\"";
    let error = begin(method, &[("account", "a")], &Wire::default())
        .signer("flat", |_| Credential::bearer("x"))
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("signs nothing"), "{error}");
}
