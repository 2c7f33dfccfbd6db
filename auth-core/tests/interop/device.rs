use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tower_auth_core::{
    ClientAuth, DeviceAuthorization, DeviceCode, OAuthClient, TokenError, TokenErrorKind, TokenResponse,
};
use tower_auth_testing::TestClock;

use crate::provider::Provider;

impl Provider {
    /// `app-public` has no secret.
    fn device_code(&self, client: &str, time: &TestClock) -> DeviceCode {
        let (device, token) = (format!("{}/device/auth", self.issuer()), format!("{}/token", self.issuer()));
        let code = match client {
            "app-public" => DeviceCode::public(device, token, client),
            _ => DeviceCode::new(device, token, client, self.secret(client)),
        };
        code.allow_loopback_http().clock(time.clock()).scopes(["openid", "offline_access", "read"])
    }

    /// Revokes what is left of a grant; a second time is as good.
    async fn end(&self, client: &str, response: &TokenResponse) {
        let described = OAuthClient::builder(client)
            .token_endpoint(format!("{}/token", self.issuer()))
            .revocation_endpoint(format!("{}/token/revocation", self.issuer()))
            .allow_loopback_http();
        let described = match client {
            "app-public" => described.client_auth(ClientAuth::None),
            _ => described.secret(self.secret(client)),
        };
        let revoker = described.build().unwrap();
        revoker.revoke_response(response).await.unwrap();
        revoker.revoke_response(response).await.unwrap();
    }

    async fn decide(&self, authorization: &DeviceAuthorization, deny: bool) {
        let answer = self.test("device", json!({ "user_code": authorization.user_code(), "deny": deny })).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

/// One poll, without the wait before it.
async fn poll(authorization: &Arc<DeviceAuthorization>, time: &TestClock) -> Result<Option<TokenResponse>, TokenError> {
    let polled = Arc::clone(authorization);
    let poll = tokio::spawn(async move { polled.poll().await });
    time.advance(authorization.interval()).await;
    poll.await.unwrap()
}

// R8628-3.1a, R8628-3.2a, R8628-3.5c, R7009-2.1a, R7009-2.2a
#[tokio::test]
async fn a_code_is_confirmed_for_a_public_and_a_confidential_client() {
    let Some(server) = Provider::start() else { return };
    for client in ["app-public", "app-confidential"] {
        let time = TestClock::new();
        let login = server.device_code(client, &time).authorization_param("prompt", "consent").build().unwrap();
        let authorization = Arc::new(login.start().await.unwrap());
        assert_eq!(authorization.interval(), Duration::from_secs(5), "this server names none");
        assert_eq!((authorization.domain(), authorization.expires_in()), ("127.0.0.1", Duration::from_secs(600)));
        assert!(authorization.verification_uri_complete().is_some());
        assert!(authorization.prompt().contains(authorization.user_code()));

        assert!(poll(&authorization, &time).await.unwrap().is_none(), "nobody has decided yet");
        server.decide(&authorization, false).await;
        let response = poll(&authorization, &time).await.unwrap().unwrap();
        assert!(response.token().scope().unwrap().contains("read"));
        assert!(response.refresh_token().is_some());

        let newest = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&newest);
        let cache = login.keep_alive(response).cache_builder().persist(move |response| {
            *kept.lock().unwrap() = Some(TokenResponse::clone(&response));
            async { Ok(()) }
        });
        let cache = cache.build().unwrap();
        let first = cache.token().await.unwrap();
        let generation = cache.current().await.unwrap().generation;
        let _ = cache.invalidate(generation);
        assert_ne!(cache.token().await.unwrap().secret(), first.secret());
        let response = newest.lock().unwrap().take().unwrap();
        server.end(client, &response).await;
        let _ = cache.invalidate(cache.current().await.unwrap().generation);
        let error = cache.token().await.unwrap_err();
        assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some("invalid_grant")));
    }
}

// R8628-3.5c
#[tokio::test]
async fn a_person_who_says_no_ends_the_polls() {
    let Some(server) = Provider::start() else { return };
    for client in ["app-public", "app-confidential"] {
        let time = TestClock::new();
        let authorization = server.device_code(client, &time).build().unwrap().start().await.unwrap();
        let authorization = Arc::new(authorization);
        server.decide(&authorization, true).await;
        let before = server.token_requests().await;
        for _ in 0..2 {
            let error = poll(&authorization, &time).await.unwrap_err();
            assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some("access_denied")));
        }
        assert_eq!(server.token_requests().await, before + 1);
    }
}
