//! Tokens that are ended before their time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, header};
use serde_json::Value;
use tower_auth_core::{ClientCredentials, Secret, TokenErrorKind, TokenTypeHint};

use crate::provider::Provider;

impl Provider {
    /// What the server says of a token (RFC 7662).
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let pair = format!("rs:{}", self.secret("rs"));
        let request = Request::post(format!("{}/token/introspection", self.issuer()))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)))
            .body(Bytes::from(format!("token={token}")))
            .unwrap();
        serde_json::from_slice(self.http().send(request).await.unwrap().body()).unwrap()
    }
}

// R7009-2.1a, R7009-2.2a
#[tokio::test]
async fn an_access_token_is_revoked_and_an_unknown_one_counts_as_such() {
    let Some(server) = Provider::start() else { return };
    let described = server.described("cc-basic").secret(server.secret("cc-basic"));
    let client = described.clone().build().unwrap();
    let source = ClientCredentials::over(described).build().unwrap();
    for hint in [None, Some(TokenTypeHint::AccessToken), Some(TokenTypeHint::RefreshToken)] {
        let token = source.request_token().await.unwrap().token().secret().clone();
        assert_eq!(server.introspect(token.expose_secret()).await["active"], true);
        client.revoke(&token, hint).await.unwrap();
        assert_eq!(server.introspect(token.expose_secret()).await["active"], false, "{hint:?}");
        client.revoke(&token, hint).await.unwrap();
    }
    client.revoke(&Secret::from("never-issued"), None).await.unwrap();
    let wrong = server.described("cc-basic").secret("wrong-sentinel").build().unwrap();
    let error = wrong.revoke(&Secret::from("never-issued"), None).await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Misconfigured, Some("invalid_client")));
    assert!(!format!("{error} {error:?}").contains("sentinel"));
}
