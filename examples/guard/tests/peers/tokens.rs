use serde_json::json;

use crate::clients::{curl, curl_token, have_curl, have_python, run};
use crate::provider::Provider;
use crate::support::{Guard, Upstream};
use crate::{JWTS, callers, status};

const SERVER: &str = "[server]\nscope = \"read\"\nallow_plaintext_issuer = true\n";

// R9068-4b, R9068-4c, R7662-2.2a, R6750-3.1a
#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_in_with_tokens_of_every_algorithm_and_opaque_ones() {
    let Some(provider) = Provider::start() else { return };
    if !have_curl() {
        return;
    }
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{}{SERVER}{}", callers(&provider), upstream.section("")));
    let (issuer, secret) = (provider.issuer(), provider.secret("cc-basic"));
    let (me, behind) = (format!("http://{}/me", guard.http), format!("http://{}/behind", guard.http));
    for resource in JWTS.iter().chain(&["urn:api:opaque"]) {
        let token = curl_token(issuer, &secret, resource);
        for (version, prefix) in [("--http1.1", "HTTP/1.1 200"), ("--http2-prior-knowledge", "HTTP/2 200")] {
            let answer = curl(&[version, "--oauth2-bearer", &token, &me]);
            assert!(answer.head.starts_with(prefix), "{resource}: {answer:?}");
            assert_eq!((&answer.json()["subject"], &answer.json()["scopes"]), (&json!("cc-basic"), &json!(["read"])));
            let answer = curl(&[version, "--oauth2-bearer", &token, "-d", "body", &behind]);
            assert!(answer.head.starts_with(prefix), "{resource}: {answer:?}");
        }
        let seen = upstream.seen().pop().unwrap();
        assert_eq!((seen.values("x-auth-subject"), seen.values("x-auth-issuer")), (vec!["cc-basic"], vec![issuer]));
        assert_eq!((seen.values("authorization"), seen.body.as_str()), (vec![], "body"));
        // One character of it was changed.
        let changed = if token.as_bytes()[token.len() - 6] == b'A' { "B" } else { "A" };
        let broken = format!("{}{changed}{}", &token[..token.len() - 6], &token[token.len() - 5..]);
        let answer = curl(&["--oauth2-bearer", &broken, &me]);
        let challenge = answer.values("www-authenticate").join("\n");
        assert!(answer.status == 401 && challenge.contains("error=\"invalid_token\""), "{resource}: {answer:?}");
    }
    assert_eq!(curl(&["--user", "a:b", &me]).status, 200);
    assert_eq!(curl(&["--user", "a:c", &me]).status, 401);
    assert_eq!(curl(&[&me]).status, 401);
}

// R9068-4b, R7662-2.2a, R6750-3.1a
#[tokio::test(flavor = "multi_thread")]
async fn authlib_gets_in_with_tokens_of_every_algorithm_and_opaque_ones() {
    let Some(provider) = Provider::start() else { return };
    if !have_python() {
        return;
    }
    let guard = Guard::start(&format!("{}{SERVER}", callers(&provider)));
    let told = run(
        "tokens.py",
        &json!({
            "issuer": provider.issuer(), "client": "cc-basic", "secret": provider.secret("cc-basic"),
            "guard": format!("http://{}", guard.http), "jwts": JWTS, "opaque": "urn:api:opaque",
        }),
    );
    for resource in JWTS.iter().chain(&["urn:api:opaque"]) {
        let told = &told[resource];
        assert_eq!((status(&told["me"]), &told["me"]["json"]["client_id"]), (200, &json!("cc-basic")), "{told}");
        assert_eq!((status(&told["scoped"]), status(&told["unscoped"])), (200, 403), "{told}");
        let challenge = told["unscoped"]["challenge"].as_str().unwrap();
        assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"read\""), "{told}");
    }
    assert_eq!(status(&told["revoked"]), 401, "{told}");
    assert_eq!((status(&told["none"]), status(&told["basic"])), (401, 200), "{told}");
}
