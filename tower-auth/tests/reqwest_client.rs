//! The layer over reqwest and real sockets.
#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;
mod wire;

use std::convert::Infallible;
use std::error::Error as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Extensions, HeaderName, StatusCode, Version};
use reqwest::redirect::Policy;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next};
use tower::{Service, ServiceExt};
use tower_auth::core::{Credential, Placement, StaticToken, Token, TokenCache, TokenErrorKind};
use tower_auth::{AuthError, AuthErrorKind, AuthLayer, Credentials, NotRecovered, RequestCredentials, SkipAuth};
use tower_auth_testing::TestClock;

use self::support::*;
use self::wire::*;

/// reqwest as a user would set it up, but blind to proxies of the machine that runs the tests.
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

fn client(cache: &TokenCache, api: &Wire) -> ClientWithMiddleware {
    AuthLayer::new(cache, [&*api.origin]).unwrap().reqwest(builder()).unwrap()
}

/// An API that likes the second token only, its server, and a client for it.
async fn renewed() -> (Api, Wire, ClientWithMiddleware, Numbered) {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2");
    let server = Wire::serve(api.clone()).await;
    let client = client(&source.cache(&time), &server);
    (api, server, client, source)
}

fn reason(response: &reqwest::Response) -> Option<&'static str> {
    response.extensions().get::<NotRecovered>().map(NotRecovered::as_str)
}

fn auth_error(error: &Error) -> &AuthError {
    match error {
        Error::Middleware(error) => error.downcast_ref().unwrap(),
        Error::Reqwest(error) => panic!("{error}"),
    }
}

// SYS-L5, SYS-L6, R6750-2.1a, R9110-15.5.2a, THREAT-C7
#[tokio::test]
async fn a_get_is_sent_with_the_token_and_again_with_a_new_one() {
    let (api, server, client, source) = renewed().await;
    let response = client.get(server.url("/x?y=z")).header("x-own", "kept").send().await.unwrap();
    assert_eq!((response.status(), reason(&response)), (StatusCode::OK, None));
    assert_eq!(response.url().as_str(), server.url("/x?y=z"));
    assert_eq!(response.headers()["content-length"], "6");
    assert_eq!(response.text().await.unwrap(), "answer");
    assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
    assert!(api.seen().iter().all(|seen| seen.uri.ends_with("/x?y=z") && seen.headers["x-own"] == "kept"));
    assert!(!api.seen().iter().any(|seen| seen.headers.contains_key("transfer-encoding")));
    assert_eq!(source.calls(), 2);
}

// SYS-L6, R9110-15.5.2a
#[tokio::test]
async fn a_json_body_is_sent_again_as_it_was() {
    let (api, server, client, _source) = renewed().await;
    let response = client.post(server.url("/")).json(&["a book", "a pen"]).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(api.seen().len(), 2);
    for seen in api.seen() {
        assert_eq!(seen.body, r#"["a book","a pen"]"#);
        assert_eq!(
            (&seen.headers["content-type"], &seen.headers["content-length"]),
            (&"application/json".parse().unwrap(), &"18".parse().unwrap())
        );
    }
}

// SYS-L6
#[tokio::test]
async fn a_body_of_known_bytes_is_sent_again_even_if_the_server_did_not_read_it() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2").answers_early();
    let server = Wire::serve(api.clone()).await;
    // Longer than the limit, which is for what has to be kept aside.
    let response =
        client(&source.cache(&time), &server).post(server.url("/")).body(vec![0; 100_000]).send().await.unwrap();
    assert_eq!((response.status(), api.seen().len()), (StatusCode::OK, 2));
}

// SYS-L6, R9110-15.5.2a
#[tokio::test]
async fn a_stream_is_sent_again_if_it_was_read_to_its_end_and_never_while_it_is_open() {
    let (api, server, client, _source) = renewed().await;
    let stream = reqwest::Body::wrap(Upload::of(2).0);
    let response = client.post(server.url("/")).body(stream).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let lengths: Vec<_> = api.seen().iter().map(|seen| seen.body.len()).collect();
    assert_eq!(lengths, [2 * 32 * 1024; 2]);

    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2").answers_early();
    let server = Wire::serve(api.clone()).await;
    let client = self::client(&source.cache(&time), &server);
    let (upload, unsent) = Upload::of(400);
    let response = client.post(server.url("/")).body(reqwest::Body::wrap(upload)).send().await.unwrap();
    assert_eq!((response.status(), reason(&response)), (StatusCode::UNAUTHORIZED, Some("body_not_replayable")));
    assert_eq!(api.tokens(), ["Bearer token-1"]);
    TestClock::settle().await;
    client.get(server.url("/")).send().await.unwrap();
    assert_eq!(api.tokens(), ["Bearer token-1", "Bearer token-2"]);
    assert!(unsent.load(Ordering::SeqCst) > 0, "the answer came before the end of the upload");
}

// THREAT-T2
#[tokio::test]
async fn redirects_are_not_followed_and_no_second_server_sees_a_credential() {
    let (time, source, other, first) =
        (TestClock::new(), Numbered::default(), Api::accepting(|_| true), Redirected::default());
    let second = Wire::serve(other.clone()).await;
    let key = Credential::api_key(HeaderName::from_static("x-api-key"), "k3y").unwrap();
    for status in [301, 302, 303, 307, 308] {
        let server = first.serve(status, second.url("/stolen")).await;
        for credentials in [Credentials::from(source.cache(&time)), Credentials::from(key.clone())] {
            let layer = AuthLayer::new(credentials, [&*server.origin]).unwrap();
            let client = layer.reqwest(builder().redirect(Policy::limited(5))).unwrap();
            let response = client.get(server.url("/")).send().await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["location"], second.url("/stolen"));
        }
    }
    let seen = first.headers();
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|headers| headers.contains_key("authorization") != headers.contains_key("x-api-key")));
    assert!(other.seen().is_empty());
}

// THREAT-T1
#[tokio::test]
async fn other_origins_get_nothing() {
    let (api, server, client, source) = renewed().await;
    let foreign = Api::accepting(|_| true);
    let elsewhere = Wire::serve(foreign.clone()).await;
    client.get(elsewhere.url("/")).send().await.unwrap();
    assert_eq!(foreign.tokens(), ["-"]);
    let named = server.origin.replace("127.0.0.1", "localhost");
    assert_eq!(client.get(&named).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!((api.tokens(), source.calls()), (vec!["-".to_owned()], 0));
}

// THREAT-T9
#[tokio::test]
async fn a_credential_of_the_callers_own_wins_and_is_never_sent_again() {
    let (api, server, client, source) = renewed().await;
    let response = client.get(server.url("/")).bearer_auth("own").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let pair = server.url("/").replace("http://", "http://u:p@");
    client.get(pair).send().await.unwrap();
    assert_eq!((api.tokens(), source.calls()), (vec!["Bearer own".to_owned(), "Basic dTpw".to_owned()], 0));
}

// THREAT-C7, THREAT-C8, SYS-L7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_refused_at_once_cost_one_refresh() {
    let (api, server, client, source) = renewed().await;
    let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(client.post(server.url("/")).json(&1).send())).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(source.calls(), 2);
    assert_eq!(api.tokens().iter().filter(|token| *token == "Bearer token-2").count(), 100);
}

// R9110-15.5.2a
#[tokio::test]
async fn a_refusal_that_cannot_be_mended_goes_to_the_caller_with_the_reason_and_its_body() {
    let time = TestClock::new();
    let api = Api::accepting(|_| false);
    let server = Wire::serve(api.clone()).await;
    let response = client(&Numbered::default().cache(&time), &server).get(server.url("/")).send().await.unwrap();
    assert_eq!((response.status(), reason(&response)), (StatusCode::UNAUTHORIZED, Some("refused_again")));
    assert_eq!(response.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    assert_eq!(response.text().await.unwrap(), "answer");
    assert_eq!(api.seen().len(), 2);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_error_says_why() {
    let time = TestClock::new();
    let api = Api::accepting(|_| true);
    let server = Wire::serve(api.clone()).await;
    let client = client(&Numbered::default().fails_from(1).cache(&time), &server);
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert!(error.is_middleware());
    assert_eq!(error.to_string(), "the request was not sent because no token could be had [auth.no_token]");
    assert_eq!(error.source().unwrap().to_string(), "the token endpoint answered 500 [token.server_error]");
    let own = auth_error(&error);
    assert_eq!(own.kind(), AuthErrorKind::NoToken);
    assert_eq!(own.token_error().unwrap().kind(), TokenErrorKind::ServerError);
    assert!(api.seen().is_empty());
}

// THREAT-T3
#[tokio::test]
async fn plain_http_to_an_https_origin_is_an_error_before_any_send() {
    let api = Api::accepting(|_| true);
    let server = Wire::serve(api.clone()).await;
    let origin = server.origin.replace("http:", "https:");
    let layer = AuthLayer::new(Credential::bearer("abc").unwrap(), [&*origin]).unwrap();
    let error = layer.reqwest(builder()).unwrap().get(server.url("/")).send().await.unwrap_err();
    assert_eq!(auth_error(&error).kind(), AuthErrorKind::InsecureScheme);
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn errors_of_reqwest_stay_what_they_are() {
    type Never = std::future::Pending<Result<http::Response<http_body_util::Full<bytes::Bytes>>, Infallible>>;
    let silent = tower::service_fn(|_: http::Request<hyper::body::Incoming>| -> Never { std::future::pending() });
    let server = Wire::serve(silent).await;
    let layer = AuthLayer::new(Credential::bearer("abc").unwrap(), [&*server.origin, "http://[::1]:1"]).unwrap();
    let short = Duration::from_millis(50);

    let client = layer.clone().reqwest(builder().timeout(short)).unwrap();
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert!(error.is_timeout(), "the client's own: {error:?}");
    let error = client.get("http://[::1]:1/").send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");

    let patient = layer.reqwest(builder()).unwrap();
    let error = patient.get(server.url("/")).timeout(short).send().await.unwrap_err();
    assert!(error.is_timeout(), "the request's own: {error:?}");
    assert_eq!(error.url().unwrap().as_str(), server.url("/"));
}

/// Writes down what passes.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Vec<Passed>>>);

struct Passed {
    url: String,
    timeout: Option<Duration>,
    version: Version,
    credential: Option<bool>,
    is_whole: bool,
}

/// How many sends a call took, as far as the middlewares told each other.
#[derive(Clone)]
struct Sends(usize);

impl Watch {
    fn middleware(&self) -> impl Middleware + use<> {
        let watch = self.clone();
        fn typed<F>(function: F) -> F
        where
            F: for<'a> Fn(reqwest::Request, &'a mut Extensions, Next<'a>) -> BoxFuture<'a>,
        {
            function
        }
        typed(move |request, extensions, next| {
            watch.0.lock().unwrap().push(Passed {
                url: request.url().to_string(),
                timeout: request.timeout().copied(),
                version: request.version(),
                credential: request.headers().get("authorization").map(http::HeaderValue::is_sensitive),
                is_whole: request.body().is_some_and(|body| body.as_bytes() == Some(b"body")),
            });
            let Sends(before) = extensions.get().cloned().unwrap_or(Sends(0));
            extensions.insert(Sends(before + 1));
            next.run(request, extensions)
        })
    }
}

type BoxFuture<'a> = std::pin::Pin<Box<dyn Future<Output = reqwest_middleware::Result<reqwest::Response>> + Send + 'a>>;

#[tokio::test]
async fn middlewares_below_see_every_send_whole_and_middlewares_above_see_the_call() {
    let (time, source) = (TestClock::new(), Numbered::default());
    let api = Api::accepting(|token| token == "Bearer token-2");
    let server = Wire::serve(api.clone()).await;
    let (above, below) = (Watch::default(), Watch::default());
    let layer = AuthLayer::new(source.cache(&time), [&*server.origin]).unwrap();
    let client = layer.reqwest_with(builder(), |stack| stack.with(above.middleware())).unwrap();
    let client = ClientBuilder::from_client(client).with(below.middleware()).build();

    let request = client.post(server.url("/x#part")).timeout(Duration::from_secs(7)).version(Version::HTTP_10);
    let request = request.body("body").build().unwrap();
    let mut extensions = Extensions::new();
    let response = client.execute_with_extensions(request, &mut extensions).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);

    let (above, below) = (above.0.lock().unwrap(), below.0.lock().unwrap());
    assert_eq!((above.len(), below.len()), (1, 2));
    assert_eq!(above[0].credential, None);
    for send in below.iter() {
        assert_eq!((&send.url, send.timeout), (&server.url("/x#part"), Some(Duration::from_secs(7))));
        assert_eq!((send.version, send.credential), (Version::HTTP_10, Some(true)));
        assert!(send.is_whole, "reqwest's own retries need a body that it can clone");
    }
    assert_eq!(extensions.get::<Sends>().unwrap().0, 3, "once above, twice below");
}

#[tokio::test]
async fn extensions_of_a_request_skip_choose_and_select_credentials() {
    #[derive(Clone)]
    struct Tenant(&'static str);

    let api = Api::accepting(|_| true);
    let server = Wire::serve(api.clone()).await;
    let layer = AuthLayer::select(
        |parts| Some(Credential::bearer(parts.extensions.get::<Tenant>()?.0).ok()?.into()),
        [&*server.origin],
    );
    let client = layer.unwrap().reqwest(builder()).unwrap();
    let chosen = RequestCredentials(Credential::bearer("chosen").unwrap().into());
    client.get(server.url("/")).with_extension(SkipAuth).send().await.unwrap();
    client.get(server.url("/")).with_extension(chosen).send().await.unwrap();
    client.get(server.url("/")).with_extension(Tenant("a")).send().await.unwrap();
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert_eq!(auth_error(&error).kind(), AuthErrorKind::NoSelection);
    assert_eq!(api.tokens(), ["-", "Bearer chosen", "Bearer a"]);
}

// THREAT-L1
#[tokio::test]
async fn an_api_key_in_the_query_is_sent_but_neither_in_errors_nor_in_the_url_of_a_response() {
    let api = Api::accepting(|_| true);
    let server = Wire::serve(api.clone()).await;
    let key = StaticToken::new(Token::new("s3ntinel").unwrap());
    let cache = TokenCache::builder(key).placement(Placement::insecure_query("key").unwrap()).build().unwrap();
    let layer = AuthLayer::new(cache, [&*server.origin, "http://127.0.0.1:1"]).unwrap();
    let client = layer.reqwest(builder()).unwrap();

    let response = client.get(server.url("/x?y=z")).send().await.unwrap();
    assert_eq!(response.url().as_str(), server.url("/x?y=z"));
    assert!(response.remote_addr().is_some());
    assert!(!format!("{response:?}").contains("s3ntinel"));
    assert_eq!(response.text().await.unwrap(), "answer");
    assert!(api.seen()[0].uri.ends_with("/x?y=z&key=s3ntinel"), "{}", api.seen()[0].uri);

    let error = client.get("http://127.0.0.1:1/x").send().await.unwrap_err();
    assert_eq!(error.url().unwrap().as_str(), "http://127.0.0.1:1/x");
    assert!(!format!("{error:?} {error}").contains("s3ntinel"));
}

#[tokio::test]
async fn the_client_is_a_tower_service_of_reqwests_requests() {
    let (api, server, mut client, _source) = renewed().await;
    let request = reqwest::Request::new(http::Method::GET, server.url("/").parse().unwrap());
    let response = ServiceExt::<reqwest::Request>::ready(&mut client).await.unwrap().call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(api.seen().len(), 2);
}

// THREAT-L1
#[tokio::test]
async fn the_client_does_not_print_a_credential() {
    let time = TestClock::new();
    let cache = Numbered::default().cache(&time);
    cache.ready().await.unwrap();
    let server = Wire::serve(Api::accepting(|_| true)).await;
    let client = client(&cache, &server);
    let response = client.get(server.url("/")).send().await.unwrap();
    assert!(!format!("{client:?} {response:?}").contains("token-"));
}

// No TLS is used here, and none is set up for the whole process.
#[tokio::test]
async fn no_crypto_provider_is_installed() {
    let (_api, server, client, _source) = renewed().await;
    client.get(server.url("/")).send().await.unwrap();
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

// R9449-4.2b, R9449-7.1a, R9449-8a
#[cfg(feature = "dpop")]
#[tokio::test]
async fn a_dpop_token_goes_with_a_proof_for_the_url_and_one_more_send_for_a_nonce() {
    use tower_auth::core::{DpopKey, TokenKind};
    use tower_auth_testing::{DpopNonce, ResourceServer};

    let api = ResourceServer::builder().accept("bound").require_dpop().dpop_nonce(DpopNonce::OncePerProof).build();
    let server = api.listen().await.unwrap();
    let token = Token::new("bound").unwrap().with_kind(TokenKind::Dpop);
    let cache = TokenCache::builder(StaticToken::new(token)).dpop(DpopKey::generate().unwrap()).build().unwrap();
    let client = AuthLayer::new(cache, [format!("http://{}", server.address())]).unwrap().reqwest(builder()).unwrap();
    for (sends, round) in [(2, 1), (3, 2)] {
        let url = server.url(&format!("/orders?page={round}"));
        let response = client.post(url).json(&["a book"]).send().await.unwrap();
        assert_eq!((response.status(), reason(&response)), (StatusCode::OK, None));
        assert_eq!(api.request_count(), sends);
    }
    assert!(api.requests().iter().all(|request| request.header("authorization") == Some("DPoP bound")));
    let stream = reqwest::Body::wrap(Stream::of(&["a", "b"]));
    let response = client.post(server.url("/")).body(stream).send().await.unwrap();
    assert_eq!((response.status(), api.request_count()), (StatusCode::OK, 4));
}
