//! Where the keys of well-known issuers are looked for.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use tower::service_fn;
use tower_auth_core::{HttpClient, Preset, RejectionKind};
use tower_auth_testing::TestClock;

use crate::verify_support::*;

/// A preset, its parameters, and where it looks first.
type Case = (Preset, &'static [(&'static str, &'static str)], &'static str);

/// A web that has nothing, and remembers what it was asked for.
fn empty_web() -> (HttpClient, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let client = HttpClient::new(service_fn(move |request: Request<Bytes>| {
        seen.lock().unwrap().push(request.uri().to_string());
        async { Ok::<_, std::io::Error>(Response::builder().status(404).body(Bytes::new()).unwrap()) }
    }));
    (client, asked)
}

// R8725-3.8a
#[tokio::test]
async fn keys_are_looked_for_where_the_issuer_has_them() {
    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let cases: &[Case] = &[
        (
            Preset::EntraV1,
            &[("tenant", TENANT)],
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/discovery/keys",
        ),
        (
            Preset::EntraV2,
            &[("tenant", TENANT)],
            "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/discovery/v2.0/keys",
        ),
        (
            Preset::Keycloak,
            &[("base", "sso.example.com/auth"), ("realm", "shop")],
            "https://sso.example.com/auth/realms/shop/protocol/openid-connect/certs",
        ),
        (Preset::Auth0, &[("host", "a.eu.auth0.com")], "https://a.eu.auth0.com/.well-known/jwks.json"),
        (Preset::Okta, &[("host", "a.okta.com"), ("server", "aus1")], "https://a.okta.com/oauth2/aus1/v1/keys"),
        (
            Preset::Cognito,
            &[("region", "eu-west-1"), ("pool", "eu-west-1_AbC")],
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC/.well-known/jwks.json",
        ),
        (Preset::Google, &[("service_account", "a@b")], "https://www.googleapis.com/oauth2/v3/certs"),
        (Preset::GoogleIap, &[], "https://www.gstatic.com/iap/verify/public_key-jwk"),
        (Preset::Kubernetes, &[], "https://kubernetes.default.svc.cluster.local/openid/v1/jwks"),
        // By metadata.
        (
            Preset::GithubActions,
            &[("owner", "octo-org")],
            "https://token.actions.githubusercontent.com/.well-known/oauth-authorization-server",
        ),
        (Preset::GitlabCi, &[("namespace", "a")], "https://gitlab.com/.well-known/oauth-authorization-server"),
        (
            Preset::Spiffe,
            &[("base", "a.example"), ("trust_domain", "b")],
            "https://a.example/.well-known/oauth-authorization-server",
        ),
    ];
    assert_eq!(cases.len(), Preset::ALL.len());
    for (preset, parameters, place) in cases {
        let (client, asked) = empty_web();
        let builder = preset.issuer(parameters).unwrap().audience("us").http_client(client);
        let verifier = builder.clock(TestClock::new().clock()).build().unwrap();
        assert_eq!(verifier.ready().await.unwrap_err().kind(), RejectionKind::KeysUnavailable);
        assert_eq!(asked.lock().unwrap().first().map(String::as_str), Some(*place), "{preset}");
    }
}

// THREAT-V8
#[tokio::test]
async fn a_place_that_was_said_by_hand_comes_before_that_of_the_preset() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let builder = Preset::Keycloak.issuer(&[("base", "login.example.com"), ("realm", "shop")]).unwrap();
    let verifier = builder
        .jwks_uri("https://keys.internal.example/keys")
        .audience("orders")
        .http_client(server.client())
        .clock(time.clock())
        .build()
        .unwrap();
    let claims = json!({
        "iss": "https://login.example.com/realms/shop", "sub": "s", "aud": "orders", "exp": NOW + 100, "typ": "Bearer",
    });
    let token = key.sign(&header().typ("JWT"), &claims).unwrap();
    assert!(verdict(&verifier, &token).await.is_ok());
    assert_eq!(server.all_asked(), ["/keys"]);
}

#[tokio::test]
async fn a_server_of_a_test_on_loopback_may_play_any_issuer() {
    let (time, key) = (TestClock::new(), es256());
    let issuer = "http://127.0.0.1:9";
    let server = Server::with_key(&key);
    server.metadata(issuer, &format!("{issuer}/keys"));
    let builder = || tower_auth_core::JwtVerifier::issuer(issuer).unwrap();
    let parameters = [("tenant", "72f988bf-86f1-41af-91ab-2d7cd011db47")];
    let verifier = builder()
        .preset(Preset::EntraV2, &parameters)
        .unwrap()
        .algorithms([tower_auth_core::jose::Algorithm::Es256])
        .audience("orders")
        .http_client(server.client())
        .allow_loopback_http()
        .clock(time.clock())
        .build()
        .unwrap();
    let claims =
        |tenant: &str| json!({"iss": issuer, "sub": "s", "aud": "orders", "exp": NOW + 100, "azp": "c", "tid": tenant});
    let token = |tenant| key.sign(&header().typ("JWT"), &claims(tenant)).unwrap();
    assert!(verdict(&verifier, &token(parameters[0].1)).await.is_ok());
    assert_eq!(verdict(&verifier, &token("other")).await.unwrap_err(), RejectionKind::UnknownIssuer);
    // Its URL does not say which tenant it plays, so somebody has to.
    let silent = builder().preset(Preset::EntraV2, &[]).unwrap().audience("orders").allow_loopback_http();
    assert!(silent.http_client(server.client()).build().unwrap_err().to_string().contains("{tenant}"));
    // Without the permission for loopback it is no issuer at all.
    let plain = builder().preset(Preset::EntraV2, &parameters).unwrap().audience("orders").http_client(server.client());
    assert!(plain.build().is_err());
}
