use tower_auth_core::{
    AuthorizationCallback, AuthorizationErrorKind, AuthorizationTransaction, BoxError, ClientAuth, MemoryTransactions,
    ReturnTo, Secret, TransactionStore,
};
use tower_auth_testing::TestClock;

use super::support::*;
use crate::endpoint::Endpoint;

fn callback(state: &str) -> AuthorizationCallback {
    AuthorizationCallback::from_query(&format!("code=c&state={state}")).unwrap()
}

// THREAT-S11, THREAT-C1, SYS-C13
#[tokio::test]
async fn of_many_who_bring_the_same_answer_one_finishes() {
    let endpoint = Endpoint::granting();
    let client = client(&endpoint);
    let store = MemoryTransactions::new();
    let (transaction, state) = started(&request(&client)).await;
    store.put(transaction).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (client, store, state) = (client.clone(), store.clone(), state.clone());
            tokio::spawn(async move {
                let callback = callback(&state);
                callback.take_from(&store).await?.finish(&client, &callback).await
            })
        })
        .collect();
    let mut finished = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => finished += 1,
            Err(error) => assert_eq!(error.kind(), AuthorizationErrorKind::UnknownState),
        }
    }
    assert_eq!(finished, 1);
    endpoint.only_request();
    assert!(store.is_empty());
}

#[tokio::test]
async fn an_answer_without_a_state_finds_nothing() {
    let store = MemoryTransactions::new();
    let kind = async |query: &str| {
        AuthorizationCallback::from_query(query).unwrap().take_from(&store).await.unwrap_err().kind()
    };
    assert_eq!(kind("code=c").await, AuthorizationErrorKind::StateMismatch);
    assert_eq!(kind("code=c&state=unknown").await, AuthorizationErrorKind::UnknownState);
}

// THREAT-C1
#[tokio::test]
async fn the_store_is_bounded_and_forgets_what_has_expired() {
    let time = TestClock::new();
    let endpoint = Endpoint::granting();
    let client = builder(&endpoint).clock(time.clock()).build().unwrap();
    let store = MemoryTransactions::new().capacity(3).clock(time.clock());
    let mut states = Vec::new();
    for _ in 0..5 {
        let (transaction, state) = started(&request(&client)).await;
        store.put(transaction).await.unwrap();
        states.push(state);
    }
    assert_eq!(store.len(), 3);
    for (state, kept) in states.iter().zip([false, false, true, true, true]) {
        assert_eq!(store.take(&callback(state).key().unwrap()).await.unwrap().is_some(), kept);
        if kept {
            let (transaction, _) = started(&request(&client)).await;
            store.put(transaction).await.unwrap();
        }
    }
    time.tick(10 * MINUTE);
    let (transaction, _) = started(&request(&client)).await;
    store.put(transaction).await.unwrap();
    assert_eq!(store.len(), 1);
}

struct Broken;

impl TransactionStore for Broken {
    async fn put(&self, _: AuthorizationTransaction) -> Result<(), BoxError> {
        Err("no space".into())
    }

    async fn take(&self, _: &str) -> Result<Option<AuthorizationTransaction>, BoxError> {
        Err("no connection".into())
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told_apart_from_one_that_knows_nothing() {
    let error = callback("x").take_from(&Broken).await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (AuthorizationErrorKind::StoreFailed, true));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no connection");
}

// SYS-C13, R7636-4.5a
#[tokio::test]
async fn a_transaction_survives_being_written_and_read() {
    let endpoint = Endpoint::granting();
    let client = builder(&endpoint).client_auth(ClientAuth::Body).secret("s3cret").build().unwrap();
    let request = request(&client)
        .scopes(["b", "a"])
        .resource("urn:x")
        .bound_to("session")
        .return_to(ReturnTo::new("/orders?page=2").unwrap());
    let (transaction, state) = started(&request).await;
    let json = transaction.to_secret_json();
    let read = AuthorizationTransaction::from_secret_json(&json).unwrap();
    assert_eq!(read.to_secret_json(), json);
    assert_eq!(read.key(), transaction.key());
    assert_eq!(read.return_to().unwrap().as_str(), "/orders?page=2");
    assert_eq!((read.client_id(), read.issuer(), read.redirect_uri()), ("orders", Some(ISSUER), CALLBACK));
    assert_eq!(read.scope().to_string(), "a b");
    assert!(read.created_at() < read.expires_at());
    read.finish(&client, &callback(&state).bound_to("session")).await.unwrap();
    let sent = form(&endpoint.only_request());
    assert!(sent["code_verifier"].len() == 43 && sent["resource"] == "urn:x" && sent["redirect_uri"] == CALLBACK);
}

// THREAT-C4, THREAT-L1
#[tokio::test]
async fn what_is_not_a_transaction_is_not_read_and_not_repeated() {
    let endpoint = Endpoint::granting();
    let (transaction, _) = started(&request(&client(&endpoint)).return_to(ReturnTo::new("/sentinel").unwrap())).await;
    let json = transaction.to_secret_json().expose_secret().to_owned();
    for bad in [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        json[..json.len() - 1].to_owned(),
        json.replace("\"version\":1", "\"version\":2"),
        json.replace("\"version\":1", "\"version\":1,\"new\":1"),
        json.replace("\"version\":1", "\"version\":1,\"version\":1"),
        json.replace("/sentinel", "//sentinel.example"),
        json.replace("\"accepted\"", "\"whatever\""),
        json.replace("\"state\":\"", "\"state\":\"\",\"x\":\""),
        json.replace("\"expires\":", "\"expires\":99999999999999"),
    ] {
        assert_ne!(bad, json);
        let error = AuthorizationTransaction::from_secret_json(&Secret::from(bad.as_str())).unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::UnreadableTransaction, "{bad}");
        assert!(!format!("{error:?}").contains("sentinel"));
    }
    assert!(AuthorizationTransaction::from_secret_json(&Secret::from(json)).is_ok());
}
