//! Verifiers as an operator describes them.
#![cfg(feature = "spec")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use tower_auth_core::{ApiKeyVerifier, Basic, Method, Secret, VerifierSpec};
use tower_auth_testing::TestClock;

use self::verify_support::*;

const SPEC: &str = r#"
realm = "orders"

[[issuer]]
url = "https://login.example.com"
audience = ["orders"]
profile = "rfc9068"
algorithms = ["RS256", "ES256"]
roles_claim = "groups"

[[basic]]
user = "batch"
password = { env = "BATCH_PASSWORD" }

[[basic]]
user = "ops"
password = { value = "sentinel" }

[[api_key]]
id = "partner-1"
digest = "DIGEST"
"#;

fn text() -> String {
    SPEC.replace("DIGEST", &ApiKeyVerifier::digest(&Secret::from("partner-1.abc")))
}

fn env(name: &str) -> Option<String> {
    (name == "BATCH_PASSWORD").then(|| "s3cret".to_owned())
}

async fn works(spec: VerifierSpec) {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let verifier = spec.env(env).http_client(server.client()).clock(time.clock()).build().unwrap();
    let verified = verdict(&verifier, &token(&key, &with(claims(), "groups", "staff"))).await.unwrap();
    assert_eq!((verified.method(), verified.has_role("staff")), (Method::Jwt, true));
    let basic = |user, password| authorization(Basic::new(user, password).unwrap().header_text().expose_secret());
    assert!(verifier.try_verify(&basic("batch", "s3cret")).is_ok());
    assert!(verifier.try_verify(&basic("ops", "sentinel")).is_ok());
    assert!(verifier.try_verify(&basic("ops", "s3cret")).is_err());
    let mut headers = http::HeaderMap::new();
    headers.insert("x-api-key", "partner-1.abc".parse().unwrap());
    assert_eq!(verifier.try_verify(&headers).unwrap().subject(), "partner-1");
    let refusal = verifier.try_verify(&http::HeaderMap::new()).unwrap_err();
    assert!(refusal.challenges().iter().all(|challenge| challenge.to_str().unwrap().contains(r#"realm="orders""#)));
}

// THREAT-V8
#[tokio::test]
async fn a_description_in_toml_or_json_makes_a_verifier() {
    works(VerifierSpec::from_toml(&text())).await;
    let json = serde_json::json!({
        "realm": "orders",
        "issuer": [{"url": ISSUER, "audience": "orders", "roles_claim": "groups"}],
        "basic": [
            {"user": "batch", "password": {"env": "BATCH_PASSWORD"}},
            {"user": "ops", "password": {"value": "sentinel"}},
        ],
        "api_key": [{"id": "partner-1", "digest": ApiKeyVerifier::digest(&Secret::from("partner-1.abc"))}],
    });
    works(VerifierSpec::from_json(&json.to_string())).await;
    works(serde_json::from_value(json).unwrap()).await;
}

// THREAT-L1
#[test]
fn a_description_shows_no_text_that_stands_for_a_digest() {
    let spec = VerifierSpec::from_toml("[[api_key]]\nid = \"partner-1\"\ndigest = \"sentinel\"\n");
    let shown = format!("{spec:?}");
    assert!(shown.contains("partner-1") && !shown.contains("sentinel"), "{shown}");
}

fn mistakes(spec: VerifierSpec) -> Vec<String> {
    let error = spec.env(env).http_client(Server::default().client()).build().unwrap_err();
    error.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line_and_key() {
    let found = mistakes(VerifierSpec::from_toml(
        r#"
relm = "orders"

[[issuer]]
url = "https://login.example.com"
audiance = ["orders"]
profile = "strict"
algorithms = ["RS256", "none"]

[[issuer]]
audience = 7

[[basic]]
user = "batch"
password = "in-place-sentinel"

[[basic]]
user = "hashed"
password_hash = { file = "/run/secrets/batch.phc" }

[[api_key]]
id = "partner-1"
digest = "md5:00"
"#,
    ));
    for expected in [
        r#"line 2: relm: unknown key; did you mean "realm"?"#,
        r#"line 6: issuer[0].audiance: unknown key; did you mean "audience"?"#,
        r#"line 7: issuer[0].profile: there is no profile "strict": known are rfc9068 and generic"#,
        r#"line 8: issuer[0].algorithms: the algorithm "none" cannot be accepted"#,
        "issuer[1].url: the key is missing",
        "line 11: issuer[1].audience: the value is not a text or a list of texts",
        "line 15: basic[0].password: a secret is not written in place",
        "line 19: basic[1].password_hash: password hashes are not read",
        r#"the digest of the API key "partner-1""#,
        "issuer[0]: the audience is missing",
    ] {
        assert!(found.iter().any(|line| line.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 10, "{}", found.join("\n"));
    assert!(found.iter().all(|line| line.contains("[config.")));
    assert!(!found.join("").contains("sentinel"));
}

#[test]
fn mistakes_of_substance_name_their_section() {
    let one = |text: &str| mistakes(VerifierSpec::from_toml(text)).join("\n");
    assert!(one("").contains("there is no verifier"), "nothing would be accepted");
    assert!(one("realm = ").starts_with("line 1: the file is not TOML"));
    let issuer = |url: &str| format!("[[issuer]]\nurl = \"{url}\"\naudience = \"a\"\n");
    assert!(one(&issuer("http://login.example.com")).contains("issuer[0]: the URL of the issuer is plain http"));
    assert!(one(&issuer("nonsense")).contains("issuer[0]: the issuer URL cannot be used"));
    assert!(one(&format!("{0}{0}", issuer(ISSUER))).contains("is there twice"));
    assert!(
        one("[[basic]]\nuser = \"a\"\npassword = { env = \"ABSENT\" }\n")
            .contains("line 1: basic[0]: the environment variable ABSENT")
    );
    assert!(one("[[basic]]\nuser = \"a\"\npassword = { command = \"x\" }\n").contains("no command is run"));
    assert!(one("[[basic]]\nuser = \"a\"\npassword = { env = \"A\", file = \"b\" }\n").contains("exactly one"));
    assert!(one("issuer = 1").contains("[[issuer]]"));
    assert!(one("[[issuer]]\nurl=\"https://a\"\naudience=\"a\"\nalgorithms=[\"HS256\"]").contains("shared secret"));
    assert!(mistakes(serde_json::from_str("[]").unwrap()).join("").contains("not a table"));
    let json = mistakes(VerifierSpec::from_json("{\"basic\": [\n{\"usr\": \"a\", \"password\": {\"value\": \"b\"}}]}"))
        .join("\n");
    assert!(json.contains("line 2: basic[0].usr: unknown key; did you mean \"user\"?"), "{json}");
    assert!(mistakes(VerifierSpec::from_json("{")).join("").contains("line 1: the file is not JSON"));
    let absent = mistakes(VerifierSpec::from_toml_file("/nowhere/orders.toml")).join("");
    assert!(absent.starts_with("/nowhere/orders.toml: the file cannot be read"), "{absent}");
}

// THREAT-T3
#[test]
fn plain_http_needs_a_switch_in_the_program() {
    let spec = || {
        VerifierSpec::from_toml("[[issuer]]\nurl = \"http://127.0.0.1:9\"\naudience = \"a\"\n")
            .http_client(Server::default().client())
    };
    assert!(spec().build().is_err());
    assert!(spec().allow_loopback_http().build().is_ok());
    assert!(spec().dangerous().allow_plaintext("http://127.0.0.1:9").build().is_ok());
}

// THREAT-L1
#[test]
fn a_description_does_not_show_its_secrets() {
    let shown = format!("{:?}", VerifierSpec::from_toml(&text()));
    assert!(shown.contains("BATCH_PASSWORD") && !shown.contains("sentinel"), "{shown}");
}
