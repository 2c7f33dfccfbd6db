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
        r#"line 7: issuer[0].profile: unknown profile "strict"; known are rfc9068, generic, entra-v1, entra-v2, keycloak"#,
        r#"line 8: issuer[0].algorithms: the algorithm "none" cannot be accepted"#,
        "issuer[1].url: the key is missing",
        "line 11: issuer[1].audience: the value is not a text or a list of texts",
        "line 15: basic[0].password: a secret is not written in place",
        #[cfg(feature = "password-hash")]
        "line 19: basic[1].password_hash: the secret file /run/secrets/batch.phc cannot be read",
        #[cfg(not(feature = "password-hash"))]
        "line 19: basic[1].password_hash: this program was built without password hashes",
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

#[test]
fn an_api_key_has_an_owner_and_an_end_and_must_begin_as_is_said() {
    use std::time::Duration;

    use tower_auth_core::NewApiKey;

    let (old, new, foreign) = (
        NewApiKey::generate("acme").unwrap(),
        NewApiKey::generate("acme").unwrap(),
        NewApiKey::generate("other").unwrap(),
    );
    let text = format!(
        r#"
api_key_header = "X-Partner-Key"
api_key_prefix = "acme"

[[api_key]]
id = "{}"
digest = "{}"
subject = "partner-1"
scopes = ["orders:read", "orders:write"]
roles = "partner"
not_after = 2026-01-01T00:01:00Z

[[api_key]]
id = "{}"
digest = "{}"
subject = "partner-1"
scopes = "orders:read"
not_after = "2026-01-31T00:00:00+01:00"

[[api_key]]
id = "{}"
digest = "{}"
"#,
        old.id(),
        old.digest(),
        new.id(),
        new.digest(),
        foreign.id(),
        foreign.digest(),
    );
    let time = TestClock::new();
    let verifier = VerifierSpec::from_toml(&text).clock(time.clock()).build().unwrap();
    let verdict = |key: &NewApiKey| {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-partner-key", key.secret().expose_secret().parse().unwrap());
        verifier.try_verify(&headers).map_err(|refusal| refusal.code())
    };
    let verified = verdict(&old).unwrap();
    assert_eq!((verified.subject(), verified.client_id()), ("partner-1", Some(old.id())));
    assert!(verified.has_scope("orders:write") && verified.has_role("partner"));
    let verified = verdict(&new).unwrap();
    assert!(
        verified.subject() == "partner-1" && verified.has_scope("orders:read") && !verified.has_scope("orders:write")
    );
    assert_eq!(verdict(&foreign).unwrap_err(), "rejection.unknown_api_key", "of another prefix");
    time.tick(Duration::from_secs(61));
    assert_eq!(verdict(&old).unwrap_err(), "rejection.expired");
    assert!(verdict(&new).is_ok());
}

#[test]
fn mistakes_of_api_keys_are_shown_at_their_places() {
    let found = mistakes(VerifierSpec::from_toml(
        r#"
[[api_key]]
id = "a"
digest = "sentinel"

[[api_key]]
id = "b"
digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
not_after = 2027-01-01
scopes = ["orders:read", "\"sentinel\""]

[[api_key]]
id = "c"
digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
not_after = "tomorrow"
subjekt = "x"
"#,
    ));
    for expected in [
        r#"line 2: api_key[0]: the digest of the API key "a""#,
        "line 9: api_key[1].not_after: the value is not a date and time with an offset",
        "line 10: api_key[1].scopes: ",
        "line 15: api_key[2].not_after: the value is not a date and time with an offset",
        r#"line 16: api_key[2].subjekt: unknown key; did you mean "subject"?"#,
        r#"line 2: api_key[0]: the API keys "b" and "c" are the same key"#,
    ] {
        assert!(found.iter().any(|line| line.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 6, "{}", found.join("\n"));
}

#[cfg(feature = "password-hash")]
mod password_hash {
    use tower_auth_core::{PasswordCost, PasswordHash};

    use super::*;

    fn hash(password: &str) -> String {
        let cost = PasswordCost::argon2id(8, 1, 1).unwrap();
        PasswordHash::hash_with(&Secret::from(password), cost).unwrap().expose_hash().to_owned()
    }

    /// A file with this content, which is gone at the end.
    struct File(std::path::PathBuf);

    impl File {
        fn new(name: &str, content: &str) -> Self {
            let path = std::env::temp_dir().join(format!("tower-auth-spec-{}-{name}", std::process::id()));
            std::fs::write(&path, content).unwrap();
            Self(path)
        }

        fn path(&self) -> std::path::Display<'_> {
            self.0.display()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    // R7617-4a
    #[tokio::test]
    async fn users_have_hashes_in_files_and_variables_or_stand_in_a_password_file() {
        let (one, many) =
            (File::new("one", &format!("{}\n", hash("p"))), File::new("many", &format!("filed:{}\n", hash("r"))));
        let weak = File::new("weak", "weak:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n");
        let text = |file: &File| {
            format!(
                r#"
htpasswd = {{ file = "{}", dangerous_allow_weak_hashes = true }}

[[basic]]
user = "batch"
password_hash = {{ file = "{}" }}
subject = "user-17"
scopes = "orders:read"
roles = ["operator"]

[[basic]]
user = "ops"
password_hash = {{ env = "OPS_HASH" }}

[[basic]]
user = "plain"
password = {{ value = "s" }}
"#,
                file.path(),
                one.path(),
            )
        };
        let ops = hash("q");
        let build = |text: &str| {
            let ops = ops.clone();
            VerifierSpec::from_toml(text).env(move |name| (name == "OPS_HASH").then(|| ops.clone())).build().unwrap()
        };
        let verdict = async |verifier: &tower_auth_core::Verifier, user: &str, password: &str| {
            let headers = authorization(Basic::new(user, password).unwrap().header_text().expose_secret());
            verifier.verify(&headers).await.map_err(|refusal| refusal.code())
        };
        let verifier = build(&text(&many));
        let batch = verdict(&verifier, "batch", "p").await.unwrap();
        assert!(batch.subject() == "user-17" && batch.has_scope("orders:read") && batch.has_role("operator"));
        for (user, password) in [("ops", "q"), ("filed", "r"), ("plain", "s")] {
            assert_eq!(verdict(&verifier, user, password).await.unwrap().subject(), user);
            assert_eq!(verdict(&verifier, user, "x").await.unwrap_err(), "rejection.bad_password");
        }
        assert!(verdict(&build(&text(&weak)), "weak", "correct horse").await.is_ok());
        let alone = build(&format!("htpasswd.file = \"{}\"", many.path()));
        assert!(verdict(&alone, "filed", "r").await.is_ok());
    }

    // R7617-4a
    #[test]
    fn mistakes_of_hashes_are_shown_at_their_places() {
        let file = File::new("bad", "a:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\nb:sentinel\n");
        let found = mistakes(VerifierSpec::from_toml(&format!(
            r#"
[htpasswd]
file = "{}"
weak = true

[[basic]]
user = "a"
password_hash = {{ value = "sentinel" }}

[[basic]]
user = "b"
password_hash = "sentinel"

[[basic]]
user = "c"
password_hash = {{ value = "$2y$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e" }}
password = {{ value = "sentinel" }}

[[basic]]
user = "d"
password = {{ value = "sentinel" }}
roles = "operator"
"#,
            file.path(),
        )));
        for expected in [
            "line 3: htpasswd.file: the password file",
            "line 1: the SHA-1 hash cannot be used",
            "line 2: the text is no password hash",
            "line 4: htpasswd.weak: unknown key",
            "line 8: basic[0].password_hash: the text is no password hash",
            "line 12: basic[1].password_hash: a secret is not written in place",
            "line 16: basic[2].password_hash: the bcrypt hash cannot be used: its cost must be 4 to 16",
            "line 17: basic[2].password: a user has a `password` or a `password_hash`, not both",
            "line 22: basic[3].roles: only a user with a `password_hash` can have it",
        ] {
            assert!(found.iter().any(|line| line.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
        }
        assert_eq!(found.len(), 7, "{}", found.join("\n"));
        assert!(!found.join("").contains("sentinel"), "{}", found.join("\n"));
    }
}

// THREAT-V8
#[tokio::test]
async fn a_preset_is_described_by_its_name_and_parameters_or_by_a_url() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let build = |text: &str| {
        let spec = VerifierSpec::from_toml(text).http_client(server.client()).clock(time.clock());
        spec.build()
    };
    let by_parameters = r#"
        [[issuer]]
        profile = "keycloak"
        base = "sso.example.com"
        realm = "shop"
        client = "orders"
        audience = "orders"
        algorithms = ["ES256"]
        jwks_url = "https://login.example.com/keys"
        role_map = { approve = ["approver", "clerk"], offline_access = "offline" }
        subject_claim = ["employee", "sub"]
        client_id_claim = "azp"
        require = { stage = ["test", "production"], "/deep/er" = "x" }
    "#;
    let by_url = by_parameters
        .replace("base = \"sso.example.com\"", "url = \"https://sso.example.com/realms/shop\"")
        .replace("realm = \"shop\"", "");
    let claims = serde_json::json!({
        "iss": "https://sso.example.com/realms/shop", "sub": "s", "aud": "orders", "exp": NOW + 100, "typ": "Bearer", "azp": "web",
        "employee": "e-7", "stage": "test", "deep": {"er": "x"},
        "realm_access": {"roles": ["offline_access"]}, "resource_access": {"orders": {"roles": ["approve"]}},
    });
    let sign = |claims: &serde_json::Value| key.sign(&header().typ("JWT"), claims).unwrap();
    for text in [by_parameters.to_owned(), by_url] {
        let verifier = build(&text).unwrap();
        let verified = verdict(&verifier, &sign(&claims)).await.unwrap();
        assert_eq!(verified.roles().collect::<Vec<_>>(), ["offline", "approver", "clerk"]);
        assert_eq!((verified.subject(), verified.client_id()), ("e-7", Some("web")));
        assert!(verdict(&verifier, &sign(&with(claims.clone(), "typ", "ID"))).await.is_err());
        assert!(verdict(&verifier, &sign(&with(claims.clone(), "stage", "dev"))).await.is_err());
    }
    let several = r#"
        [[issuer]]
        profile = "entra-v2"
        tenant = ["72f988bf-86f1-41af-91ab-2d7cd011db47", "9188040d-6c67-4c5b-b112-36a304b66dad"]
        audience = "orders"
    "#;
    assert!(format!("{:?}", build(several).unwrap()).contains("https://login.microsoftonline.com/{tenant}/v2.0"));
}

// THREAT-V8
#[tokio::test]
async fn issuers_of_one_shape_are_described_by_a_template() {
    let (time, key) = (TestClock::new(), es256());
    let server = Server::default();
    server.page(
        "/.well-known/oauth-authorization-server/a",
        Act::Answer(
            200,
            r#"{"issuer":"https://login.example.com/a","jwks_uri":"https://login.example.com/keys"}"#.to_owned(),
        ),
    );
    server.keys(&[("k1", &key)]);
    let text =
        "[[issuer]]\nurl = \"https://login.example.com/{tenant}\"\nonly = [\"a\", \"b\"]\naudience = \"orders\"\n";
    let verifier = VerifierSpec::from_toml(text).http_client(server.client()).clock(time.clock()).build().unwrap();
    assert!(verdict(&verifier, &token(&key, &with(claims(), "iss", "https://login.example.com/a"))).await.is_ok());
    let other = token(&key, &with(claims(), "iss", "https://login.example.com/c"));
    assert_eq!(verdict(&verifier, &other).await.unwrap_err(), tower_auth_core::RejectionKind::UnknownIssuer);
    assert!(
        mistakes(VerifierSpec::from_toml(&text.replace("only", "onyl"))).join("").contains("did you mean \"only\"?")
    );
    assert!(
        mistakes(VerifierSpec::from_toml("[[issuer]]\nurl = \"https://login.example.com/{t}\"\naudience = \"a\"\n"))
            .join("")
            .contains("no issuer is trusted")
    );
    assert!(
        mistakes(VerifierSpec::from_toml(
            "[[issuer]]\nurl = \"https://login.example.com\"\nonly = \"a\"\naudience = \"a\"\n"
        ))
        .join("")
        .contains("open part")
    );
}

#[test]
fn mistakes_about_a_preset_name_the_nearest_one() {
    let one = |text: &str| mistakes(VerifierSpec::from_toml(text)).join("\n");
    let issuer = |rest: &str| format!("[[issuer]]\naudience = \"a\"\n{rest}");
    for (rest, expected) in [
        (
            "profile = \"keyclock\"\nrealm = \"x\"",
            "issuer[0].profile: unknown profile \"keyclock\"; did you mean \"keycloak\"?",
        ),
        (
            "profile = \"keycloak\"\nbase = \"a.example\"\nrelm = \"x\"",
            "line 5: issuer[0].relm: unknown key; did you mean \"realm\"?",
        ),
        ("profile = \"keycloak\"\nbase = \"a.example\"", "issuer[0]: the preset keycloak needs the parameter realm"),
        ("profile = \"entra-v2\"\ntenant = \"common\"", "line 4: issuer[0].tenant: the parameter tenant is \"common\""),
        ("profile = \"google\"", "issuer[0]: the preset google needs the parameter service_account"),
        ("url = \"https://a.example\"\ntenant = \"x\"", "issuer[0].tenant: unknown key"),
        ("url = \"https://a.example\"\nprofile = \"cognito\"", "is no issuer of the preset cognito"),
        ("url = \"https://a.example\"\nrequire = \"x\"", "issuer[0].require: the value is not a table"),
        ("url = \"https://a.example\"\nrole_map = { a = 1 }", "issuer[0].role_map: the value is not a table"),
    ] {
        let found = one(&issuer(rest));
        assert!(found.contains(expected), "{expected}\nnot in\n{found}");
        let also_missing = usize::from(rest.contains("relm"));
        assert_eq!(found.lines().count(), 1 + also_missing, "{found}");
    }
}
