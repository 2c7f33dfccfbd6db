//! Requests to the server in memory, as text.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part of it")]

pub mod loopback;

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tower_auth_core::Basic;
use tower_auth_core::jose::{SigningKey, TokenHeader};
use tower_auth_testing::{AuthorizationServer, AuthorizationServerBuilder, TestClock};

pub const FORM: &str = "application/x-www-form-urlencoded";

/// A server with the client `orders` / `secret` and the options of `options`.
pub fn server(options: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder) -> AuthorizationServer {
    options(AuthorizationServer::builder().client("orders", "secret")).build().unwrap()
}

/// The `Authorization` of a pair, as it is.
pub fn basic(id: &str, secret: &str) -> String {
    Basic::new(id, secret).unwrap().header_text().expose_secret().to_owned()
}

/// A form sent to `url`, with `authorization` if it is not empty.
pub fn form(url: &str, authorization: &str, body: &str) -> Request<Bytes> {
    let mut request = Request::post(url).header(CONTENT_TYPE, FORM);
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

/// Sends `request` and reads the JSON of the answer; null if it has none.
pub async fn send(server: &AuthorizationServer, request: Request<Bytes>) -> (StatusCode, Value) {
    let response = send_raw(server, request).await;
    (response.status(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

pub async fn send_raw(server: &AuthorizationServer, request: Request<Bytes>) -> Response<Bytes> {
    server.http_client().send(request).await.unwrap()
}

pub async fn get(server: &AuthorizationServer, url: &str) -> (StatusCode, Value) {
    send(server, Request::get(url).body(Bytes::new()).unwrap()).await
}

/// A token request of `orders` by Basic.
pub async fn token(server: &AuthorizationServer, body: &str) -> (StatusCode, Value) {
    send(server, form(&server.token_url(), &basic("orders", "secret"), body)).await
}

/// Introspection asked for by `orders`.
pub async fn introspect(server: &AuthorizationServer, token: &str) -> Value {
    let body = format!("token={token}");
    send(server, form(&server.introspection_url(), &basic("orders", "secret"), &body)).await.1
}

pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// The verifier and the challenge of RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The URL of an authorization request with the challenge and `more`, which begins with `&` or is empty.
pub fn authorize_url(server: &AuthorizationServer, client: &str, more: &str) -> String {
    format!(
        "{}?response_type=code&client_id={client}&code_challenge={CHALLENGE}&code_challenge_method=S256{more}",
        server.authorization_url()
    )
}

/// A request to the token endpoint without a header: a public client's.
pub async fn public_token(server: &AuthorizationServer, body: &str) -> (StatusCode, Value) {
    send(server, form(&server.token_url(), "", body)).await
}

/// The claims of a JWT, unchecked.
pub fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Seconds since 1970, as `time` says.
pub fn now(time: &TestClock) -> u64 {
    time.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A text for `jti` that did not come before.
pub fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("unique-{:016}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A DPoP proof, right unless `change` makes it wrong.
pub fn proof(key: &SigningKey, time: &TestClock, method: &str, url: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({ "htm": method, "htu": url, "iat": now(time), "jti": unique() });
    change(&mut claims);
    let jwk: Value = serde_json::from_str(&key.public_jwk(None).unwrap()).unwrap();
    let header = TokenHeader::new().typ("dpop+jwt").field("jwk", &jwk).unwrap();
    key.sign(&header, &claims).unwrap()
}

/// `request` with a DPoP header.
pub fn with_proof(mut request: Request<Bytes>, proof: &str) -> Request<Bytes> {
    request.headers_mut().append("dpop", proof.parse().unwrap());
    request
}
