//! Each grant by each way in which a client proves who it is.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{
    AuthorizationCallback, AuthorizationErrorKind, AuthorizationRequest, ClientAuth, ClientCredentials, Clock,
    DeviceCode, IssuerParameter, OAuthClient, OAuthClientBuilder, RefreshToken, Secret, TokenErrorKind, TokenResponse,
    TokenTypeHint,
};
use tower_auth_testing::TestClock;

use crate::provider::Provider;

const CALLBACK: &str = "https://app.example.test/callback";
const CODE: &str = "authorization_code";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The grants, as the columns of the table name them.
const GRANTS: [&str; 6] =
    ["client credentials", "code + PKCE", "pushed code", "device code", "refresh, rotated", "revocation"];

/// How a client authenticates, over what the server says of it.
type Describe = Box<dyn Fn(OAuthClientBuilder, &Value) -> OAuthClientBuilder>;

/// A way to prove who the client is: what is registered, and what a client with it needs.
struct Way {
    name: &'static str,
    metadata: Value,
    client: Describe,
}

fn ways(server: &Provider) -> Vec<Way> {
    let secret = |registered: &Value| registered["client_secret"].as_str().unwrap().to_owned();
    let by_secret = move |auth| {
        Box::new(move |client: OAuthClientBuilder, registered: &Value| {
            client.client_auth(auth).secret(secret(registered))
        })
    };
    let key = |name, algorithm| {
        let key = Arc::new(SigningKey::generate(algorithm).unwrap());
        let public: Value = serde_json::from_str(&key.public_jwk(Some("k1")).unwrap()).unwrap();
        Way {
            name,
            metadata: json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": algorithm.name(),
                "jwks": { "keys": [public] },
            }),
            client: Box::new(move |client, _| client.private_key(Arc::clone(&key)).key_id("k1")),
        }
    };
    let shown = &server.about()["tls"]["client"];
    let signed = (shown["cert"].as_str().unwrap().to_owned(), shown["key"].as_str().unwrap().to_owned());
    let own = rcgen::generate_simple_self_signed(["orders.example".to_owned()]).unwrap();
    let own_key = SigningKey::from_pkcs8_pem(Algorithm::Es256, &own.signing_key.serialize_pem()).unwrap();
    let mut public: Value = serde_json::from_str(&own_key.public_jwk(Some("mtls")).unwrap()).unwrap();
    public["x5c"] = json!([STANDARD.encode(own.cert.der())]);
    let own = (own.cert.pem(), own.signing_key.serialize_pem());
    let certificate = |auth, (chain, key): (String, String)| {
        let transport = server.transport();
        Box::new(move |client: OAuthClientBuilder, _: &Value| {
            let transport = transport.clone().client_certificate(chain.clone(), key.clone());
            client.client_auth(auth).http_client(transport.build().unwrap())
        })
    };
    let named = |method: &str| json!({ "token_endpoint_auth_method": method });
    vec![
        Way {
            name: "none (public client)",
            metadata: named("none"),
            client: Box::new(|client, _| client.client_auth(ClientAuth::None)),
        },
        Way { name: "basic", metadata: named("client_secret_basic"), client: by_secret(ClientAuth::Basic) },
        Way { name: "body", metadata: named("client_secret_post"), client: by_secret(ClientAuth::Body) },
        Way {
            name: "client_secret_jwt",
            metadata: json!({
                "token_endpoint_auth_method": "client_secret_jwt",
                "token_endpoint_auth_signing_alg": "HS256",
            }),
            client: by_secret(ClientAuth::SecretJwt),
        },
        key("private_key_jwt, ES256", Algorithm::Es256),
        key("private_key_jwt, PS256", Algorithm::Ps256),
        key("private_key_jwt, EdDSA", Algorithm::EdDsa),
        Way {
            name: "tls_client_auth",
            metadata: json!({
                "token_endpoint_auth_method": "tls_client_auth",
                "tls_client_auth_subject_dn": "CN=cc-mtls",
            }),
            client: certificate(ClientAuth::TlsClientAuth, signed),
        },
        Way {
            name: "self_signed_tls_client_auth",
            metadata: json!({
                "token_endpoint_auth_method": "self_signed_tls_client_auth",
                "jwks": { "keys": [public] },
            }),
            client: certificate(ClientAuth::SelfSignedTlsClientAuth, own),
        },
    ]
}

impl Provider {
    async fn registered(&self, way: &Way) -> OAuthClientBuilder {
        let registered = self.registration(way).await;
        (way.client)(self.described(registered["client_id"].as_str().unwrap()), &registered)
    }

    /// What the server made of a client that proves itself in this way.
    async fn registration(&self, way: &Way) -> Value {
        let is_public = way.metadata["token_endpoint_auth_method"] == "none";
        let mut metadata = json!({
            "grant_types": [CODE, "refresh_token", DEVICE],
            "response_types": ["code"],
            "redirect_uris": [CALLBACK],
            "scope": "openid offline_access read write",
        });
        if !is_public {
            metadata["grant_types"].as_array_mut().unwrap().push(json!("client_credentials"));
        }
        metadata.as_object_mut().unwrap().extend(way.metadata.as_object().unwrap().clone());
        self.register(metadata).await
    }

    /// The tokens of a user who says yes.
    async fn login(&self, client: &OAuthClient, request: AuthorizationRequest) -> TokenResponse {
        let started = request.issuer_parameter(IssuerParameter::Required).start().await.unwrap();
        let answer = self.test("authorize", json!({ "url": started.url.to_string() })).await;
        let location = answer["location"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let callback = AuthorizationCallback::from_uri(location).unwrap();
        started.transaction.finish(client, &callback).await.unwrap()
    }

    /// Panics where a grant does not work; false where the standard forbids the combination.
    async fn try_grant(&self, grant: &str, described: &OAuthClientBuilder) -> bool {
        let client = described.clone().build().unwrap();
        let request = || AuthorizationRequest::new(&client, CALLBACK).scopes(["openid", "read"]).prompt("consent");
        match grant {
            "client credentials" => {
                let Ok(source) = ClientCredentials::over(described.clone()).scopes(["read"]).build() else {
                    return false;
                };
                source.request_token().await.unwrap();
                source.request_token().await.unwrap();
            }
            "code + PKCE" => {
                let response = self.login(&client, request()).await;
                assert!(response.token().scope().unwrap().contains("read") && response.id_token().is_some());
            }
            "pushed code" => drop(self.login(&client, request().pushed()).await),
            "device code" => {
                // The interval of the polls passes for the client alone.
                let time = TestClock::at(Clock::system().wall() - Duration::from_secs(5));
                let code = DeviceCode::over(described.clone().clock(time.clock())).scopes(["openid", "read"]);
                let authorization = Arc::new(code.build().unwrap().start().await.unwrap());
                let decision = json!({ "user_code": authorization.user_code(), "deny": false });
                assert_eq!(self.test("device", decision).await["ok"], true);
                let waiting = Arc::clone(&authorization);
                let wait = tokio::spawn(async move { waiting.wait().await });
                time.advance(authorization.interval()).await;
                let response = wait.await.unwrap().unwrap();
                assert!(response.refresh_token().is_some() && response.token().scope().unwrap().contains("read"));
            }
            "refresh, rotated" => {
                let request = request().scopes(["offline_access"]);
                let response = self.login(&client, request.clone()).await;
                let first = response.refresh_token().unwrap().clone();
                let newest = Arc::new(Mutex::new(Vec::new()));
                let kept = Arc::clone(&newest);
                let cache = request.keep_alive(response).build().unwrap().cache_builder().persist(move |response| {
                    kept.lock().unwrap().push(response.refresh_token().unwrap().clone());
                    async { Ok(()) }
                });
                let cache = cache.build().unwrap();
                for _ in 0..3 {
                    let generation = cache.current().await.unwrap().generation;
                    let _ = cache.invalidate(generation);
                }
                cache.token().await.unwrap();
                let newest = newest.lock().unwrap().clone();
                assert!(newest.len() >= 3 && newest[0] == first, "{}", newest.len());
                assert!(newest.windows(2).all(|pair| pair[0] != pair[1]), "each answer brought another one");
            }
            "revocation" => {
                let response = self.login(&client, request().scopes(["offline_access"])).await;
                let refresh = response.refresh_token().unwrap().clone();
                let next = |token: &Secret| {
                    let source = RefreshToken::over(described.clone(), token.clone()).build().unwrap();
                    async move { source.request_token().await }
                };
                let next_response = next(&refresh).await.unwrap();
                let newest = next_response.refresh_token().unwrap().clone();
                client.revoke(&newest, Some(TokenTypeHint::RefreshToken)).await.unwrap();
                let error = next(&newest).await.unwrap_err();
                assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some("invalid_grant")));
                let access = next_response.token().secret();
                assert_eq!(self.introspect(access.expose_secret()).await["active"], false, "its grant has ended");
            }
            other => panic!("{other}"),
        }
        true
    }
}

fn table(cells: &BTreeMap<(usize, usize), bool>, ways: &[Way]) -> String {
    let mut table =
        format!("| client authentication | {} |\n|---|{}\n", GRANTS.join(" | "), "---|".repeat(GRANTS.len()));
    for (row, way) in ways.iter().enumerate() {
        write!(table, "| {} |", way.name).unwrap();
        for column in 0..GRANTS.len() {
            write!(table, " {} |", if cells[&(row, column)] { "passed" } else { "not allowed" }).unwrap();
        }
        table.push('\n');
    }
    table
}

// R6749-2.3a, R7523-2.2a, R7523bis-a, R8705-2a, R9126-2.1a, R7009-2.1a
#[tokio::test]
async fn every_grant_works_with_every_client_authentication() {
    let Some(server) = Provider::start_tls() else { return };
    let ways = ways(&server);
    let mut cells = BTreeMap::new();
    for (row, way) in ways.iter().enumerate() {
        let described = server.registered(way).await;
        for (column, grant) in GRANTS.iter().enumerate() {
            println!("{}: {grant}", way.name);
            cells.insert((row, column), server.try_grant(grant, &described).await);
        }
    }
    let table = table(&cells, &ways);
    println!("{table}");
    assert!(include_str!("../../../docs/interop.md").contains(&table), "docs/interop.md has another table");
}

// R8707-2b, R8707-2c
#[tokio::test]
async fn a_code_and_its_refreshes_are_for_one_resource() {
    let Some(server) = Provider::start() else { return };
    let client = server.described("app-confidential").secret(server.secret("app-confidential")).build().unwrap();
    for algorithm in ["es256", "rs256", "eddsa"] {
        let resource = format!("urn:api:{algorithm}");
        let request = AuthorizationRequest::new(&client, CALLBACK)
            .scopes(["openid", "offline_access", "read"])
            .prompt("consent")
            .resource(&resource);
        let response = server.login(&client, request.clone()).await;
        let cache = request.keep_alive(response).cached().unwrap();
        let verifier = server.verifier(&resource).build().unwrap();
        let other = server.verifier("urn:api:other").build().unwrap();
        for _ in 0..2 {
            let current = cache.current().await.unwrap();
            let mut headers = http::HeaderMap::new();
            assert!(current.credential.apply_to_headers(&mut headers));
            assert_eq!(verifier.verify(&headers).await.unwrap().subject(), "alice", "{algorithm}");
            assert!(other.verify(&headers).await.is_err());
            let _ = cache.invalidate(current.generation);
        }
    }
    let unknown = AuthorizationRequest::new(&client, CALLBACK).scopes(["read"]).resource("urn:api:unknown");
    let started = unknown.start().await.unwrap();
    let answer = server.test("authorize", json!({ "url": started.url.to_string() })).await;
    let callback = AuthorizationCallback::from_uri(answer["location"].as_str().unwrap()).unwrap();
    let error = started.transaction.finish(&client, &callback).await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (AuthorizationErrorKind::ProviderError, Some("invalid_target")));
}

// R8414-3.3a, R7523-2.2a, R7523bis-a, R9126-4a
#[tokio::test]
async fn the_issuer_is_all_that_a_client_has_to_know() {
    let Some(server) = Provider::start_tls() else { return };
    for way in ways(&server) {
        if way.metadata["token_endpoint_auth_method"] == "none" {
            continue;
        }
        let registered = server.registration(&way).await;
        let client = OAuthClient::builder(registered["client_id"].as_str().unwrap());
        let described = (way.client)(client.issuer(server.issuer()).http_client(server.http()), &registered);
        ClientCredentials::over(described.clone()).build().unwrap().request_token().await.unwrap();
        let client = described.build().unwrap();
        // The metadata say that this server names itself in each answer.
        let request = AuthorizationRequest::new(&client, CALLBACK).scopes(["openid", "read"]).pushed();
        let started = request.start().await.unwrap();
        let answer = server.test("authorize", json!({ "url": started.url.to_string() })).await;
        let location = answer["location"].as_str().unwrap_or_else(|| panic!("{}: {answer}", way.name));
        let bare = location.split("&iss=").next().unwrap();
        let kept = started.transaction.to_secret_json();
        let response =
            started.transaction.finish(&client, &AuthorizationCallback::from_uri(location).unwrap()).await.unwrap();
        client.revoke(response.refresh_token().unwrap(), Some(TokenTypeHint::RefreshToken)).await.unwrap();
        let again = tower_auth_core::AuthorizationTransaction::from_secret_json(&kept).unwrap();
        let error = again.finish(&client, &AuthorizationCallback::from_uri(bare).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::IssuerMismatch);
    }
}
