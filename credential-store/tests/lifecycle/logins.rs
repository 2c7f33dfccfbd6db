//! Logins, from the page that sends a user away to the credential that comes of it.

use std::collections::HashSet;
use std::time::Duration;

use tower_auth_core::Secret;
use tower_auth_store::{NewConnection, NewLogin, StoreErrorKind};
use tower_auth_testing::{Consent, Endpoint, Fault};

use crate::support::*;

fn param(url: &str, name: &str) -> String {
    let query = url.split_once('?').unwrap().1;
    let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(own, _)| *own == name);
    found.unwrap_or_else(|| panic!("{name} is not in {url}")).1.to_owned()
}

// SYS-C10, SYS-C11, SYS-C12, SYS-U2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_ends_in_a_credential_whose_id_the_application_gets() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice")).await;
        let store = store(&database, &ring(), &provider).await;
        let alice = owner("alice");
        let begun = store.begin_login(&alice, login(NewConnection::new("acme").label("Sales"))).await.unwrap();
        assert!(begun.url.starts_with(&provider.authorize_url()));
        let answer = consent(&provider, &begun.url, "alice");
        let done = store.finish_login("acme", &answer, BROWSER).await.unwrap();
        assert_eq!((done.redirect_uri.as_str(), done.credential.label.as_str()), (DONE, "Sales"));
        assert!(!done.is_other_account && done.missing_scopes.is_empty() && done.credential.renews);
        assert_eq!(provider.request_count(Endpoint::Token), 1);
        let kept = store.get(&alice, done.credential.id).await.unwrap();
        assert_eq!(kept, done.credential);
        assert!(token(&store, &alice, kept.id).await.is_ok());
        assert_eq!(provider.request_count(Endpoint::Token), 1);
        store.close().await;
        database.end().await;
    }
}

// SYS-C13, THREAT-C1
#[tokio::test]
async fn each_login_has_a_state_and_a_proof_key_of_its_own() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let store = store(&database, &ring(), &provider).await;
    let mut seen = HashSet::new();
    for number in 0..50 {
        let begun =
            store.begin_login(&owner(&format!("alice {number}")), login(NewConnection::new("acme"))).await.unwrap();
        let state = param(&begun.url, "state");
        // 128 bits in base64 or more.
        assert!(state.len() >= 22, "{state}");
        assert_eq!(param(&begun.url, "code_challenge_method"), "S256");
        assert!(seen.insert(state) && seen.insert(param(&begun.url, "code_challenge")));
    }
    // Neither stands in the database.
    let rows = database.texts("SELECT state FROM {logins}").await;
    assert_eq!(rows.len(), 50);
    assert!(rows.iter().all(|row| !seen.contains(row)));
}

// SYS-C13, THREAT-S11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_answers_at_once_one_finishes_the_login_and_the_code_goes_once() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice")).await;
        let keys = ring();
        let (one, two) = (store(&database, &keys, &provider).await, store(&database, &keys, &provider).await);
        let begun = one.begin_login(&owner("alice"), login(NewConnection::new("acme"))).await.unwrap();
        let answer = consent(&provider, &begun.url, "alice");
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..50 {
            let (store, answer) = (if number % 2 == 0 { one.clone() } else { two.clone() }, answer.clone());
            tasks.spawn(async move { store.finish_login("acme", &answer, BROWSER).await });
        }
        let mut won = 0;
        while let Some(outcome) = tasks.join_next().await {
            match outcome.unwrap() {
                Ok(_) => won += 1,
                Err(failed) => assert_eq!(failed.error.kind(), StoreErrorKind::LoginExpired, "{:?}", failed.error),
            }
        }
        assert_eq!((won, provider.request_count(Endpoint::Token)), (1, 1));
        assert_eq!(one.list(&owner("alice"), Default::default()).await.unwrap().credentials.len(), 1);
        one.close().await;
        two.close().await;
        database.end().await;
    }
}

// SYS-C13, THREAT-C1
#[tokio::test]
async fn an_answer_counts_in_its_browser_for_its_connector_and_in_time() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice")).await);
    let other = provider.provider_toml("other");
    let store = builder(database.open().await, &ring())
        .connector(acme(&provider))
        .connector(described(&other, &provider))
        .open()
        .await
        .unwrap();
    let alice = owner("alice");
    let begin = || async {
        let begun = store.begin_login(&alice, login(NewConnection::new("acme"))).await.unwrap();
        consent(&provider, &begun.url, "alice")
    };
    let kind = |outcome: Result<_, tower_auth_store::FailedLogin>| outcome.map(drop).unwrap_err().error.kind();
    // Another browser, and once it was tried there it is spent.
    let answer = begin().await;
    assert_eq!(kind(store.finish_login("acme", &answer, "another browser").await), StoreErrorKind::LoginExpired);
    assert_eq!(kind(store.finish_login("acme", &answer, BROWSER).await), StoreErrorKind::LoginExpired);
    // Another connector's callback.
    let answer = begin().await;
    assert_eq!(kind(store.finish_login("other", &answer, BROWSER).await), StoreErrorKind::LoginExpired);
    // A state that is changed, missing, there twice, or that of another login.
    let answer = begin().await;
    let state = answer.split('&').find(|pair| pair.starts_with("state=")).unwrap().to_owned();
    let twice = format!("{answer}&{state}");
    let changed = answer.replace(&state, &format!("{state}x"));
    let missing = answer.replace(&state, "x=1");
    for bad in [twice.as_str(), &changed, &missing, "", "state=", "error=access_denied", &"x".repeat(20_000)] {
        assert_eq!(kind(store.finish_login("acme", bad, BROWSER).await), StoreErrorKind::LoginExpired, "{bad}");
    }
    // Too late.
    database.run("UPDATE {logins} SET expires_at = 1").await;
    assert_eq!(kind(store.finish_login("acme", &answer, BROWSER).await), StoreErrorKind::LoginExpired);
    // Nothing of it reached the provider, or was kept.
    assert_eq!(provider.request_count(Endpoint::Token), 0);
    assert!(store.list(&alice, Default::default()).await.unwrap().credentials.is_empty());
}

// SYS-C13, THREAT-C4
#[tokio::test]
async fn a_redirect_uri_is_one_of_the_list_character_by_character() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder).await);
    let store = store(&database, &ring(), &provider).await;
    for bad in [
        "https://app.test/done/",
        "https://app.test/done?x",
        "https://app.test.evil/done",
        "https://app.test/Done",
        "//app.test/done",
        "javascript:alert(1)",
        "",
    ] {
        let new = NewLogin::new(NewConnection::new("acme"), CALLBACK, bad, BROWSER);
        let error = store.begin_login(&owner("alice"), new).await.unwrap_err();
        assert!(mistakes(&error).contains_key("redirectUri"), "{bad}: {error}");
    }
}

// SYS-C13: the credential belongs to whoever began, whoever brings the answer.
#[tokio::test]
async fn what_a_login_brings_belongs_to_whoever_began_it() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice")).await);
    let store = store(&database, &ring(), &provider).await;
    let done = connect(&store, &provider, &owner("alice"), "alice").await;
    assert!(store.get(&owner("alice"), done.credential.id).await.is_ok());
    assert_eq!(store.get(&owner("bob"), done.credential.id).await.unwrap_err().kind(), StoreErrorKind::NotFound);
}

#[tokio::test]
async fn a_refusal_comes_back_with_the_provider_s_word_and_where_to_tell_it() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice")).await);
    let store = store(&database, &ring(), &provider).await;
    let begun = store.begin_login(&owner("alice"), login(NewConnection::new("acme"))).await.unwrap();
    let redirect = provider.server().decide(&begun.url, &Consent::deny()).unwrap();
    let answer = redirect.location().split_once('?').unwrap().1;
    let failed = store.finish_login("acme", answer, BROWSER).await.unwrap_err();
    assert_eq!(failed.error.kind(), StoreErrorKind::Refused);
    assert_eq!((failed.provider_error.as_deref(), failed.redirect_uri.as_deref()), (Some("access_denied"), Some(DONE)));
    // A token endpoint that fails: nothing is kept, and the code is not sent again.
    provider.fault(Endpoint::Token, Fault::status(http::StatusCode::BAD_GATEWAY));
    let begun = store.begin_login(&owner("alice"), login(NewConnection::new("acme"))).await.unwrap();
    let answer = consent(&provider, &begun.url, "alice");
    let failed = store.finish_login("acme", &answer, BROWSER).await.unwrap_err();
    assert!(matches!(failed.error.kind(), StoreErrorKind::ProviderUnavailable | StoreErrorKind::Unconfirmed));
    assert_eq!(provider.request_count(Endpoint::Token), 1);
    assert!(store.list(&owner("alice"), Default::default()).await.unwrap().credentials.is_empty());
}

// SYS-C24
#[tokio::test]
async fn a_reconnection_keeps_the_id_the_label_and_the_environment_and_tells_another_account() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice").account("bob")).await);
    let toml =
        format!("{}\n[environments.sandbox]\nbase_url = \"{}\"\n", provider.provider_toml("acme"), provider.url(""));
    let store = builder(database.open().await, &ring()).connector(described(&toml, &provider)).open().await.unwrap();
    let alice = owner("alice");
    let new = NewConnection::new("acme").environment("sandbox").label("Mine");
    let begun = store.begin_login(&alice, login(new)).await.unwrap();
    let first = store.finish_login("acme", &consent(&provider, &begun.url, "alice"), BROWSER).await.unwrap();
    let id = first.credential.id;
    let before = token(&store, &alice, id).await.unwrap();
    provider.revoke_account("alice");
    for (account, is_other) in [("alice", false), ("bob", true)] {
        let begun = store.begin_login(&alice, login(NewConnection::new("acme")).reconnect(id)).await.unwrap();
        let again = store.finish_login("acme", &consent(&provider, &begun.url, account), BROWSER).await.unwrap();
        assert_eq!((again.credential.id, again.is_other_account), (id, is_other));
        assert_eq!(
            (again.credential.label.as_str(), again.credential.environment.as_deref()),
            ("Mine", Some("sandbox"))
        );
        assert_eq!(again.credential.status.as_str(), "valid");
    }
    assert_ne!(token(&store, &alice, id).await.unwrap(), before);
    // Nobody else can have it reconnected.
    let error = store.begin_login(&owner("bob"), login(NewConnection::new("acme")).reconnect(id)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
}

// SYS-U4
#[tokio::test]
async fn a_typed_in_code_is_exchanged_once_and_not_kept() {
    let (database, provider) = (
        Database::sqlite(),
        provider(|builder| builder.account("alice").configure_client(|client| client.pkce_optional())).await,
    );
    let toml = provider
        .provider_toml("acme")
        .replace("oauth2_code\"", &format!("oauth2_static_code\"\ntoken_params = {{ redirect_uri = \"{CALLBACK}\" }}"))
        .replace(&format!("authorize_url = \"{}\"\n", provider.authorize_url()), "");
    let store = builder(database.open().await, &ring()).connector(described(&toml, &provider)).open().await.unwrap();
    let alice = owner("alice");
    let url = format!(
        "{}?response_type=code&client_id={}&redirect_uri={}&state=x",
        provider.authorize_url(),
        provider.client_id(),
        "https%3A%2F%2Fapp.test%2Fcallback%2Facme"
    );
    let code = provider.server().decide(&url, &Consent::approve().subject("alice")).unwrap().code().unwrap().to_owned();
    let error = store.create(&alice, NewConnection::new("acme")).await.unwrap_err();
    assert!(mistakes(&error).contains_key("code"), "{error}");
    let info = store.create(&alice, NewConnection::new("acme").value("code", code.as_str())).await.unwrap();
    assert_eq!(provider.request_count(Endpoint::Token), 1);
    token(&store, &alice, info.id).await.unwrap();
    assert_eq!(provider.request_count(Endpoint::Token), 1);
    // The next tokens come by the refresh token; the code goes nowhere again.
    database.run("UPDATE {credentials} SET expires_at = 1").await;
    let fresh = store.stored(&alice, info.id);
    let cache = tower_auth_core::TokenCache::new(fresh);
    cache.token().await.unwrap();
    let sent = provider.requests();
    let with_code = sent.iter().filter(|request| request.param("code") == Some(&code)).count();
    assert_eq!((with_code, provider.request_count(Endpoint::Token)), (1, 2));
    let again = store.create(&alice, NewConnection::new("acme").value("code", code.as_str())).await.unwrap_err();
    assert_eq!(again.kind(), StoreErrorKind::Refused);
}

#[tokio::test]
async fn a_login_of_a_deleted_credential_is_over_and_a_full_owner_begins_none() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice")).await);
    let store =
        builder(database.open().await, &ring()).connector(acme(&provider)).max_per_owner(1).open().await.unwrap();
    let alice = owner("alice");
    let id = connect(&store, &provider, &alice, "alice").await.credential.id;
    let error = store.begin_login(&alice, login(NewConnection::new("acme"))).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TooMany);
    let begun = store.begin_login(&alice, login(NewConnection::new("acme")).reconnect(id)).await.unwrap();
    let answer = consent(&provider, &begun.url, "alice");
    store.delete(&alice, id).await.unwrap();
    let failed = store.finish_login("acme", &answer, Secret::from(BROWSER)).await.unwrap_err();
    assert_eq!(failed.error.kind(), StoreErrorKind::LoginExpired);
}

// THREAT-S6: a token that ends at once is not renewed behind the login's back.
#[tokio::test]
async fn a_login_with_a_token_that_ends_at_once_loses_no_refresh_token() {
    let (database, provider) = (
        Database::sqlite(),
        provider(|builder| builder.account("alice").access_lifetime(Duration::from_secs(1))).await,
    );
    let store = store(&database, &ring(), &provider).await;
    let alice = owner("alice");
    for _ in 0..5 {
        let id = connect(&store, &provider, &alice, "alice").await.credential.id;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        token(&store, &alice, id).await.unwrap();
        store.test(&alice, id).await.unwrap();
    }
    let report = provider.report();
    assert_eq!((report.max_presentations, report.families_revoked), (1, 0), "{report:?}");
}

// THREAT-S5
#[tokio::test]
async fn an_owner_has_twenty_logins_that_wait_and_the_oldest_makes_room() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice")).await;
        let store = store(&database, &ring(), &provider).await;
        let others = store.begin_login(&owner("bob"), login(NewConnection::new("acme"))).await.unwrap();
        let alice = owner("alice");
        let mut begun = Vec::new();
        for _ in 0..21 {
            begun.push(store.begin_login(&alice, login(NewConnection::new("acme"))).await.unwrap());
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM {logins}").await, 21);
        let oldest = consent(&provider, &begun[0].url, "alice");
        let failed = store.finish_login("acme", &oldest, Secret::from(BROWSER)).await.unwrap_err();
        assert_eq!(failed.error.kind(), StoreErrorKind::LoginExpired);
        for url in [&begun[1].url, &begun[20].url, &others.url] {
            let answer = consent(&provider, url, "alice");
            store.finish_login("acme", &answer, Secret::from(BROWSER)).await.unwrap();
        }
        store.close().await;
        database.end().await;
    }
}
