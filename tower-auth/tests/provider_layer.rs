//! The layer of a described provider: where requests go, what is on them, and what a refusal looks like.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod described;
mod support;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use tokio_test::{assert_pending, assert_ready};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_auth::core::Credential;
use tower_auth::{
    AuthError, AuthErrorKind, AuthLayer, Credentials, ExistingCredential, NotRecovered, ProviderLayer, ReplayBody,
    RequestCredentials, SkipAuth,
};
use tower_test::mock;

use self::described::*;
use self::support::*;

const KEY: &str = "kind = \"api_key\"";

/// The URI and the headers of a request to `uri`, as the API gets them.
async fn sent(method: &str, values: &[(&str, &str)], uri: &str) -> Seen {
    let api = Api::accepting(|_| true);
    let mut service = layer(method, values).layer(api.clone());
    call(&mut service, request(uri, full("body"))).await.unwrap();
    api.seen().remove(0)
}

fn layer(method: &str, values: &[(&str, &str)]) -> ProviderLayer {
    ProviderLayer::new(&Endpoint::default().connect(method, values)).unwrap()
}

fn kind_of(error: &tower_auth::core::BoxError) -> AuthErrorKind {
    error.downcast_ref::<AuthError>().unwrap().kind()
}

#[tokio::test]
async fn a_path_is_put_behind_the_base_url_with_exactly_one_slash() {
    for (base, path, whole) in [
        ("https://api.acme.test", "/v1/me", "https://api.acme.test/v1/me"),
        ("https://api.acme.test/", "/v1/me?all=1", "https://api.acme.test/v1/me?all=1"),
        ("https://api.acme.test/v2", "/me", "https://api.acme.test/v2/me"),
        ("https://api.acme.test/v2/", "/", "https://api.acme.test/v2/"),
        ("https://api.acme.test/v2/", "https://api.acme.test/x", "https://api.acme.test/x"),
    ] {
        let seen = sent(KEY, &[("api_key", "k3y"), ("base_url", base)], path).await;
        assert_eq!((&*seen.uri, &*seen.authorization), (whole, &["Bearer k3y".to_owned()][..]));
    }
}

// THREAT-T1
#[tokio::test]
async fn another_origin_gets_no_credential_and_plain_http_nothing() {
    let values = [("api_key", "k3y"), ("base_url", "https://api.acme.test/v2")];
    let seen = sent(KEY, &values, "https://elsewhere.test/me").await;
    assert_eq!((&*seen.uri, seen.authorization.len()), ("https://elsewhere.test/me", 0));
    let mut service = layer(KEY, &values).layer(Api::accepting(|_| true));
    let error = call(&mut service, request("http://api.acme.test/v2/me", full(""))).await.unwrap_err();
    assert_eq!(kind_of(&error), AuthErrorKind::InsecureScheme);
    let mut service = layer(KEY, &values).refuse_other_origins().layer(Api::accepting(|_| true));
    let error = call(&mut service, request("https://elsewhere.test/", full(""))).await.unwrap_err();
    assert_eq!(kind_of(&error), AuthErrorKind::ForeignOrigin);
}

#[tokio::test]
async fn every_kind_puts_its_credential_where_the_description_says() {
    let base = ("base_url", "https://api.acme.test/v2");
    let with = |more: &[(&'static str, &'static str)]| [&[base], more].concat();
    let key = with(&[("api_key", "k3y")]);
    let none = sent("kind = \"none\"\napi_headers = { x-version = \"7\" }", &with(&[]), "/me").await;
    assert_eq!((none.authorization.len(), &none.headers["x-version"]), (0, &"7".parse().unwrap()));
    let basic = sent("kind = \"basic\"", &with(&[("username", "u"), ("password", "p")]), "/me").await;
    assert_eq!(basic.authorization, ["Basic dTpw"]);
    let own =
        sent("kind = \"api_key\"\nplacement = [{ header = \"x-key\", value = \"Key {token}\" }]", &key, "/me").await;
    assert_eq!(own.headers["x-key"], "Key k3y");
    let query =
        sent("kind = \"api_key\"\nplacement = [{ query = \"key\" }]\napi_query = { v = 2 }", &key, "/me?a=b").await;
    assert_eq!(query.uri, "https://api.acme.test/v2/me?a=b&key=k3y&v=2");
    let cookie = sent("kind = \"api_key\"\nplacement = [{ cookie = \"SESSION\" }]", &key, "/me").await;
    assert_eq!(cookie.headers["cookie"], "SESSION=k3y");
    // Behind the path of the base URL, in front of the request's own.
    for uri in ["/getMe?x=1", "https://api.acme.test/v2/getMe?x=1"] {
        let path = sent("kind = \"api_key\"\nplacement = [{ path = \"/bot{token}\" }]", &key, uri).await;
        assert_eq!(path.uri, "https://api.acme.test/v2/botk3y/getMe?x=1");
    }
}

#[tokio::test]
async fn a_header_that_is_no_credential_gives_way_to_the_callers() {
    let api = Api::accepting(|_| true);
    let values = [("api_key", "k3y"), ("base_url", "https://api.acme.test")];
    let mut service = layer("kind = \"api_key\"\napi_headers = { x-own = \"theirs\", accept = \"text/csv\" }", &values)
        .layer(api.clone());
    call(&mut service, request("/", full(""))).await.unwrap();
    let seen = api.seen().remove(0);
    assert_eq!(
        (&seen.headers["x-own"], &seen.headers["accept"]),
        (&"kept".parse().unwrap(), &"text/csv".parse().unwrap())
    );
    assert_eq!(seen.authorization, ["Bearer k3y"]);
}

#[tokio::test]
async fn a_dead_token_is_replaced_once_and_the_path_is_completed_again() {
    let endpoint = Endpoint::default();
    let connection = endpoint.connect(CLIENT, &[("base_url", "https://api.acme.test/v2")]);
    let api = Api::accepting(|token| token == "Bearer token-2");
    let mut service = ProviderLayer::new(&connection).unwrap().layer(api.clone());
    let response = call(&mut service, request("/me", full("body"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "answer");
    assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
    assert!(api.seen().iter().all(|seen| seen.uri == "https://api.acme.test/v2/me" && seen.body == "body"));
    assert_eq!(endpoint.calls(), 2);
}

/// Answers `refusal` to the first token.
async fn recovered(signal: &str, refusal: impl Fn() -> Response<Full<Bytes>> + Clone + Send + 'static) -> (u16, usize) {
    let endpoint = Endpoint::default();
    let method = format!("{CLIENT}\nexpired_signal = {signal}");
    let connection = endpoint.connect(&method, &[("base_url", "https://api.acme.test")]);
    let service = service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
        let is_old = request.headers()["authorization"] == "Bearer token-1";
        let response = if is_old { refusal() } else { Response::new(Full::from("fine")) };
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    let mut service = ProviderLayer::new(&connection).unwrap().layer(service);
    let response = call(&mut service, request("/", full(""))).await.unwrap();
    (response.status().as_u16(), endpoint.calls())
}

fn answer(status: u16, text: &'static str) -> Response<Full<Bytes>> {
    Response::builder().status(status).header("x-error", "expired").body(Full::from(text)).unwrap()
}

#[tokio::test]
async fn the_description_says_what_a_dead_token_looks_like() {
    // By the head alone.
    assert_eq!(recovered("403", || answer(403, "")).await, (200, 2));
    assert_eq!(recovered("403", || answer(401, "")).await, (401, 1));
    let header = r#"{ status = 400, header = { name = "x-error", equals = "expired" } }"#;
    assert_eq!(recovered(header, || answer(400, "")).await, (200, 2));
    // By the body.
    let body = r#"[401, { status = 200, body = { path = "errors[0].code", equals = [601, 602] } }]"#;
    assert_eq!(recovered(body, || answer(200, r#"{"errors":[{"code":"602"}]}"#)).await, (200, 2));
    assert_eq!(recovered(body, || answer(200, r#"{"errors":[{"code":"700"}]}"#)).await, (200, 1));
    assert_eq!(recovered(body, || answer(401, "")).await, (200, 2));
    assert_eq!(recovered(body, || answer(403, r#"{"errors":[{"code":"602"}]}"#)).await, (403, 1));
    // What the body must not have is judged by the body, not by its absence from the head.
    let absent = r#"{ status = 400, body = { path = "detail", present = false } }"#;
    assert_eq!(recovered(absent, || answer(400, r#"{"detail":"x"}"#)).await, (400, 1));
    assert_eq!(recovered(absent, || answer(400, r#"{"code":1}"#)).await, (200, 2));
    // A stronger login is not mended by a new token, whatever the description says.
    let step_up = || {
        let challenge = "Bearer error=\"insufficient_user_authentication\"";
        Response::builder().status(401).header("www-authenticate", challenge).body(Full::from("")).unwrap()
    };
    assert_eq!(recovered("[401]", step_up).await, (401, 1));
    assert_eq!(recovered(body, step_up).await, (401, 1));
}

#[tokio::test]
async fn a_body_that_was_looked_into_comes_whole() {
    let endpoint = Endpoint::default();
    let method = format!("{CLIENT}\nexpired_signal = {{ status = 200, body = {{ path = \"ok\", equals = false }} }}");
    let connection = endpoint.connect(&method, &[("base_url", "https://api.acme.test")]);
    let text = format!("{{\"ok\":true,\"text\":\"{}\"}}", "x".repeat(100_000));
    let expected = text.clone();
    let service = service_fn(move |_: Request<ReplayBody<Empty<Bytes>>>| {
        let response = Response::new(Full::<Bytes>::from(text.clone()));
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    let response =
        ProviderLayer::new(&connection).unwrap().layer(service).oneshot(request("/", Empty::new())).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), expected);
}

/// An address that comes with the token: the first is `eu`, the second `us`.
fn late() -> Endpoint {
    Endpoint::default().extra(|number| {
        let host = if number == 1 { "eu" } else { "us" };
        format!(r#""instance_url":"https://{host}.acme.test/base/""#)
    })
}

const LATE: &str = r#"kind = "oauth2_client_credentials"
token_url = "https://login.acme.test/token"
base_url = "{instance_url}/v2"
response = { capture = [{ name = "instance_url", path = "instance_url" }] }
[[auth.fields]]
name = "instance_url"
source = "token_response"
format = "uri"
pattern = 'https://[a-z]+\.acme\.test(/[a-z]*)*'
"#;

// THREAT-T1
#[tokio::test]
async fn an_address_that_comes_with_the_token_is_awaited_and_follows_it() {
    let endpoint = late();
    let connection = endpoint.connect(LATE, &[]);
    assert!(connection.is_base_url_late() && connection.base_url().is_none());
    let api = Api::accepting(|token| token == "Bearer token-2");
    let mut service = ProviderLayer::new(&connection).unwrap().layer(api.clone());
    // The first token is refused. The next one comes with another address, where the same path goes.
    let response = call(&mut service, request("/me?x=1", full("body"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let sent: Vec<_> = api.seen().iter().map(|seen| (seen.uri.clone(), seen.authorization[0].clone())).collect();
    let expected = [
        ("https://eu.acme.test/base/v2/me?x=1", "Bearer token-1"),
        ("https://us.acme.test/base/v2/me?x=1", "Bearer token-2"),
    ];
    assert_eq!(sent, expected.map(|(uri, token)| (uri.to_owned(), token.to_owned())));
    // From now on the old address is a foreign one.
    for (uri, tokens) in [("https://us.acme.test/x", 1), ("https://eu.acme.test/x", 0)] {
        call(&mut service, request(uri, full(""))).await.unwrap();
        assert_eq!((&*api.seen().pop().unwrap().uri, api.seen().pop().unwrap().authorization.len()), (uri, tokens));
    }
    let error = call(&mut service, request("http://us.acme.test/x", full(""))).await.unwrap_err();
    assert_eq!(kind_of(&error), AuthErrorKind::InsecureScheme);
}

// THREAT-T1
#[tokio::test]
async fn a_new_token_is_never_sent_to_the_address_of_the_old_one() {
    let endpoint = late();
    let api = Api::accepting(|_| false);
    let connection = endpoint.connect(LATE, &[]);
    let mut service = ProviderLayer::new(&connection).unwrap().layer(api.clone());
    let error = call(&mut service, request("https://eu.acme.test/base/v2/me", full(""))).await.unwrap_err();
    assert_eq!(kind_of(&error), AuthErrorKind::NotSigned);
    assert!(error.to_string().contains("could not be signed"), "{error}");
    assert_eq!(api.tokens(), ["Bearer token-1"]);
}

// THREAT-T1
#[tokio::test]
async fn a_layer_for_another_origin_does_not_send_the_request_without_its_credential() {
    let endpoint = late();
    let connection = endpoint.connect(LATE, &[]);
    let api = Api::accepting(|_| true);
    let layer = AuthLayer::new(connection.tokens().unwrap(), ["https://other.acme.test"]).unwrap();
    for layer in [layer.clone(), layer.without_recovery()] {
        let mut service = layer.layer(api.clone());
        for _ in 0..2 {
            let error = call(&mut service, request("https://other.acme.test/me", full(""))).await.unwrap_err();
            assert_eq!(kind_of(&error), AuthErrorKind::NotSigned);
        }
    }
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn requests_without_our_credential_find_a_late_address_too() {
    let endpoint = late();
    let connection = endpoint.connect(LATE, &[]);
    let api = Api::accepting(|_| true);
    let mut service = ProviderLayer::new(&connection).unwrap().layer(api.clone());
    let mut own = request("/own", full(""));
    own.headers_mut().insert("authorization", "Bearer mine".parse().unwrap());
    call(&mut service, own.clone()).await.unwrap();
    call(&mut service, own).await.unwrap();
    let mut skipped = request("/skipped", full(""));
    skipped.extensions_mut().insert(SkipAuth);
    call(&mut service, skipped).await.unwrap();
    let sent: Vec<_> = api.seen().iter().map(|seen| (seen.uri.clone(), seen.authorization.first().cloned())).collect();
    let (own, skipped) =
        ("https://eu.acme.test/base/v2/own".to_owned(), "https://eu.acme.test/base/v2/skipped".to_owned());
    let mine = Some("Bearer mine".to_owned());
    assert_eq!(sent, [(own.clone(), mine.clone()), (own, mine), (skipped, None)]);
    // A credential that is not the provider's own has no address.
    let mut foreign = request("/x", full(""));
    foreign.extensions_mut().insert(RequestCredentials(Credentials::from(Credential::bearer("abc").unwrap())));
    let error = call(&mut service, foreign).await.unwrap_err();
    assert_eq!(kind_of(&error), AuthErrorKind::UnknownOrigin);
    let mut strict =
        ProviderLayer::new(&connection).unwrap().existing_credential(ExistingCredential::Refuse).layer(api);
    let mut own = request("/own", full(""));
    own.headers_mut().insert("authorization", "Bearer mine".parse().unwrap());
    assert_eq!(kind_of(&call(&mut strict, own).await.unwrap_err()), AuthErrorKind::ExistingCredential);
}

#[tokio::test]
async fn an_address_that_does_not_come_or_does_not_fit_stops_the_request() {
    for (extra, kind) in [
        ("\"x\":1", AuthErrorKind::UnknownOrigin),
        // The description's pattern refuses it, so that the exchange fails.
        ("\"instance_url\":\"https://evil.example\"", AuthErrorKind::NoToken),
    ] {
        let endpoint = Endpoint::default().extra(move |_| extra.to_owned());
        let api = Api::accepting(|_| true);
        let mut service = ProviderLayer::new(&endpoint.connect(LATE, &[])).unwrap().layer(api.clone());
        let error = call(&mut service, request("/me", full(""))).await.unwrap_err();
        assert_eq!((kind_of(&error), api.seen().len()), (kind, 0), "{extra}");
    }
}

#[tokio::test]
async fn what_the_layer_cannot_do_is_said_when_it_is_made() {
    let nowhere = Endpoint::default().connect(KEY, &[("api_key", "k3y")]);
    let error = ProviderLayer::new(&nowhere).unwrap_err().to_string();
    assert!(error.contains("base_url") && error.contains("Acme"), "{error}");
    let values = [("api_key", "k3y"), ("base_url", "https://api.acme.test")];
    let body = Endpoint::default().connect("kind = \"api_key\"\nplacement = [{ body = \"key\" }]", &values);
    for error in [ProviderLayer::new(&body).unwrap_err(), AuthLayer::provider(&body).unwrap_err()] {
        assert!(error.to_string().contains("BodyCredentialLayer"), "{error}");
    }
    let method = format!("{CLIENT}\nexpired_signal = {{ body = {{ path = \"ok\", equals = false }} }}");
    let inspected = Endpoint::default().connect(&method, &values[1..]);
    let error = AuthLayer::provider(&inspected).unwrap_err().to_string();
    assert!(error.contains("ProviderLayer"), "{error}");
    assert!(!format!("{:?}", ProviderLayer::new(&inspected).unwrap()).contains("s3cret"));
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_the_description_allows() {
    let values = [("api_key", "k3y"), ("base_url", "https://api.acme.test")];
    let limited = layer("kind = \"api_key\"\nlimits = { concurrency = 1 }", &values);
    let (inner, mut handle) = mock::pair::<Request<ReplayBody<Full<Bytes>>>, Response<Full<Bytes>>>();
    let mut first = mock::Spawn::new(limited.layer(inner));
    handle.allow(10);
    assert_ready!(first.poll_ready()).unwrap();
    // A clone and another service of the layer have no place of their own.
    let mut second = mock::Spawn::new(first.get_ref().clone());
    assert_pending!(second.poll_ready());
    let response = tokio::spawn(first.call(request("/", full(""))));
    assert_pending!(second.poll_ready());
    handle.next_request().await.unwrap().1.send_response(Response::new(full("")));
    let held = response.await.unwrap().unwrap();
    assert!(second.is_woken());
    assert_ready!(second.poll_ready()).unwrap();
    drop(held);
    // A place that is not used, and one of a call that is dropped, are free again.
    drop(second);
    assert_ready!(first.poll_ready()).unwrap();
    let call = first.call(request("/", full("")));
    drop(call);
    assert_ready!(first.poll_ready()).unwrap();
}

#[tokio::test]
async fn the_layer_for_grpc_and_reqwest_has_the_origin_and_the_signal() {
    let endpoint = Endpoint::default();
    let method = format!("{CLIENT}\nexpired_signal = 401");
    let connection = endpoint.connect(&method, &[("base_url", "https://api.acme.test")]);
    let api = Api::accepting(|token| token == "Bearer token-2").challenge("Bearer error=\"invalid_request\"");
    let mut service = AuthLayer::provider(&connection).unwrap().layer(api.clone());
    let response = call(&mut service, request("/pkg.Service/Method", full("x"))).await.unwrap();
    assert!(response.extensions().get::<NotRecovered>().is_none());
    assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
    assert_eq!(api.seen()[1].uri, "/pkg.Service/Method");
    let from: Credentials = (&connection).into();
    assert!(format!("{from:?}").starts_with("Credentials"));
}

#[test]
fn futures_and_services_can_be_sent_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let layer = layer(KEY, &[("api_key", "k3y"), ("base_url", "https://api.acme.test")]);
    is_sync(&layer);
    let mut service = layer.layer(service_fn(|_: Request<ReplayBody<Full<Bytes>>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    is_send(&service);
    is_sync(&service);
    is_send(&service.call(request("/", full(""))));
}
