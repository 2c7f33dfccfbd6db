use std::time::UNIX_EPOCH;

use tower_auth_testing::AuthorizationServer;

use crate::support::{BASIC, Guard, bearer, callers};

const RULES: &str = r#"
[[route]]
path = "/orders"
require = { any_scope = ["orders:read", "orders:all"] }

[[route]]
path = "/orders"
methods = ["POST", "DELETE"]
require = { scope = "orders:write" }

[[route]]
path = "/orders/approve"
require = { role = "manager", acr = "strong", max_age = "5m" }

[[route]]
path = "/tokens"
require = { scheme = ["bearer", "dpop"], claim = { tenant = "t1" } }

[[route]]
path = "/bound"
require = { bound = true }

[server]
allow_plaintext_issuer = true
"#;

fn post(guard: &Guard, path: &str, header: &str) -> u16 {
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n");
    guard.send(&format!("{head}{header}\r\n")).status
}

// R9110-11.4a
#[tokio::test(flavor = "multi_thread")]
async fn a_request_must_meet_every_rule_that_is_about_it() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = Guard::start(&format!("{}{RULES}", callers(&server.issuer())));
    let token = |scopes: &[&str]| bearer(&server.mint().audience("orders").scopes(scopes.iter().copied()).sign());
    let (none, read, both) = (token(&[]), token(&["orders:read"]), token(&["orders:all", "orders:write"]));
    let write = token(&["orders:write"]);

    for path in ["/orders", "/orders/", "/orders/1", "/ORDERS", "/orders;x", "/orders.json"] {
        assert_eq!(guard.get(path, "").status, 401, "{path}");
        assert_eq!(guard.get(path, &none).status, 403, "{path}");
        assert_eq!(guard.get(path, &read).status, 200, "{path}");
        assert_eq!(post(&guard, path, &read), 403, "{path}");
        assert_eq!(post(&guard, path, &write), 403, "the first rule is about it too: {path}");
        assert_eq!(post(&guard, path, &both), 200, "{path}");
    }
    assert_eq!(guard.get("/orders-of-others", "").status, 404);
    let answer = guard.get("/orders", &read);
    assert_eq!(answer.json()["scopes"][0], "orders:read");
}

// THREAT-T10
#[tokio::test(flavor = "multi_thread")]
async fn roles_logins_schemes_claims_and_proofs_are_demanded_by_configuration() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = Guard::start(&format!("{}{RULES}", callers(&server.issuer())));
    let mint = || server.mint().audience("orders").scopes(["orders:read"]);
    let now = server.clock().wall().duration_since(UNIX_EPOCH).unwrap().as_secs();

    let role = |role: &str| mint().claim("roles", &[role]).claim("acr", "strong");
    let manager = bearer(&role("manager").claim("auth_time", &now).sign());
    assert_eq!(guard.get("/orders/approve", &manager).status, 200);
    let clerk = bearer(&role("clerk").claim("auth_time", &now).sign());
    assert_eq!(guard.get("/orders/approve", &clerk).status, 403);
    let tired = bearer(&role("manager").claim("auth_time", &(now - 600)).sign());
    let answer = guard.get("/orders/approve", &tired);
    assert_eq!(answer.status, 401);
    let challenge = answer.values("www-authenticate").join("\n");
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.contains("max_age=\"300\"") && challenge.contains("acr_values=\"strong\""), "{challenge}");

    let tenant = |tenant: &str| bearer(&mint().claim("tenant", tenant).sign());
    assert_eq!(guard.get("/tokens", &tenant("t1")).status, 200);
    assert_eq!(guard.get("/tokens", &tenant("t2")).status, 403);
    assert_eq!(guard.get("/tokens", BASIC).status, 403);
    assert_eq!(guard.get("/bound", &bearer(&mint().sign())).status, 401);
}
