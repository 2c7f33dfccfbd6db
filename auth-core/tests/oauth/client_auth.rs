//! How the client proves who it is, and which secret or method is tried when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use tower_auth_core::{
    BasicHalf, BoxError, ClientAuth, ClientCredentials, ConfigErrorKind, FileSecret, OAuthClient, OAuthClientBuilder,
    Secret, StaticToken, Token, TokenErrorKind,
};
use tower_auth_testing::TestClock;

use super::endpoint::{Endpoint, URL, basic, form, response};

const GRANTED: &str = r#"{"access_token":"t0k","token_type":"Bearer","expires_in":3600}"#;
const REFUSED: &str = r#"{"error":"invalid_client"}"#;

fn client(endpoint: &Endpoint) -> OAuthClientBuilder {
    OAuthClient::builder("orders").token_endpoint(URL).http_client(endpoint.http.clone())
}

/// Accepts requests whose Basic password or `client_secret` is `secret`.
fn knowing(secret: impl Fn() -> &'static str + Clone + Send + Sync + 'static, refusal: u16) -> Endpoint {
    Endpoint::judging(move |request| {
        let given = basic(request).map(|(_, password)| password).or_else(|| form(request).remove("client_secret"));
        if given.as_deref() == Some(secret()) {
            response(200, "application/json", GRANTED)
        } else {
            response(refusal, "application/json", REFUSED)
        }
    })
}

// R6749-2.3a
#[tokio::test]
async fn the_next_secret_is_tried_when_the_client_was_refused_and_the_good_one_is_remembered() {
    for refusal in [400, 401] {
        let endpoint = knowing(|| "new", refusal);
        let source = ClientCredentials::over(client(&endpoint).secrets(["old", "new"])).build().unwrap();
        source.request_token().await.unwrap();
        assert_eq!(endpoint.seen().len(), 2);
        source.request_token().await.unwrap();
        assert_eq!(basic(&endpoint.only_request()).unwrap().1, "new");
    }
}

// THREAT-L2
#[tokio::test]
async fn no_other_refusal_makes_the_client_try_another_secret() {
    for (status, body) in [
        (401, "{}"),
        (403, REFUSED),
        (200, REFUSED),
        (500, REFUSED),
        (429, REFUSED),
        (400, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":"unauthorized_client"}"#),
        (401, "<html>"),
    ] {
        let endpoint = Endpoint::json(status, body);
        let source = ClientCredentials::over(client(&endpoint).secrets(["old", "new"])).build().unwrap();
        source.request_token().await.unwrap_err();
        assert_eq!(endpoint.seen().len(), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn every_secret_is_tried_once_and_the_last_refusal_is_told() {
    let endpoint = knowing(|| "none of them", 401);
    let source = ClientCredentials::over(client(&endpoint).secrets(["first", "second", "third"])).build().unwrap();
    let error = source.request_token().await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Misconfigured, Some("invalid_client")));
    assert_eq!(endpoint.seen().len(), 3);
    let many = client(&endpoint).secrets(vec!["x"; 9]).build().unwrap_err();
    assert_eq!(many.kind(), ConfigErrorKind::InvalidOption);
}

// SYS-U6
#[tokio::test]
async fn auto_tries_the_other_place_once_and_remembers() {
    let body_only = || {
        Endpoint::judging(|request| {
            let good = request.headers().get(AUTHORIZATION).is_none() && form(request).contains_key("client_secret");
            response(if good { 200 } else { 401 }, "application/json", if good { GRANTED } else { REFUSED })
        })
    };
    let endpoint = body_only();
    let auto = client(&endpoint).secret("s3cret").client_auth(ClientAuth::Auto);
    let source = ClientCredentials::over(auto.clone()).build().unwrap();
    source.request_token().await.unwrap();
    let seen = endpoint.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].headers().contains_key(AUTHORIZATION) && !form(&seen[0]).contains_key("client_secret"));
    assert!(!seen[1].headers().contains_key(AUTHORIZATION));
    source.request_token().await.unwrap();
    assert!(!endpoint.only_request().headers().contains_key(AUTHORIZATION));

    let body_first = ClientCredentials::over(auto.client_auth(ClientAuth::AutoBodyFirst)).build().unwrap();
    body_first.request_token().await.unwrap();
    assert_eq!(endpoint.seen().len(), 1);
}

// SYS-U6
#[tokio::test]
async fn auto_with_a_wrong_secret_ends_after_two_requests() {
    let endpoint = Endpoint::json(401, REFUSED);
    let source =
        ClientCredentials::over(client(&endpoint).secret("wrong").client_auth(ClientAuth::Auto)).build().unwrap();
    let error = source.request_token().await.unwrap_err();
    assert!(error.to_string().contains("(currently auto)"), "{error}");
    assert_eq!(endpoint.seen().len(), 2);
}

// SYS-A9, SYS-V12
#[tokio::test]
async fn a_rotated_file_is_read_when_the_server_refuses_and_after_a_minute() {
    let dir = std::env::temp_dir().join(format!("tower-auth-client-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("secret");
    std::fs::write(&path, "first\n").unwrap();
    let now = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&now);
    let endpoint = knowing(move || ["first", "second"][shared.load(Ordering::Relaxed)], 401);
    let time = TestClock::new();
    let described = client(&endpoint).clock(time.clock()).secret_source(FileSecret::new(&path));
    let source = ClientCredentials::over(described).build().unwrap();
    source.request_token().await.unwrap();
    assert_eq!(endpoint.seen().len(), 1);

    std::fs::write(&path, "second\n").unwrap();
    now.store(1, Ordering::Relaxed);
    source.request_token().await.unwrap();
    assert_eq!(endpoint.seen().len(), 2, "the refused secret, then the new one");

    std::fs::write(&path, "first\n").unwrap();
    now.store(0, Ordering::Relaxed);
    time.advance(Duration::from_secs(60)).await;
    source.request_token().await.unwrap();
    assert_eq!(endpoint.seen().len(), 1, "read again before anything was refused");

    // While the file is away the last secret serves.
    std::fs::remove_file(&path).unwrap();
    time.advance(Duration::from_secs(60)).await;
    source.request_token().await.unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
}

// THREAT-L2, SYS-A9
#[tokio::test]
async fn a_secret_source_that_fails_is_a_transient_failure_without_a_secret() {
    let endpoint = Endpoint::granting();
    let calls = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&calls);
    let vault = move || {
        let call = shared.fetch_add(1, Ordering::Relaxed);
        async move {
            match call {
                0 | 1 => Err(BoxError::from("the vault is\r\nsealed")),
                2 => Ok(Secret::from("s3ntinel\n")),
                _ => Ok(Secret::from("s3ntinel")),
            }
        }
    };
    let source = ClientCredentials::over(client(&endpoint).secret_source(vault)).build().unwrap();
    let error = source.request_token().await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(
        error.to_string(),
        "the secret of client \"orders\" could not be had from its source [token.unreachable]"
    );
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the vault issealed");
    source.request_token().await.unwrap_err();
    let unusable = source.request_token().await.unwrap_err();
    assert!(unusable.is_transient() && !format!("{unusable} {unusable:?}").contains("s3ntinel"), "{unusable:?}");
    assert_eq!(endpoint.seen().len(), 0);
    source.request_token().await.unwrap();
    source.request_token().await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 4, "asked again though the answer is fresh");
}

// THREAT-A4
#[tokio::test]
async fn a_secret_source_that_hangs_is_given_up() {
    let endpoint = Endpoint::granting();
    let hanging = || std::future::pending::<Result<Secret, BoxError>>();
    let described = client(&endpoint).secret_source(hanging).timeout(Duration::from_millis(30));
    let error = ClientCredentials::over(described).build().unwrap().request_token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::TimedOut);
    assert!(error.to_string().contains("source"), "{error}");
}

// SYS-A7
#[tokio::test]
async fn the_halves_of_a_basic_pair_can_be_others() {
    let endpoint = Endpoint::granting();
    let described = client(&endpoint)
        .secret("sk_live:+/")
        .client_auth(ClientAuth::Basic)
        .basic_user(BasicHalf::ClientSecret)
        .basic_password(BasicHalf::Fixed("".into()));
    ClientCredentials::over(described).build().unwrap().request_token().await.unwrap();
    assert_eq!(basic(&endpoint.only_request()).unwrap(), ("sk_live%3A%2B%2F".to_owned(), String::new()));
    // No secret is needed where none is used.
    let fixed = client(&endpoint)
        .client_auth(ClientAuth::BasicRaw)
        .basic_user(BasicHalf::Fixed("key".into()))
        .basic_password(BasicHalf::Fixed("X".into()));
    ClientCredentials::over(fixed).build().unwrap().request_token().await.unwrap();
    assert_eq!(basic(&endpoint.only_request()).unwrap(), ("key".to_owned(), "X".to_owned()));
}

// R7523-2.2a, R6749-2.3a
#[tokio::test]
async fn an_assertion_of_somebody_else_is_read_for_each_request() {
    let endpoint = Endpoint::granting();
    let calls = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&calls);
    let source = move |_| {
        let token = Token::new(format!("a.b.{}", shared.fetch_add(1, Ordering::Relaxed))).unwrap();
        async { Ok(tower_auth_core::TokenResponse::new(token)) }
    };
    let source = ClientCredentials::over(client(&endpoint).assertion(source)).build().unwrap();
    for expected in ["a.b.0", "a.b.1"] {
        source.request_token().await.unwrap();
        let request = endpoint.only_request();
        let form = form(&request);
        assert_eq!(form["client_assertion"], expected);
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!(form["client_id"], "orders");
        assert!(!form.contains_key("client_secret") && !request.headers().contains_key(AUTHORIZATION));
    }
    // It is a secret of the request.
    let echo = Endpoint::json(401, r#"{"error":"invalid_client","error_description":"s3ntinel.a.b is bad"}"#);
    let token = StaticToken::new(Token::new("s3ntinel.a.b").unwrap());
    let error = ClientCredentials::over(client(&echo).assertion(token)).build().unwrap().request_token().await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("[redacted] is bad"), "{error}");
}

#[tokio::test]
async fn a_missing_assertion_says_so() {
    let endpoint = Endpoint::granting();
    let file = tower_auth_core::FileToken::new("/nowhere/token");
    let error =
        ClientCredentials::over(client(&endpoint).assertion(file)).build().unwrap().request_token().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("assertion"), "{error}");
    assert_eq!(endpoint.seen().len(), 0);
    let none = client(&endpoint).client_auth(ClientAuth::Assertion).build().unwrap_err();
    assert_eq!(none.kind(), ConfigErrorKind::MissingOption);
}

// R8705-2a
#[tokio::test]
async fn a_client_with_a_certificate_names_itself() {
    for method in [ClientAuth::TlsClientAuth, ClientAuth::SelfSignedTlsClientAuth] {
        let endpoint = Endpoint::granting();
        let source = ClientCredentials::over(client(&endpoint).client_auth(method)).build().unwrap();
        source.request_token().await.unwrap();
        let request = endpoint.only_request();
        assert_eq!(form(&request)["client_id"], "orders");
        assert!(!form(&request).contains_key("client_secret") && !request.headers().contains_key(AUTHORIZATION));
    }
    let nothing = OAuthClient::builder("orders").token_endpoint(URL).client_auth(ClientAuth::TlsClientAuth).build();
    let error = nothing.unwrap_err();
    assert!(error.kind() == ConfigErrorKind::MissingOption && error.to_string().contains("certificate"), "{error}");
    #[cfg(feature = "http")]
    {
        let both = client(&Endpoint::granting()).client_certificate("x", "y").secret("s").build().unwrap_err();
        assert_eq!(both.kind(), ConfigErrorKind::InvalidOption);
        let broken = OAuthClient::builder("orders")
            .token_endpoint(URL)
            .client_auth(ClientAuth::TlsClientAuth)
            .client_certificate("x", "s3ntinel")
            .build()
            .unwrap_err();
        assert!(broken.kind() == ConfigErrorKind::Tls && !format!("{broken:?}").contains("s3ntinel"));
    }
}

#[cfg(feature = "jwt")]
mod signed {
    use std::time::SystemTime;

    use tower_auth_core::AssertionAudience;
    use tower_auth_core::jose::{Algorithm, Jws, MAX_TOKEN_LEN, SigningKey, VerifyingKey};

    use super::*;

    const ISSUER: &str = "https://login.example.com";

    fn described(endpoint: &Endpoint) -> OAuthClientBuilder {
        client(endpoint).issuer(ISSUER)
    }

    /// Header and claims of the assertion in the next request, whose signature was checked.
    async fn assertion(
        endpoint: &Endpoint,
        client: OAuthClientBuilder,
        key: &VerifyingKey,
    ) -> (String, serde_json::Value) {
        ClientCredentials::over(client).build().unwrap().request_token().await.unwrap();
        let request = endpoint.only_request();
        assert!(!request.headers().contains_key(AUTHORIZATION));
        let form = form(&request);
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!(form["client_id"], "orders");
        assert!(!form.contains_key("client_secret"));
        let token = &form["client_assertion"];
        let mut buffer = Vec::new();
        let jws = Jws::parse(token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        jws.verify(key).unwrap();
        let part = |index: usize| {
            use base64::Engine;
            let part = token.split('.').nth(index).unwrap();
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()
        };
        (String::from_utf8(part(0)).unwrap(), serde_json::from_slice(&part(1)).unwrap())
    }

    // R7523-2.2a, R7523-3a, R7523-3b, R7523bis-a, R7523bis-b, R9700-2.5a, THREAT-C9
    #[tokio::test]
    async fn a_private_key_signs_a_new_assertion_for_the_issuer_alone() {
        let endpoint = Endpoint::granting();
        let time = TestClock::new();
        let mut ids = std::collections::BTreeSet::new();
        for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa] {
            let key = Arc::new(SigningKey::generate(algorithm).unwrap());
            let verifying = key.verifying_key(Some("k1")).unwrap();
            let client = described(&endpoint).clock(time.clock()).private_key(key).key_id("k1");
            let now = time.clock().wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            for _ in 0..2 {
                let (header, claims) = assertion(&endpoint, client.clone(), &verifying).await;
                let name = algorithm.name();
                assert_eq!(header, format!(r#"{{"alg":"{name}","kid":"k1","typ":"client-authentication+jwt"}}"#));
                assert_eq!((&claims["iss"], &claims["sub"]), (&"orders".into(), &"orders".into()));
                assert_eq!(claims["aud"], ISSUER, "one text, and no endpoint");
                assert_eq!(claims["iat"], now);
                let life = claims["exp"].as_u64().unwrap() - now;
                assert!((1..=300).contains(&life));
                let jti = claims["jti"].as_str().unwrap().to_owned();
                assert_eq!(jti.len(), 22, "128 bits");
                assert!(ids.insert(jti), "used twice");
            }
        }
    }

    // R7523bis-a, R7523bis-b, X5
    #[tokio::test]
    async fn audience_type_and_lifetime_can_be_the_old_ones() {
        let endpoint = Endpoint::granting();
        let key = Arc::new(SigningKey::generate(Algorithm::Es256).unwrap());
        let verifying = key.verifying_key(None).unwrap();
        let old = described(&endpoint)
            .private_key(key)
            .assertion_audience(AssertionAudience::TokenEndpoint)
            .assertion_typ("JWT")
            .assertion_lifetime(Duration::from_secs(300));
        let (header, claims) = assertion(&endpoint, old.clone(), &verifying).await;
        assert_eq!(header, r#"{"alg":"ES256","typ":"JWT"}"#);
        assert_eq!(claims["aud"], URL);
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 300);
        let custom = old.clone().assertion_audience(AssertionAudience::Custom("urn:as".into()));
        assert_eq!(assertion(&endpoint, custom, &verifying).await.1["aud"], "urn:as");
        for lifetime in [Duration::ZERO, Duration::from_secs(301)] {
            let error = old.clone().assertion_lifetime(lifetime).build().unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::InvalidOption);
        }
    }

    // R7523-3b
    #[tokio::test]
    async fn each_attempt_has_an_assertion_of_its_own() {
        let endpoint = Endpoint::json(401, REFUSED);
        let secret = "0123456789abcdef0123456789abcdef";
        let other = "fedcba9876543210fedcba9876543210";
        let client = described(&endpoint).secrets([secret, other]).client_auth(ClientAuth::SecretJwt);
        ClientCredentials::over(client).build().unwrap().request_token().await.unwrap_err();
        let seen = endpoint.seen();
        assert_eq!(seen.len(), 2);
        let claims = |index: usize| form(&seen[index])["client_assertion"].split('.').nth(1).unwrap().to_owned();
        assert_ne!(claims(0), claims(1));
    }

    // R7523-P1, R7523-2.2a
    #[tokio::test]
    async fn a_secret_signs_if_it_is_as_long_as_the_hash() {
        let endpoint = Endpoint::granting();
        for (algorithm, length) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
            let secret = "s".repeat(length);
            let client = described(&endpoint).client_auth(ClientAuth::SecretJwt).assertion_algorithm(algorithm);
            let key = VerifyingKey::hmac(algorithm, secret.as_bytes()).unwrap();
            let (header, claims) = assertion(&endpoint, client.clone().secret(secret.as_str()), &key).await;
            assert!(header.contains(algorithm.name()) && claims["aud"] == ISSUER);
            let error = client.secret(&secret[1..]).build().unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::InvalidCredential);
            assert!(!format!("{error:?}").contains("sss"), "{error:?}");
        }
        let wrong = described(&endpoint).secret("s".repeat(64)).client_auth(ClientAuth::SecretJwt);
        assert!(wrong.assertion_algorithm(Algorithm::Es256).build().is_err());
    }

    #[test]
    fn what_signed_assertions_need_is_named() {
        let endpoint = Endpoint::granting();
        let key = || SigningKey::generate(Algorithm::EdDsa).unwrap();
        let no_key = described(&endpoint).client_auth(ClientAuth::PrivateKeyJwt).build().unwrap_err();
        assert!(no_key.to_string().contains("private_key"), "{no_key}");
        let no_issuer = client(&endpoint).private_key(key()).build().unwrap_err();
        assert!(no_issuer.to_string().contains("issuer"), "{no_issuer}");
        let shared = SigningKey::generate(Algorithm::Hs256).unwrap();
        assert!(described(&endpoint).private_key(shared).build().is_err());
        let shown = format!("{:?}", described(&endpoint).private_key(key()));
        assert!(shown.contains("PrivateKeyJwt"), "{shown}");
    }
}

#[cfg(feature = "dpop")]
mod bound {
    use tower_auth_core::{DpopKey, TokenKind};

    use super::*;

    const BOUND: &str = r#"{"access_token":"t0k","token_type":"DPoP"}"#;

    fn nonce_of(request: &http::Request<bytes::Bytes>) -> Option<String> {
        use base64::Engine;
        let proof = request.headers()[DpopKey::HEADER].to_str().unwrap().to_owned();
        let claims = proof.split('.').nth(1).unwrap().to_owned();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!((&claims["htm"], &claims["htu"]), (&"POST".into(), &URL.into()));
        claims["nonce"].as_str().map(str::to_owned)
    }

    // R9449-8a, R9449-4.2b
    #[tokio::test]
    async fn a_nonce_is_answered_once_and_kept() {
        let endpoint = Endpoint::judging(|request| {
            let mut answer = match nonce_of(request) {
                None => response(400, "application/json", r#"{"error":"use_dpop_nonce"}"#),
                Some(_) => response(200, "application/json", BOUND),
            };
            let next = if answer.status() == 200 { "n2" } else { "n1" };
            answer.headers_mut().insert("dpop-nonce", http::HeaderValue::from_static(next));
            answer
        });
        let described = client(&endpoint).secret("s").dpop(DpopKey::generate().unwrap());
        let source = ClientCredentials::over(described).build().unwrap();
        let response = source.request_token().await.unwrap();
        assert_eq!(response.token().kind(), TokenKind::Dpop);
        let seen = endpoint.seen();
        assert_eq!(seen.iter().map(nonce_of).collect::<Vec<_>>(), [None, Some("n1".to_owned())]);
        assert_ne!(seen[0].headers()[DpopKey::HEADER], seen[1].headers()[DpopKey::HEADER]);
        source.request_token().await.unwrap();
        assert_eq!(nonce_of(&endpoint.only_request()).as_deref(), Some("n2"));
    }

    // R9449-8a
    #[tokio::test]
    async fn a_server_that_always_wants_another_nonce_is_asked_twice() {
        let endpoint = Endpoint::judging(|_| {
            let mut answer = response(400, "application/json", r#"{"error":"use_dpop_nonce"}"#);
            answer.headers_mut().insert("dpop-nonce", http::HeaderValue::from_static("n"));
            answer
        });
        let described = client(&endpoint).secret("s").dpop(DpopKey::generate().unwrap());
        ClientCredentials::over(described).build().unwrap().request_token().await.unwrap_err();
        assert_eq!(endpoint.seen().len(), 2);
    }

    // R9449-5b
    #[tokio::test]
    async fn a_bearer_token_is_discarded_unless_it_is_allowed() {
        let endpoint = Endpoint::granting();
        let described = client(&endpoint).secret("s").dpop(DpopKey::generate().unwrap());
        let error = ClientCredentials::over(described.clone()).build().unwrap().request_token().await.unwrap_err();
        assert!(error.to_string().contains("not bound to the DPoP key"), "{error}");
        let allowed = ClientCredentials::over(described.allow_bearer_with_dpop()).build().unwrap();
        assert_eq!(allowed.request_token().await.unwrap().token().kind(), TokenKind::Bearer);
    }
}
