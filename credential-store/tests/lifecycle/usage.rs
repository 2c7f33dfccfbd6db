//! Credentials on requests, by the layer of `tower-auth`.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt};
use tower_auth::{AuthLayer, Credentials, RequestCredentials};
use tower_auth_core::{BoxError, HttpClient, HttpTransport};
use tower_auth_store::{
    CredentialId, CredentialKey, CredentialStatus, CredentialStore, NewConnection, StoreError, StoreErrorKind,
};
use tower_auth_testing::ApiKeyProvider;

use crate::support::*;

/// Who asks, and with which credential, as an application notes it on its requests.
#[derive(Clone)]
struct Which(CredentialKey);

/// The API, over plain http on a loopback address behind an https name, as a mesh has it.
fn api(
    url: String,
) -> impl tower::Service<Request<Full<Bytes>>, Response = Response<Bytes>, Error = BoxError, Future: Send> + Clone {
    let http: HttpClient = HttpTransport::new().allow_loopback_http().build().unwrap();
    tower::service_fn(move |request: Request<Full<Bytes>>| {
        let (http, url) = (http.clone(), url.clone());
        async move {
            let mut sent = Request::get(format!("{url}{}", request.uri().path()));
            *sent.headers_mut().unwrap() = request.headers().clone();
            http.send(sent.body(Bytes::new())?).await
        }
    })
}

fn layer(store: &CredentialStore) -> AuthLayer {
    let store = store.clone();
    let select = move |parts: &http::request::Parts| {
        let Which(key) = parts.extensions.get()?;
        Some(Credentials::from(store.tokens_of(key).ok()?))
    };
    AuthLayer::select(select, ["https://api.test"]).unwrap()
}

fn request(path: &str, who: &str, id: CredentialId) -> Request<Full<Bytes>> {
    let mut request = Request::get(format!("https://api.test{path}")).body(Full::default()).unwrap();
    request.extensions_mut().insert(Which(CredentialKey::new(owner(who), id)));
    request
}

// SYS-C15, SYS-C16, SYS-C17, THREAT-C7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_its_credential_and_a_token_that_was_refused_is_renewed_once() {
    let (database, provider) = (Database::sqlite(), provider(|builder| builder.account("alice").account("bob")).await);
    let store = store(&database, &ring(), &provider).await;
    let of_alice = connect(&store, &provider, &owner("alice"), "alice").await.credential.id;
    let of_bob = connect(&store, &provider, &owner("bob"), "bob").await.credential.id;
    let url = provider.url("");
    let send = async |request: Request<Full<Bytes>>| {
        let service = layer(&store).layer(tower::ServiceExt::map_request(api(url.clone()), |request: Request<_>| {
            request.map(|_: tower_auth::ReplayBody<Full<Bytes>>| Full::default())
        }));
        service.oneshot(request).await
    };
    for (who, id) in [("alice", of_alice), ("bob", of_bob)] {
        let answer = send(request("/api/me", who, id)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(String::from_utf8_lossy(answer.body()).contains(who));
    }
    // Somebody else's credential, and none: nothing is sent.
    let before = provider.requests().len();
    let error = send(request("/api/me", "alice", of_bob)).await.unwrap_err();
    assert_eq!(StoreError::find(&*error).unwrap().kind(), StoreErrorKind::NotFound);
    let nobody = Request::get("https://api.test/api/me").body(Full::default()).unwrap();
    send(nobody).await.unwrap_err();
    assert_eq!(provider.requests().len(), before);
    // The access token is revoked: one renewal, and the request goes again.
    let dead = token(&store, &owner("alice"), of_alice).await.unwrap();
    assert!(provider.server().revoke(&dead.as_str().into()));
    let answer = send(request("/api/me", "alice", of_alice)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let refreshed =
        provider.requests().iter().filter(|request| request.param("grant_type") == Some("refresh_token")).count();
    assert_eq!(refreshed, 1);
    // As the credential of one request.
    let mut one = Request::get("https://api.test/api/me").body(Full::default()).unwrap();
    one.extensions_mut().insert(RequestCredentials(store.tokens(&owner("bob"), of_bob).unwrap().into()));
    assert!(String::from_utf8_lossy(send(one).await.unwrap().body()).contains("bob"));
    // Everything is revoked: the answer of the API, then an error that says what to do.
    provider.revoke_account("alice");
    let _ = send(request("/api/me", "alice", of_alice)).await;
    let info = store.get(&owner("alice"), of_alice).await.unwrap();
    assert_eq!((info.status, info.provider_error.as_deref()), (CredentialStatus::NeedsReauth, Some("invalid_grant")));
    let error = send(request("/api/me", "alice", of_alice)).await.unwrap_err();
    let own = StoreError::find(&*error).unwrap();
    assert_eq!(
        (own.kind(), own.needs_reconnect(), own.reason()),
        (StoreErrorKind::NeedsReauth, true, Some("invalid_grant"))
    );
}

// SYS-C17, THREAT-C8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_key_that_is_refused_is_not_sent_again_and_needs_its_owner_in_the_end() {
    let provider = ApiKeyProvider::builder().listen().await.unwrap();
    let database = Database::sqlite();
    let time = tower_auth_testing::TestClock::at(std::time::SystemTime::now());
    let store =
        builder(database.open().await, &ring()).connector(keyed(&provider)).clock(time.clock()).open().await.unwrap();
    let alice = owner("alice");
    let key = provider.issue("alice");
    let id = store.create(&alice, NewConnection::new("keyed").value("api_key", key.clone())).await.unwrap().id;
    let url = provider.url("");
    let send = async || {
        let service = layer(&store).layer(tower::ServiceExt::map_request(api(url.clone()), |request: Request<_>| {
            request.map(|_: tower_auth::ReplayBody<Full<Bytes>>| Full::default())
        }));
        service.oneshot(request("/api/v1/me", "alice", id)).await
    };
    assert_eq!(send().await.unwrap().status(), StatusCode::OK);
    provider.delete(&key);
    let before = provider.request_count();
    let answer = send().await;
    assert_eq!(provider.request_count(), before + 1, "{answer:?}");
    assert_eq!(answer.unwrap().status(), StatusCode::UNAUTHORIZED);
    let mut sends = 0;
    while store.get(&alice, id).await.unwrap().status != CredentialStatus::NeedsReauth {
        sends += 1;
        assert!(sends < 8, "it never needs its owner");
        let _ = send().await;
        // A refusal counts twice at once, and in half a minute again.
        time.tick(Duration::from_secs(31));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before = provider.request_count();
    let error = send().await.unwrap_err();
    assert_eq!(StoreError::find(&*error).unwrap().kind(), StoreErrorKind::NeedsReauth);
    assert_eq!(provider.request_count(), before);
}
