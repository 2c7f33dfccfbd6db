use tower_auth_testing::AuthorizationServer;

use crate::support::{Guard, bearer, callers};

fn section(more: &str) -> String {
    format!(
        "[metadata]\nresource = \"https://api.example.com/v1\"\nscopes = [\"orders:read\"]\n{more}[server]\nallow_plaintext_issuer = true\n"
    )
}

// R9728-3a, R9728-3.2a, R9728-5.1a, THREAT-T10
#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_is_served_and_announced_at_the_configured_place_whatever_a_request_says() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let more = "authorization_servers = \"https://login.example.com\"\n";
    let guard = Guard::start(&format!("{}{}", callers(&server.issuer()), section(more)));
    let path = "/.well-known/oauth-protected-resource/v1";
    let document = guard.get(path, "");
    assert_eq!((document.status, document.values("content-type")), (200, vec!["application/json"]));
    let json = document.json();
    assert_eq!(json["resource"], "https://api.example.com/v1");
    assert_eq!(json["authorization_servers"][0], "https://login.example.com");
    assert_eq!(json["scopes_supported"][0], "orders:read");
    assert!(json.get("dpop_signing_alg_values_supported").is_none(), "{json}");
    assert_eq!(guard.get("/.well-known/oauth-protected-resource", "").status, 404);

    let spoofed = "x-forwarded-host: evil.example\r\nx-forwarded-proto: http\r\nforwarded: host=evil.example\r\n";
    for header in ["", spoofed] {
        let request = format!("GET /me HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n{header}\r\n");
        let answer = guard.send(&request);
        let challenges = answer.values("www-authenticate").join("\n");
        let place = format!("resource_metadata=\"https://api.example.com{path}\"");
        assert!(answer.status == 401 && challenges.contains(&place), "{answer:?}");
        assert!(!answer.head.contains("evil"), "{answer:?}");
    }
    let good = bearer(&server.mint().audience("orders").sign());
    assert_eq!(guard.get("/me", &good).status, 200);
}

// R9728-3.2a
#[tokio::test(flavor = "multi_thread")]
async fn without_a_choice_the_issuers_are_the_authorization_servers() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let guard = Guard::start(&format!("{}{}", callers(&server.issuer()), section("")));
    let document = guard.get("/.well-known/oauth-protected-resource/v1", "origin: https://anywhere.example\r\n");
    assert_eq!(document.json()["authorization_servers"][0], server.issuer());
    assert_eq!(document.values("access-control-allow-origin"), ["*"]);
}
