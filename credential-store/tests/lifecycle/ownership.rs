//! Whose a credential is, and what others learn of it: nothing.

use std::collections::BTreeSet;

use tower_auth_store::{
    CredentialId, CredentialStatus, CredentialStore, ListQuery, NewConnection, Owner, StoreError, StoreErrorKind,
};

use crate::support::*;

/// What each method says of a credential to `who`.
async fn asked(store: &CredentialStore, who: &Owner, id: CredentialId) -> Vec<(&'static str, StoreError)> {
    let new = || NewConnection::new("acme");
    vec![
        ("get", store.get(who, id).await.unwrap_err()),
        ("rename", store.rename(who, id, "mine").await.unwrap_err()),
        ("log_requests", store.set_request_log(who, id, true).await.unwrap_err()),
        ("requests", store.requests(who, id, 10).await.unwrap_err()),
        ("test", store.test(who, id).await.unwrap_err()),
        ("revoke", store.revoke(who, id).await.unwrap_err()),
        ("delete", store.delete(who, id).await.unwrap_err()),
        ("reconnect", store.reconnect(who, id, new()).await.unwrap_err()),
        ("reconnect", store.begin_login(who, login(new()).reconnect(id)).await.unwrap_err()),
        ("audit_trail", store.audit_trail(who, id, 0, 10).await.unwrap_err()),
        ("use", token(store, who, id).await.unwrap_err()),
        ("use", store.stored(who, id).connection().await.unwrap_err()),
    ]
}

// SYS-C20, SYS-C19, THREAT-S5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_credential_answers_as_an_unknown_one_to_every_method_and_is_on_the_trail() {
    for database in Database::all().await {
        let provider = provider(|builder| builder.account("alice")).await;
        let store = store(&database, &ring(), &provider).await;
        let alice = owner("alice");
        let id = connect(&store, &provider, &alice, "alice").await.credential.id;
        let before = store.get(&alice, id).await.unwrap();
        // The same name in another tenant, and in none, is somebody else.
        let others = [
            owner("mallory"),
            Owner::user("alice").unwrap(),
            Owner::user("alice").unwrap().in_tenant("tenant2").unwrap(),
            Owner::user("tenant").unwrap().in_tenant("alice").unwrap(),
        ];
        for other in &others {
            let foreign = asked(&store, other, id).await;
            let unknown = asked(&store, other, CredentialId::generate().unwrap()).await;
            for ((method, foreign), (_, unknown)) in foreign.iter().zip(&unknown) {
                assert_eq!(foreign.kind(), StoreErrorKind::NotFound, "{method}");
                let told = |error: &StoreError| (error.to_string(), format!("{error:?}"), error.needs_reconnect());
                assert_eq!(told(foreign), told(unknown), "{method}");
            }
        }
        let denied: BTreeSet<_> = store
            .audit_trail_all(Some(id), 0, 1_000)
            .await
            .unwrap()
            .into_iter()
            .filter(|entry| entry.result == "ownership_denied")
            .map(|entry| entry.action)
            .collect();
        let all = [
            "audit_trail",
            "delete",
            "get",
            "log_requests",
            "reconnect",
            "rename",
            "requests",
            "revoke",
            "test",
            "use",
        ];
        assert_eq!(denied, all.map(str::to_owned).into());
        // Nothing came of it.
        assert_eq!(store.get(&alice, id).await.unwrap(), before);
        assert!(token(&store, &alice, id).await.is_ok());
        store.close().await;
        database.end().await;
    }
}

// SYS-C6
#[tokio::test]
async fn what_may_be_told_is_read_without_whoever_holds_the_keys() {
    let (database, provider, keys) =
        (Database::sqlite(), provider(|builder| builder.account("alice")).await, CountedKeys::new());
    let store = CredentialStore::builder(database.open().await, keys.clone())
        .allow_redirect(DONE)
        .connector(acme(&provider))
        .open()
        .await
        .unwrap();
    let alice = owner("alice");
    let id = connect(&store, &provider, &alice, "alice").await.credential.id;
    let asked = keys.count();
    keys.away.store(true, std::sync::atomic::Ordering::SeqCst);
    let info = store.get(&alice, id).await.unwrap();
    assert_eq!(store.list(&alice, ListQuery::new()).await.unwrap().credentials, std::slice::from_ref(&info));
    assert_eq!((info.connector.as_str(), info.method.as_str()), ("acme", "oauth2_code"));
    store.rename(&alice, id, "Another name").await.unwrap();
    store.list_all(ListQuery::new()).await.unwrap();
    store.audit_trail(&alice, id, 0, 10).await.unwrap();
    store.status().await.unwrap();
    assert_eq!(keys.count(), asked);
    // What is secret is not, and the error says that it may be tried again.
    let error = token(&store, &alice, id).await.unwrap_err();
    assert!(error.is_transient() && error.kind() == StoreErrorKind::Unavailable, "{error:?}");
    let error = store.delete(&alice, id).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "the provider could not be told");
    assert_eq!(store.revoke(&alice, id).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.get(&alice, id).await.unwrap().status, CredentialStatus::Valid);
    keys.away.store(false, std::sync::atomic::Ordering::SeqCst);
    store.delete(&alice, id).await.unwrap();
}

// SYS-C1, SYS-C2, SYS-C3, SYS-C21, SYS-C22
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_has_many_credentials_of_one_connector_and_lists_them_in_parts() {
    for database in Database::all().await {
        let provider = provider(|builder| builder).await;
        let store = builder(database.open().await, &ring())
            .connector(acme(&provider))
            .connector(described(&provider.provider_toml("other"), &provider))
            .max_per_owner(12)
            .open()
            .await
            .unwrap();
        let (alice, bob) = (owner("alice"), owner("bob"));
        let mut ids = Vec::new();
        for _ in 0..12 {
            ids.push(import(&store, &provider, &alice, "alice").await.id);
        }
        let of_bob = import(&store, &provider, &bob, "bob").await.id;
        let new = NewConnection::new("acme").value("x", "");
        assert_eq!(store.create(&alice, new).await.unwrap_err().kind(), StoreErrorKind::TooMany);
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let query = ListQuery::new().limit(5);
            let query = if let Some(next) = next { query.after(next) } else { query };
            let page = store.list(&alice, query).await.unwrap();
            found.extend(page.credentials.iter().map(|info| info.id));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let sorted = |ids: &[CredentialId]| ids.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!((found.len(), sorted(&found)), (12, sorted(&ids)));
        let none = store.list(&alice, ListQuery::new().connector("other")).await.unwrap();
        let valid = store.list(&alice, ListQuery::new().status(CredentialStatus::Valid)).await.unwrap();
        assert_eq!((none.credentials.len(), valid.credentials.len()), (0, 12));
        // An operator sees all, and whose they are.
        let all = store.list_all(ListQuery::new()).await.unwrap().credentials;
        assert_eq!(all.len(), 13);
        let bobs: Vec<_> = all.iter().filter(|owned| owned.owner.as_ref() == Some(&bob)).collect();
        assert_eq!((bobs.len(), bobs[0].credential.id), (1, of_bob));
        store.delete(&alice, ids[0]).await.unwrap();
        assert_eq!(store.list(&alice, ListQuery::new()).await.unwrap().credentials.len(), 11);
        assert_eq!(store.list(&bob, ListQuery::new()).await.unwrap().credentials.len(), 1);
        store.close().await;
        database.end().await;
    }
}
