use tower_auth_core::{ClientAuth, TokenErrorKind};

use crate::provider::Provider;

// R6749-2.3.1a, R6749-2.3.1b, R6749-3.2a, R6749-4.4a
#[tokio::test]
async fn client_credentials_work_in_each_mode() {
    let Some(server) = Provider::start() else { return };
    for (client, auth) in [("cc-basic", ClientAuth::Basic), ("cc-post", ClientAuth::Body)] {
        let cache = server.grant(client).client_auth(auth).scopes(["read", "write"]).cached().unwrap();
        let token = cache.token().await.unwrap();
        assert!(token.expiry().is_some());
        assert!(!token.secret().is_empty());
    }
}

// R6749-2.3.1a
#[tokio::test]
async fn odd_ids_and_secrets_are_encoded_by_the_book_and_not_understood_raw() {
    let Some(server) = Provider::start() else { return };
    let odd = server.grant("cc-basic-odd:id");
    odd.clone().client_auth(ClientAuth::Basic).cached().unwrap().token().await.unwrap();
    // A raw user-id must not have a colon, so this is refused before anything is sent, or by the server.
    let raw = odd.client_auth(ClientAuth::BasicRaw).cached();
    if let Ok(cache) = raw {
        assert_eq!(cache.token().await.unwrap_err().kind(), TokenErrorKind::Misconfigured);
    }
}

// R6749-5.2a, SYS-V10
#[tokio::test]
async fn what_the_server_refuses_is_told_apart() {
    let Some(server) = Provider::start() else { return };
    let wrong = server.grant_with("cc-basic", "wrong-sentinel").cached().unwrap().token().await.unwrap_err();
    assert_eq!(
        (wrong.kind(), wrong.oauth_error(), wrong.status()),
        (TokenErrorKind::Misconfigured, Some("invalid_client"), Some(401))
    );
    assert!(!format!("{wrong:?} {wrong}").contains("sentinel"));
    let narrow = server.grant("cc-narrow").scopes(["read", "write"]).cached().unwrap().token().await.unwrap_err();
    assert_eq!(narrow.oauth_error(), Some("invalid_scope"));
    let target = server.grant("cc-basic").resource("urn:api:unknown").cached().unwrap().token().await.unwrap_err();
    assert_eq!((target.kind(), target.oauth_error()), (TokenErrorKind::Misconfigured, Some("invalid_target")));
}
