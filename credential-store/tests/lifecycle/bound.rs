//! Tokens that are bound to a key, which is kept with them.

use std::time::Duration;

use tower_auth_core::TokenKind;
use tower_auth_store::{CredentialStore, NewConnection};

use crate::support::*;

const DESCRIPTION: &str = r#"
id = "acme"
base_url = "{origin}"
[[auth]]
kind = "oauth2_code"
authorize_url = "{origin}/authorize"
token_url = "{origin}/token"
rotation = "rotating"
[[auth.fields]]
name = "client_id"
scope = "connector"
[[auth.fields]]
name = "client_secret"
secret = true
scope = "connector"
"#;

// THREAT-S10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_token_is_renewed_by_another_process_with_the_key_that_was_kept() {
    for database in Database::all().await {
        let demanding = |builder: tower_auth_testing::OAuthProviderBuilder| {
            let builder = builder.account("alice").access_lifetime(Duration::from_secs(2));
            builder.configure_client(tower_auth_testing::TestClient::require_dpop)
        };
        let (provider, keys) = (provider(demanding).await, ring());
        let text = DESCRIPTION.replace("{origin}", provider.url("").trim_end_matches('/'));
        let opened = || async {
            let connector = described(&text, &provider).bind_tokens();
            builder(database.open().await, &keys).connector(connector).open().await.unwrap()
        };
        let one: CredentialStore = opened().await;
        let alice = owner("alice");
        let begun = one.begin_login(&alice, login(NewConnection::new("acme"))).await.unwrap();
        assert!(begun.url.contains("dpop_jkt="), "{}", begun.url);
        let answer = consent(&provider, &begun.url, "alice");
        let id = one.finish_login("acme", &answer, BROWSER).await.unwrap().credential.id;
        let first = one.tokens(&alice, id).unwrap().token().await.unwrap();
        assert_eq!(first.kind(), TokenKind::Dpop);
        one.close().await;

        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let two = opened().await;
        let current = two.tokens(&alice, id).unwrap().current().await.unwrap();
        let mut request = http::Request::get("https://api.acme.test/orders").body(()).unwrap();
        let target = request.uri().clone();
        current.credential.sign(&mut request, &target, None).unwrap();
        assert!(request.headers()["authorization"].to_str().unwrap().starts_with("DPoP "));
        assert!(request.headers().contains_key("dpop"));
        let second = two.tokens(&alice, id).unwrap().token().await.unwrap();
        assert!(second.kind() == TokenKind::Dpop && second.secret() != first.secret());
        // Nothing else gives the key away: it is sealed with the values, and no field is called so.
        let fields: Vec<_> = two.connector("acme").unwrap().methods().map(|method| method.input_schema()).collect();
        assert!(!format!("{fields:?}").contains("dpop"));
        two.close().await;
        database.end().await;
    }
}

// THREAT-S10
#[tokio::test]
async fn nobody_gives_a_key_of_their_own() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let text = DESCRIPTION.replace("{origin}", provider.url("").trim_end_matches('/'));
    let connector = described(&text, &provider).bind_tokens();
    let store = builder(database.open().await, &ring()).connector(connector).open().await.unwrap();
    let new = NewConnection::new("acme").value("dpop key", "-----BEGIN PRIVATE KEY-----");
    let error = store.begin_login(&owner("alice"), login(new)).await.unwrap_err();
    assert!(mistakes(&error).contains_key("dpop key"), "{error}");
}
