use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Uri};
use tower_auth_core::{
    AuthorizationCallback, AuthorizationError, AuthorizationRequest, AuthorizationTransaction, ClientAuth, OAuthClient,
    OAuthClientBuilder, TokenResponse,
};

use crate::endpoint::Endpoint;

pub(super) const AUTHORIZE: &str = "https://login.example.com/authorize";
pub(super) const TOKEN: &str = "https://login.example.com/token";
pub(super) const PUSH: &str = "https://login.example.com/par";
pub(super) const ISSUER: &str = "https://login.example.com";
pub(super) const CALLBACK: &str = "https://app.example.com/callback";

/// A public client of the server.
pub(super) fn builder(endpoint: &Endpoint) -> OAuthClientBuilder {
    OAuthClient::builder("orders")
        .client_auth(ClientAuth::None)
        .issuer(ISSUER)
        .authorization_endpoint(AUTHORIZE)
        .token_endpoint(TOKEN)
        .pushed_authorization_request_endpoint(PUSH)
        .http_client(endpoint.http.clone())
}

pub(super) fn client(endpoint: &Endpoint) -> OAuthClient {
    builder(endpoint).build().unwrap()
}

pub(super) fn request(client: &OAuthClient) -> AuthorizationRequest {
    AuthorizationRequest::new(client, CALLBACK)
}

/// The parameters of a query or a form; each is there once.
pub(super) fn params(encoded: &str) -> BTreeMap<String, String> {
    let mut params = BTreeMap::new();
    for (name, value) in pairs(encoded) {
        assert!(params.insert(name.clone(), value).is_none(), "{name} is there twice");
    }
    params
}

pub(super) fn pairs(encoded: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = text.bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            decoded.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            });
        }
        String::from_utf8(decoded).unwrap()
    };
    encoded
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

pub(super) fn query(uri: &Uri) -> BTreeMap<String, String> {
    params(uri.query().unwrap())
}

pub(super) fn form(request: &Request<Bytes>) -> BTreeMap<String, String> {
    params(std::str::from_utf8(request.body()).unwrap())
}

/// What the server computes of a verifier.
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes()))
}

/// Starts `request`; gives the transaction and its state.
pub(super) async fn started(request: &AuthorizationRequest) -> (AuthorizationTransaction, String) {
    let started = request.start().await.unwrap();
    let state = query(&started.url)["state"].clone();
    (started.transaction, state)
}

/// Finishes with the callback `query`, in which `{state}` stands for the state.
pub(super) async fn finish(
    request: &AuthorizationRequest,
    client: &OAuthClient,
    query: &str,
) -> Result<TokenResponse, AuthorizationError> {
    let (transaction, state) = started(request).await;
    let callback = AuthorizationCallback::from_query(&query.replace("{state}", &state))?;
    transaction.finish(client, &callback).await
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
