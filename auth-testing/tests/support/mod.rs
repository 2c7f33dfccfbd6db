//! Requests to the server in memory, as text.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use serde_json::Value;
use tower_auth_core::Basic;
use tower_auth_testing::{AuthorizationServer, AuthorizationServerBuilder};

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
