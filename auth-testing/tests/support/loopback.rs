//! Requests to providers on loopback ports, as another process makes them.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::Value;
use tower_auth_core::{HttpClient, HttpTransport};
use tower_auth_testing::OAuthProvider;

use super::{CHALLENGE, VERIFIER};

pub const CALLBACK: &str = "http://127.0.0.1:7/callback";

pub fn http() -> HttpClient {
    HttpTransport::new().allow_loopback_http().build().unwrap()
}

pub async fn get(url: &str, header: Option<(&str, &str)>) -> Response<Bytes> {
    let mut request = Request::get(url);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    http().send(request.body(Bytes::new()).unwrap()).await.unwrap()
}

pub fn form(url: &str, body: &str) -> Request<Bytes> {
    super::form(url, "", body)
}

pub async fn post(url: &str, body: &str) -> Response<Bytes> {
    http().send(form(url, body)).await.unwrap()
}

pub fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or(Value::Null)
}

/// The URL of an authorization request of the provider's client.
pub fn authorize_url(provider: &OAuthProvider, more: &str) -> String {
    format!("{}?{}{more}", provider.authorize_url(), authorize_params(provider))
}

pub fn authorize_params(provider: &OAuthProvider) -> String {
    format!(
        "response_type=code&client_id={}&state=xyz&code_challenge={CHALLENGE}&code_challenge_method=S256\
         &redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fcallback",
        provider.client_id()
    )
}

/// Sends the form of the sign-in page.
pub async fn decide(provider: &OAuthProvider, account: &str, decision: &str) -> Response<Bytes> {
    let body = format!("{}&account={account}&decision={decision}", authorize_params(provider));
    post(&provider.authorize_url(), &body).await
}

/// A parameter of the redirect, not decoded.
pub fn redirected(response: &Response<Bytes>, name: &str) -> Option<String> {
    let location = response.headers().get("location")?.to_str().ok()?;
    let (_, query) = location.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.to_owned())
}

/// A token request of the provider's client, authenticated in the body.
pub async fn token(provider: &OAuthProvider, params: &str) -> (StatusCode, Value) {
    let response = post(&provider.token_url(), &token_body(provider, params)).await;
    (response.status(), json(&response))
}

pub fn token_body(provider: &OAuthProvider, params: &str) -> String {
    let (id, secret) = (provider.client_id(), provider.client_secret().expose_secret());
    format!("client_id={id}&client_secret={secret}&{params}")
}

pub async fn exchange(provider: &OAuthProvider, code: &str) -> (StatusCode, Value) {
    let redirect = "redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fcallback";
    let params = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&{redirect}");
    token(provider, &params).await
}

pub async fn refresh(provider: &OAuthProvider, refresh_token: &str) -> (StatusCode, Value) {
    token(provider, &format!("grant_type=refresh_token&refresh_token={refresh_token}")).await
}

/// What the API answers to an access token.
pub async fn me(provider: &OAuthProvider, access_token: &str) -> Response<Bytes> {
    get(&provider.url("/api/me"), Some(("authorization", &format!("Bearer {access_token}")))).await
}
