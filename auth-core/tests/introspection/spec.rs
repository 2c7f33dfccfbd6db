//! Endpoints as an operator describes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_auth_core::jose::{Algorithm, SigningKey};
use tower_auth_core::{RejectionKind, VerifierSpec};
use tower_auth_testing::{AuthorizationServer, TestClient, TestClock, TokenFormat};

use super::support::*;

fn env(name: &str) -> Option<String> {
    (name == "ORDERS_SECRET").then(|| "client-sentinel".to_owned())
}

const SPEC: &str = r#"
realm = "orders"

[[introspection]]
url = "https://login.example.com/introspect"
client_id = "orders"
client_secret = { env = "ORDERS_SECRET" }
audience = ["orders"]
roles_claim = "groups"
cache = "60s"
refusal_cache = 0
"#;

// R7662-2.1a, R7662-4a
#[tokio::test]
async fn a_description_in_toml_or_json_makes_a_verifier() {
    let json = serde_json::json!({
        "realm": "orders",
        "introspection": [{
            "url": URL, "client_id": "orders", "client_secret": {"env": "ORDERS_SECRET"}, "audience": "orders",
            "roles_claim": "groups", "cache": 60, "refusal_cache": 0,
        }],
    });
    for spec in [
        VerifierSpec::from_toml(SPEC),
        VerifierSpec::from_json(&json.to_string()),
        serde_json::from_value(json).unwrap(),
    ] {
        let shown = format!("{spec:?}");
        assert!(shown.contains("ORDERS_SECRET") && !shown.contains("sentinel"), "{shown}");
        let (peer, time) = (Peer::new(), TestClock::new());
        peer.say("good", with(good(), "groups", "staff"));
        let verifier = spec.env(env).http_client(peer.http()).clock(time.clock()).build().unwrap();
        for _ in 0..3 {
            assert!(verdict(&verifier, "good").await.unwrap().has_role("staff"));
        }
        assert_eq!(peer.count(), 1, "answers are remembered");
        for _ in 0..3 {
            assert_eq!(verdict(&verifier, "unknown").await.err(), Some(RejectionKind::Inactive));
        }
        assert_eq!(peer.count(), 4, "refusals are not");
        let challenge = refusal(&verifier, "unknown").await.challenges()[0].to_str().unwrap().to_owned();
        assert!(challenge.contains(r#"realm="orders""#), "{challenge}");
    }
}

// R7662-2.1a
#[tokio::test]
async fn each_way_of_authentication_can_be_described() {
    const SECRET: &str = "orders-secret-0123456789-0123456789";
    let time = TestClock::new();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let orders = TestClient::new("orders", SECRET).client_secret_jwt();
    let server = AuthorizationServer::builder()
        .client_with(orders.private_key_jwt(key.public_jwk(Some("k1")).unwrap()))
        .client_with(TestClient::new("web", "web-secret").format(TokenFormat::Opaque))
        .introspection_scope("introspect")
        .clock(time.clock())
        .build()
        .unwrap();
    let grant = |client: &str| server.client_credentials(client).resource("https://api.test");
    let token = grant("web").build().unwrap().request_token().await.unwrap().token().secret().clone();
    let own = grant("orders").scopes(["introspect"]).build().unwrap().request_token().await.unwrap();
    let pem = key.to_pkcs8_pem().unwrap();
    let look_up = move |name: &str| match name {
        "SECRET" => Some(SECRET.to_owned()),
        "KEY" => Some(pem.expose_secret().to_owned()),
        "TOKEN" => Some(own.token().secret().expose_secret().to_owned()),
        _ => None,
    };
    let look_up = Arc::new(look_up);
    let secret = "client_id = \"orders\"\nclient_secret = { env = \"SECRET\" }\n";
    for more in [
        secret.to_owned(),
        format!("{secret}auth = \"body\"\n"),
        format!("{secret}auth = \"auto\"\n"),
        format!("{secret}auth = \"client_secret_jwt\"\nissuer = \"ISSUER\"\n"),
        "auth = \"private_key_jwt\"\nclient_id = \"orders\"\nprivate_key = { env = \"KEY\" }\nalgorithm = \"ES256\"\nkey_id = \"k1\"\n\
         issuer = \"ISSUER\"\n"
            .to_owned(),
        "auth = \"bearer\"\nbearer_token = { env = \"TOKEN\" }\n".to_owned(),
    ] {
        let text = format!(
            "[[introspection]]\nurl = \"{}\"\naudience = \"https://api.test\"\n{}",
            server.introspection_url(),
            more.replace("ISSUER", &server.issuer())
        );
        let look_up = Arc::clone(&look_up);
        let spec = VerifierSpec::from_toml(&text).env(move |name| look_up(name));
        let verifier = spec.http_client(server.http_client()).clock(time.clock()).build().unwrap();
        assert!(verdict(&verifier, token.expose_secret()).await.is_ok(), "{text}");
    }
    // By the issuer alone: its metadata names the endpoint.
    let text =
        format!("[[introspection]]\nissuer = \"{}\"\naudience = \"https://api.test\"\n{secret}", server.issuer());
    let look_up = Arc::clone(&look_up);
    let spec = VerifierSpec::from_toml(&text).env(move |name| look_up(name));
    let verifier = spec.http_client(server.http_client()).clock(time.clock()).build().unwrap();
    assert!(verdict(&verifier, token.expose_secret()).await.is_ok());
}

// R7662-2.1a
#[tokio::test]
async fn a_secret_in_a_file_may_be_replaced_while_the_service_runs() {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("introspection-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, "old").unwrap();
    let time = TestClock::new();
    let server = |secret: &str| {
        let web = TestClient::new("web", "web-secret").format(TokenFormat::Opaque);
        AuthorizationServer::builder().client("orders", secret).client_with(web).clock(time.clock()).build().unwrap()
    };
    let server = server("new");
    let token = server.client_credentials("web").build().unwrap().request_token().await.unwrap();
    let text = format!(
        "[[introspection]]\nurl = \"{}\"\naudience = \"test-audience\"\nclient_id = \"orders\"\nclient_secret = {{ file = '{}' }}\n",
        server.introspection_url(),
        path.display()
    );
    let spec = VerifierSpec::from_toml(&text).http_client(server.http_client()).clock(time.clock());
    let verifier = spec.build().unwrap();
    let token = token.token().secret().expose_secret();
    assert_eq!(verdict(&verifier, token).await.err(), Some(RejectionKind::IntrospectionUnavailable));
    std::fs::write(&path, "new").unwrap();
    time.advance(secs(120)).await;
    assert!(verdict(&verifier, token).await.is_ok());
    std::fs::remove_file(&path).unwrap();
}

fn mistakes(text: &str) -> Vec<String> {
    let spec = VerifierSpec::from_toml(text).env(env).http_client(Peer::new().http());
    spec.build().unwrap_err().to_string().lines().map(str::to_owned).collect()
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line_and_key() {
    let found = mistakes(
        r#"
[[introspection]]
url = "https://login.example.com/introspect"
client_id = "orders"
client_secrt = { env = "ORDERS_SECRET" }
audience = ["orders"]
cache = "soon"
max_in_flight = -1
allow_missing_audience = "yes"
auth = "basik"

[[introspection]]
client_id = "orders"
client_secret = "in-place-sentinel"

[[introspection]]
url = "https://login.example.com/introspect"
auth = "private_key_jwt"
client_id = "orders"
client_secret = { value = "sentinel" }
algorithm = "none"

[[introspection]]
url = "https://login.example.com/introspect"
auth = "bearer"
client_id = "orders"
audience = "orders"

[[introspection]]
url = "https://login.example.com/introspect"
client_id = "orders"
client_secret = { env = "ABSENT" }
audience = "orders"

[[introspection]]
url = "http://login.example.com/introspect"
client_id = "orders"
client_secret = { value = "sentinel" }
dangerous_any_audience = true

[[introspection]]
url = "https://login.example.com/introspect"
client_id = "orders"
client_secret = { value = "sentinel" }
cache = "2h"
audience = "orders"
"#,
    );
    for expected in [
        r#"line 5: introspection[0].client_secrt: unknown key; did you mean "client_secret"?"#,
        "introspection[0].client_secret: the key is missing",
        "line 7: introspection[0].cache: the value is not a duration",
        "line 8: introspection[0].max_in_flight: the value is not a whole number",
        "line 9: introspection[0].allow_missing_audience: the value is not true or false",
        r#"line 10: introspection[0].auth: unknown value "basik"; did you mean "basic"?"#,
        "introspection[1].url: the key is missing: say where the endpoint is, or name the `issuer`",
        "line 14: introspection[1].client_secret: a secret is not written in place",
        "introspection[2].private_key: the key is missing",
        "line 20: introspection[2].client_secret: the chosen `auth` has no use for this key",
        "line 21: introspection[2].algorithm: assertions cannot be signed by this algorithm",
        "line 26: introspection[3].client_id: the chosen `auth` has no use for this key",
        "introspection[3].bearer_token: the key is missing",
        "line 29: introspection[4]: the environment variable ABSENT",
        "line 35: introspection[5]: the URL of the introspection endpoint is plain http",
        "line 41: introspection[6]: answers are remembered for an hour at most",
    ] {
        assert!(found.iter().any(|line| line.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert!(found.iter().all(|line| line.contains("[config.")));
    assert!(!found.join("").contains("sentinel"));
}

// THREAT-V8, THREAT-T3
#[test]
fn what_weakens_it_is_written_out() {
    let text = |more: &str| {
        format!(
            "[[introspection]]\nurl = \"http://127.0.0.1:9/i\"\nclient_id = \"a\"\nclient_secret = {{ value = \"b\" }}\n{more}"
        )
    };
    let spec = |more: &str| VerifierSpec::from_toml(&text(more)).http_client(Peer::new().http());
    assert!(spec("audience = \"a\"").build().is_err());
    assert!(spec("audience = \"a\"").allow_loopback_http().build().is_ok());
    assert!(spec("audience = \"a\"").dangerous().allow_plaintext("http://127.0.0.1:9").build().is_ok());
    let none = spec("").allow_loopback_http().build().unwrap_err().to_string();
    assert!(none.contains("the audience is missing"), "{none}");
    assert!(spec("dangerous_any_audience = true").allow_loopback_http().build().is_ok());
    let both = spec("audience = \"a\"\ndangerous_any_audience = true").allow_loopback_http().build().unwrap_err();
    assert!(both.to_string().contains("choose one of both"));
}
