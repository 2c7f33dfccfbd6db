//! What an authorization server answers about a token, or whoever answers in its place.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Map, Value};
use tower_auth_core::{HttpClient, IncomingCredential, IntrospectionVerifier, Method, RejectionKind, Verifier};

use super::world::{self, AUDIENCE, NOW};
use super::{json, refusal};

const ISSUER: &str = "https://login.example.com";

/// What is answered next.
static ANSWER: Mutex<(StatusCode, Bytes)> = Mutex::new((StatusCode::OK, Bytes::new()));

/// One that remembers accepted answers for so long.
fn verifier(cache_for: Duration) -> Verifier {
    IntrospectionVerifier::new("https://login.example.com/introspect", "orders", "s3cret")
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .roles_claim("/realm_access/roles")
        .http_client(HttpClient::new(tower::service_fn(|_: Request<Bytes>| {
            let (status, body) = ANSWER.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let answer = Response::builder().status(status).header("content-type", "application/json").body(body);
            std::future::ready(Ok::<_, std::io::Error>(answer.unwrap()))
        })))
        .clock(world::clock())
        .refusals_for(Duration::ZERO)
        .cache_for(cache_for)
        .build()
        .unwrap()
}

pub fn run(data: &[u8]) {
    // One after the other: there is one endpoint.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // A new one each time, since an endpoint that has failed a few times is left alone.
    let accepted = asked(&verifier(Duration::ZERO), StatusCode::OK, data);
    if accepted {
        check(&json::object(data).expect("an answer with unique names was accepted"));
    }
    assert!(asked(&verifier(Duration::ZERO), StatusCode::OK, br#"{"active":true,"aud":"orders","sub":"alice"}"#));
    // Whatever another status says, it is no verdict.
    for status in
        [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::FOUND]
    {
        assert!(!asked(&verifier(Duration::ZERO), status, data));
    }
    // Remembered is what was accepted, and nothing else.
    let remembering = verifier(Duration::from_secs(60));
    assert_eq!(asked(&remembering, StatusCode::OK, data), accepted);
    assert_eq!(asked(&remembering, StatusCode::OK, br#"{"active":false}"#), accepted);
    remembering.forget();
    assert!(!asked(&remembering, StatusCode::OK, br#"{"active":false}"#));
}

fn asked(verifier: &Verifier, status: StatusCode, body: &[u8]) -> bool {
    *ANSWER.lock().unwrap_or_else(PoisonError::into_inner) = (status, Bytes::copy_from_slice(body));
    let credential = IncomingCredential::bearer("2YotnFZFEjr1zCsicMWpAA");
    match world::block_on(async { verifier.verify_credential(credential).await }) {
        Ok(verified) => {
            assert_eq!(verified.method(), Method::Introspection);
            assert_eq!(verified.issuer(), Some(ISSUER));
            assert!(!verified.subject().is_empty());
            true
        }
        Err(refusal) => {
            refusal::check(&refusal);
            let says_nothing =
                matches!(refusal.kind(), RejectionKind::IntrospectionUnavailable | RejectionKind::Overloaded);
            assert!(says_nothing || status == StatusCode::OK, "a verdict by status {status}: {refusal}");
            assert!(says_nothing || refusal.kind().oauth_error() == Some("invalid_token"), "{refusal}");
            false
        }
    }
}

/// The rules once more, by other code.
fn check(answer: &Map<String, Value>) {
    assert_eq!(answer.get("active"), Some(&Value::Bool(true)));
    assert!(json::has(answer.get("aud"), AUDIENCE));
    assert!(answer.get("iss").is_none_or(|issuer| issuer == ISSUER));
    let text = |name: &str| answer.get(name).map(|value| value.as_str().unwrap_or_else(|| panic!("{name} is no text")));
    for name in ["iss", "sub", "jti", "client_id", "azp", "token_type"] {
        text(name);
    }
    let is_named = text("sub").is_some_and(|sub| !sub.is_empty());
    let is_client = !answer.contains_key("sub") && !answer.contains_key("username");
    assert!(is_named || (is_client && text("client_id").is_some_and(|client| !client.is_empty())));
    assert!(text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("Bearer")));
    let date = |name: &str| answer.get(name).map(|value| value.as_f64().unwrap_or_else(|| panic!("{name} is no date")));
    let now = NOW as f64;
    assert!(date("exp").is_none_or(|exp| exp + 60.0 > now));
    assert!(["nbf", "iat"].iter().all(|name| date(name).is_none_or(|begin| begin <= now + 60.0)));
    assert!(!answer.contains_key("cnf"), "a token that is bound to a key came without a proof");
    assert!(text("token_use").is_none_or(|used| ["access_token", "access"].contains(&used)));
}
