use tower_auth_testing::{AuthorizationServer, Flaw};

use crate::support::{BASIC, Guard, bearer, callers};

fn start(issuer: &str) -> Guard {
    Guard::start(&format!("{}[server]\nscope = \"orders:read\"\nallow_plaintext_issuer = true\n", callers(issuer)))
}

// R6750-3a, R6750-3.1a, R6750-3.1b, R9110-11.3a, R9110-11.4a
#[tokio::test(flavor = "multi_thread")]
async fn each_credential_gets_its_answer_on_each_route() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = start(&server.issuer());
    let plain = bearer(&server.mint().audience("orders").sign());
    let granted = bearer(&server.mint().audience("orders").scopes(["orders:read"]).sign());
    let (basic, key) = (BASIC.to_owned(), "x-api-key: abc\r\n".to_owned());
    let rows = [
        (String::new(), [200, 401, 401]),
        (plain, [200, 200, 403]),
        (granted, [200, 200, 200]),
        (basic, [200, 200, 403]),
        (key, [200, 200, 403]),
    ];
    for (header, statuses) in rows {
        for (path, status) in ["/open", "/me", "/scoped"].into_iter().zip(statuses) {
            let answer = guard.get(path, &header);
            assert_eq!(answer.status, status, "{path} {answer:?}");
            if status == 401 {
                let challenges = answer.values("www-authenticate").join("\n");
                assert!(challenges.contains("Bearer realm=") && challenges.contains("Basic realm="), "{challenges}");
            }
        }
    }
    for flaw in Flaw::ALL {
        let answer = guard.get("/me", &bearer(&server.mint().audience("orders").flaw(*flaw).sign()));
        assert_eq!(answer.status, 401, "{flaw:?} {answer:?}");
    }
}

// THREAT-K3, THREAT-A2
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_it_serves() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = start(&server.issuer());
    let accepted = |token: &str| guard.get("/me", &bearer(token)).status == 200;
    let old = server.mint().audience("orders").sign();
    assert!(accepted(&old));
    server.rotate_keys(false);
    let new = server.mint().audience("orders").sign();
    assert!(accepted(&new), "an unknown key id is looked up at once");
    assert!(!accepted(&old), "its key is withdrawn");
}

// THREAT-L1, R9110-11.4a
#[tokio::test(flavor = "multi_thread")]
async fn the_principal_is_shown_without_the_token_and_a_lacking_scope_is_named() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = start(&server.issuer());
    let token = server.mint().audience("orders").subject("alice").client_id("app").sign();
    let answer = guard.get("/me", &bearer(&token));
    for part in ["\"subject\":\"alice\"", "\"client_id\":\"app\"", "\"method\":\"jwt\"", "\"expires_at\":"] {
        assert!(answer.body.contains(part), "{part}: {answer:?}");
    }
    assert!(!answer.body.contains(&token) && !answer.body.contains("eyJ"), "{answer:?}");
    let challenge = guard.get("/scoped", &bearer(&token)).values("www-authenticate").join("\n");
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"orders:read\""),
        "{challenge}"
    );
}
