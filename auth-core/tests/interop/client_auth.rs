//! Every way in which a client proves who it is.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, Jwk, SigningKey, TokenHeader};
use tower_auth_core::{
    AssertionAudience, ClientAuth, ClientCredentials, Clock, OAuthClientBuilder, StaticToken, Token, TokenError,
    TokenErrorKind, TokenResponse,
};
use tower_auth_testing::TestClock;

use crate::provider::Provider;

const KEYS: [(&str, Algorithm); 3] =
    [("cc-key-es256", Algorithm::Es256), ("cc-key-rs256", Algorithm::Rs256), ("cc-key-eddsa", Algorithm::EdDsa)];

impl Provider {
    /// The client `id` with its own key.
    fn with_key(&self, id: &str, algorithm: Algorithm) -> OAuthClientBuilder {
        let about = &self.about()["clients"][id];
        let jwk = Jwk::parse(about["private_jwk"].to_string().as_bytes()).unwrap();
        let key = SigningKey::from_jwk(algorithm, &jwk).unwrap();
        self.described(id).private_key(key).key_id(about["kid"].as_str().unwrap())
    }

    /// The client `id`, whose certificate stands at `place`.
    pub(crate) fn with_certificate(&self, id: &str, method: ClientAuth, place: &str) -> OAuthClientBuilder {
        let shown = &self.about()["tls"][place];
        let (chain, key) = (shown["cert"].as_str().unwrap(), shown["key"].as_str().unwrap());
        let http = self.transport().client_certificate(chain, key).build().unwrap();
        self.described(id).client_auth(method).http_client(http)
    }
}

async fn ask(client: OAuthClientBuilder) -> Result<TokenResponse, TokenError> {
    ClientCredentials::over(client).scopes(["read"]).build().unwrap().request_token().await
}

async fn refused(client: OAuthClientBuilder) -> Option<String> {
    let error = ask(client).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured, "{error}");
    error.oauth_error().map(str::to_owned)
}

fn invalid_client() -> Option<String> {
    Some("invalid_client".to_owned())
}

/// The claims of a JWT, unchecked.
fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

// R7523-2.2a, R7523-3a, R7523-3b, R7523bis-a, R7523bis-b
#[tokio::test]
async fn a_private_key_of_each_kind_signs_again_and_again() {
    let Some(server) = Provider::start() else { return };
    for (id, algorithm) in KEYS {
        let pem = server.about()["clients"][id]["private_pem"].as_str().unwrap();
        let of_pem = server.described(id).private_key(SigningKey::from_pkcs8_pem(algorithm, pem).unwrap());
        for client in [server.with_key(id, algorithm), of_pem] {
            let source = ClientCredentials::over(client).build().unwrap();
            for _ in 0..3 {
                source.request_token().await.unwrap_or_else(|error| panic!("{id}: {error}"));
            }
        }
    }
}

// R7523-2.2a
#[tokio::test]
async fn keys_of_other_algorithms_are_registered_and_used() {
    let Some(server) = Provider::start() else { return };
    for algorithm in [Algorithm::Ps256, Algorithm::Es384] {
        let key = SigningKey::generate(algorithm).unwrap();
        let public: Value = serde_json::from_str(&key.public_jwk(Some("k1")).unwrap()).unwrap();
        let registered = server
            .register(json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": algorithm.name(),
                "jwks": { "keys": [public] },
                "grant_types": ["client_credentials"],
                "response_types": [],
                "redirect_uris": [],
                "scope": "read",
            }))
            .await;
        let id = registered["client_id"].as_str().unwrap();
        ask(server.described(id).private_key(key).key_id("k1")).await.unwrap();
        let stranger = SigningKey::generate(algorithm).unwrap();
        assert_eq!(refused(server.described(id).private_key(stranger).key_id("k1")).await, invalid_client());
    }
}

// R7523-3a, R7523-3b
#[tokio::test]
async fn an_assertion_of_the_wrong_key_audience_client_or_time_is_refused() {
    let Some(server) = Provider::start() else { return };
    let good = || server.with_key("cc-key-es256", Algorithm::Es256);
    let hour_ago = TestClock::at(Clock::system().wall() - Duration::from_secs(3_600));
    for (what, client) in [
        ("another key", good().private_key(SigningKey::generate(Algorithm::Es256).unwrap())),
        ("another audience", good().assertion_audience(AssertionAudience::Custom("https://other.example".into()))),
        ("expired", good().clock(hour_ago.clock())),
        ("another client's key", {
            let about = &server.about()["clients"]["cc-key-es256"];
            let pem = about["private_pem"].as_str().unwrap();
            let key = SigningKey::from_pkcs8_pem(Algorithm::Es256, pem).unwrap();
            server.described("cc-key-rs256").private_key(key)
        }),
        ("no assertion", server.described("cc-key-es256").client_auth(ClientAuth::Body).secret("s")),
    ] {
        assert_eq!(refused(client).await, invalid_client(), "{what}");
    }
    ask(good()).await.unwrap();
}

// R7523-2.2a, R7523-3b
#[tokio::test]
async fn an_assertion_from_elsewhere_is_taken_once() {
    let Some(server) = Provider::start() else { return };
    let about = &server.about()["clients"]["cc-key-es256"];
    let key = SigningKey::from_pkcs8_pem(Algorithm::Es256, about["private_pem"].as_str().unwrap()).unwrap();
    let now = Clock::system().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (id, issuer) = ("cc-key-es256", server.issuer());
    let claims = json!({ "iss": id, "sub": id, "aud": issuer, "iat": now, "exp": now + 60, "jti": "only-once" });
    let header = TokenHeader::new().kid(about["kid"].as_str().unwrap());
    let assertion = Token::new(key.sign(&header, &claims).unwrap()).unwrap();
    let client = || server.described(id).assertion(StaticToken::new(assertion.clone()));
    ask(client()).await.unwrap();
    assert_eq!(refused(client()).await, invalid_client(), "the server takes it once, so a new one is needed each time");
}

// R7523-P1, R7523-2.2a
#[tokio::test]
async fn a_secret_signs_assertions() {
    let Some(server) = Provider::start() else { return };
    let described =
        |secret: &str| server.described("cc-secret-jwt").secret(secret.to_owned()).client_auth(ClientAuth::SecretJwt);
    let source = ClientCredentials::over(described(&server.secret("cc-secret-jwt"))).build().unwrap();
    for _ in 0..3 {
        source.request_token().await.unwrap();
    }
    let wrong = server.secret("cc-secret-jwt").to_uppercase();
    assert_eq!(refused(described(&wrong)).await, invalid_client());
    // While it is exchanged there are two.
    let both = described("").secrets([wrong, server.secret("cc-secret-jwt")]);
    ask(both).await.unwrap();
    let plain = described(&server.secret("cc-secret-jwt")).client_auth(ClientAuth::Basic);
    assert_eq!(refused(plain).await, invalid_client(), "the server takes no other method of this client");
}

// R8705-2a
#[tokio::test]
async fn a_certificate_proves_the_client_and_binds_its_tokens() {
    let Some(server) = Provider::start_tls() else { return };
    for (id, method, place, other) in [
        ("cc-mtls", ClientAuth::TlsClientAuth, "client", "self_signed_client"),
        ("cc-mtls-self", ClientAuth::SelfSignedTlsClientAuth, "self_signed_client", "client"),
    ] {
        let client = server.with_certificate(id, method, place);
        let source = ClientCredentials::over(client).resource("urn:api:es256").build().unwrap();
        let token = source.request_token().await.unwrap();
        let pem = server.about()["tls"][place]["cert"].as_str().unwrap();
        let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
        let bound_to = &claims(token.token().secret().expose_secret())["cnf"]["x5t#S256"];
        assert_eq!(*bound_to, URL_SAFE_NO_PAD.encode(thumbprint), "{id}");

        assert_eq!(refused(server.with_certificate(id, method, other)).await, invalid_client(), "{id}");
        let bare = server.described(id).client_auth(method);
        assert_eq!(refused(bare).await, invalid_client(), "{id} without a certificate");
    }
}

// R8705-2a
#[tokio::test]
async fn other_methods_work_over_tls_too() {
    let Some(server) = Provider::start_tls() else { return };
    ask(server.described("cc-basic").secret(server.secret("cc-basic"))).await.unwrap();
    ask(server.with_key("cc-key-eddsa", Algorithm::EdDsa)).await.unwrap();
    // A server that others vouch for is not talked to.
    let stranger = tower_auth_core::HttpTransport::new().build().unwrap();
    let error = ask(server.described("cc-basic").secret("s").http_client(stranger)).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Unreachable);
}

#[cfg(feature = "dpop")]
mod bound {
    use tower_auth_core::{DpopKey, TokenKind};

    use super::*;

    // R9449-5a, R9449-5b, R9449-8a, R9449-4.2b
    #[tokio::test]
    async fn tokens_are_bound_with_and_without_nonces() {
        let Some(server) = Provider::start() else { return };
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256] {
            let fresh = || DpopKey::new(SigningKey::generate(algorithm).unwrap()).unwrap();
            let of = |key: &DpopKey| {
                let client = server.described("cc-dpop").secret(server.secret("cc-dpop")).dpop(key.clone());
                ClientCredentials::over(client).resource("urn:api:es256").build().unwrap()
            };
            let check = |key: &DpopKey, response: TokenResponse| {
                assert_eq!(response.token().kind(), TokenKind::Dpop);
                let claims = claims(response.token().secret().expose_secret());
                assert_eq!(claims["cnf"]["jkt"], key.thumbprint());
            };
            let warm = fresh();
            check(&warm, of(&warm).request_token().await.unwrap());

            server.configure(json!({ "dpop_nonce": true })).await;
            let before = server.token_requests().await;
            check(&warm, of(&warm).request_token().await.unwrap());
            assert_eq!(server.token_requests().await - before, 1, "the last answer brought a nonce");
            let (key, before) = (fresh(), server.token_requests().await);
            let source = of(&key);
            check(&key, source.request_token().await.unwrap());
            assert_eq!(server.token_requests().await - before, 2, "the first proof has no nonce");
            check(&key, source.request_token().await.unwrap());
            assert_eq!(server.token_requests().await - before, 3, "the nonce is kept");

            // The server has turned to other nonces since.
            let stale = [("dpop-nonce".parse().unwrap(), "c3RhbGU".parse().unwrap())].into_iter().collect();
            let token_url = format!("{}/token", server.issuer()).parse().unwrap();
            assert!(key.server_nonces().observe(&token_url, &stale));
            check(&key, source.request_token().await.unwrap());
            assert_eq!(server.token_requests().await - before, 5);
            server.configure(json!({ "dpop_nonce": false })).await;
        }
        let without = server.described("cc-dpop").secret(server.secret("cc-dpop"));
        let error = ask(without).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
    }

    // R9449-5a
    #[tokio::test]
    async fn a_proof_goes_along_with_every_method() {
        let Some(server) = Provider::start_tls() else { return };
        server.configure(json!({ "dpop_nonce": true })).await;
        let secret = |id: &str| server.described(id).secret(server.secret(id));
        for client in [
            secret("cc-basic"),
            secret("cc-post").client_auth(ClientAuth::Body),
            secret("cc-secret-jwt").client_auth(ClientAuth::SecretJwt),
            server.with_key("cc-key-es256", Algorithm::Es256),
        ] {
            // The refusal for want of a nonce has spent the assertion: the second attempt has another one.
            let response = ask(client.dpop(DpopKey::generate().unwrap())).await.unwrap();
            assert_eq!(response.token().kind(), TokenKind::Dpop);
        }
    }
}
