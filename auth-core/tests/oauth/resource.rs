//! From a refused request to a token, by the metadata of protected resources.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_auth_core::{
    BoxError, Challenge, ClientAuth, ClientRegistration, ConfigErrorKind, HttpClient, OAuthClient, OAuthClientBuilder,
    ProtectedResourceMetadata, ResourceDiscovery, ResourceDiscoveryBuilder, TokenError, TokenErrorKind,
};
use tower_auth_testing::{AuthorizationServer, Fault, ResourceServer, TestClient, TestClock};

use crate::endpoint::{Endpoint, response};

const URL: &str = "https://api.example.com/mcp";
const CALLBACK: &str = "https://app.test/callback";

/// An authorization server, an API that takes its tokens, and the way to both.
struct Scene {
    login: AuthorizationServer,
    api: ResourceServer,
    http: HttpClient,
    time: TestClock,
}

impl Scene {
    fn new() -> Self {
        let time = TestClock::new();
        let login = AuthorizationServer::builder()
            .client_with(TestClient::new("assistant", "s3cret").redirect_uri(CALLBACK).scopes(["tools", "files"]))
            .open_registration()
            .clock(time.clock())
            .build()
            .unwrap();
        let api = ResourceServer::builder().issuer(&login).resource("https://api.test/mcp").scope("tools");
        let api = api.audience("https://api.test/mcp").build();
        let (to_api, to_login) = (api.clone(), login.http_client());
        let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let (api, login) = (to_api.clone(), to_login.clone());
            async move {
                if request.uri().host() == Some("login.test") {
                    return login.send(request).await;
                }
                let response = api.oneshot(request.map(Full::new)).await?;
                let (head, body) = response.into_parts();
                Ok::<_, BoxError>(Response::from_parts(head, body.collect().await?.to_bytes()))
            }
        }));
        Self { login, api, http, time }
    }

    fn client(&self) -> OAuthClientBuilder {
        OAuthClient::builder("assistant").secret("s3cret").http_client(self.http.clone()).clock(self.time.clock())
    }

    fn builder(&self) -> ResourceDiscoveryBuilder {
        ResourceDiscovery::builder().http_client(self.http.clone()).clock(self.time.clock())
    }

    fn discovery(&self) -> ResourceDiscovery {
        self.builder().client(self.login.issuer(), self.client()).build().unwrap()
    }

    /// What the API answers to a request with `token`.
    async fn call(&self, token: Option<&str>) -> Response<Bytes> {
        let mut request = Request::get("https://api.test/mcp");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.http.send(request.body(Bytes::new()).unwrap()).await.unwrap()
    }

    /// The challenge of a refusal.
    async fn challenge(&self) -> Challenge {
        let refused = self.call(None).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let challenges = Challenge::from_headers(refused.headers());
        challenges.into_iter().find(|challenge| challenge.param("resource_metadata").is_some()).unwrap()
    }
}

// R9728-7.4a, R8707-2b
#[tokio::test]
async fn a_refusal_leads_to_a_token_for_that_resource() {
    let scene = Scene::new();
    let discovery = scene.discovery();
    let challenge = scene.challenge().await;
    let api = discovery.discover("https://api.test/mcp", Some(&challenge)).await.unwrap();
    assert_eq!((api.resource(), api.issuer()), ("https://api.test/mcp", scene.login.issuer().as_str()));
    assert_eq!(api.scopes(), ["tools"]);
    let tokens = api.client_credentials().scopes(api.scopes()).cached().unwrap();
    let token = tokens.token().await.unwrap();
    assert_eq!(scene.call(Some(token.secret().expose_secret())).await.status(), StatusCode::OK);
    let asked = scene.login.requests().into_iter().rfind(|request| request.uri().path() == "/token").unwrap();
    assert_eq!(asked.param("resource"), Some("https://api.test/mcp"));
}

// R9728-7.4a, R8707-2b
#[cfg(feature = "authorization-code")]
#[tokio::test]
async fn a_user_authorizes_for_that_resource_and_refreshes_are_for_it_too() {
    use tower_auth_core::AuthorizationCallback;
    use tower_auth_testing::Consent;

    let scene = Scene::new();
    let api = scene.discovery().discover("https://api.test/mcp", None).await.unwrap();
    let started = api.authorization_request(CALLBACK).scopes(api.scopes()).start().await.unwrap();
    assert!(started.url.query().unwrap().contains("resource=https%3A%2F%2Fapi.test%2Fmcp"), "{}", started.url);
    let redirect = scene.login.decide(&started.url.to_string(), &Consent::approve()).unwrap();
    let callback = AuthorizationCallback::from_uri(redirect.location()).unwrap();
    let response = started.transaction.finish(api.client(), &callback).await.unwrap();
    let tokens = api.authorization_code(response).cached().unwrap();
    let token = tokens.token().await.unwrap();
    assert_eq!(scene.call(Some(token.secret().expose_secret())).await.status(), StatusCode::OK);
    let asked = scene.login.requests().into_iter().rfind(|request| request.uri().path() == "/token").unwrap();
    assert_eq!(asked.param("resource"), Some("https://api.test/mcp"));
}

#[tokio::test]
async fn a_client_registers_itself_where_that_is_allowed_once_for_each_issuer() {
    let scene = Scene::new();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&kept);
    let registration = ClientRegistration::new("Assistant").scopes(["tools"]).http_client(scene.http.clone());
    let builder = scene.builder().register(registration.clock(scene.time.clock())).on_registration(move |client| {
        tell.lock().unwrap().push(client.client_id().to_owned());
    });
    let named = builder.clone().allow_issuer(scene.login.issuer()).build().unwrap();
    for _ in 0..2 {
        let api = named.discover("https://api.test/mcp", None).await.unwrap();
        api.client_credentials().scopes(api.scopes()).build().unwrap().request_token().await.unwrap();
        assert_eq!(kept.lock().unwrap().as_slice(), [api.client().client_id()]);
        // Another visit after a while goes to the same client.
        scene.time.advance(Duration::from_secs(7200)).await;
    }
    let accepted = builder.clone().allow_issuers_if(|issuer| issuer == "https://login.test").build().unwrap();
    accepted.discover("https://api.test/mcp", None).await.unwrap();
    let other = builder.allow_issuers_if(|issuer| issuer == "https://other.test").build().unwrap();
    assert_eq!(other.discover("https://api.test/mcp", None).await.unwrap_err().kind(), TokenErrorKind::Misconfigured);
    assert_eq!(kept.lock().unwrap().len(), 2);
}

/// An API whose metadata can change, and what was asked.
#[derive(Clone)]
struct Api {
    endpoint: Endpoint,
    document: Arc<Mutex<String>>,
}

impl Api {
    fn new(document: impl Into<String>) -> Self {
        let document = Arc::new(Mutex::new(document.into()));
        let shared = Arc::clone(&document);
        let endpoint = Endpoint::judging(move |_| {
            let body = shared.lock().unwrap().clone();
            Response::builder().header("content-type", "application/json").body(body.into()).unwrap()
        });
        Self { endpoint, document }
    }

    fn of(resource: &str, servers: &str) -> Self {
        Self::new(document(resource, servers))
    }

    fn set(&self, document: String) {
        *self.document.lock().unwrap() = document;
    }

    fn asked(&self) -> Vec<String> {
        self.endpoint.seen().iter().map(|request| request.uri().to_string()).collect()
    }

    fn discovery(&self, time: &TestClock, issuers: &[&str]) -> ResourceDiscovery {
        let http = &self.endpoint.http;
        let client = || OAuthClient::builder("orders").secret("s3cret").http_client(http.clone());
        let builder = ResourceDiscovery::builder().http_client(http.clone()).clock(time.clock());
        issuers.iter().fold(builder, |builder, issuer| builder.client(*issuer, client())).build().unwrap()
    }
}

fn document(resource: &str, servers: &str) -> String {
    format!(r#"{{"resource":"{resource}","authorization_servers":[{servers}]}}"#)
}

fn named(url: &str) -> Challenge {
    Challenge::bearer().with_param("resource_metadata", url).unwrap()
}

// R9728-3.3a, R9728-3.3b, R9728-6a, THREAT-T5
#[tokio::test]
async fn metadata_is_used_if_it_is_about_the_very_resource_that_was_asked_for() {
    let fetch = |document: String| async move {
        let api = Api::new(document);
        let request = ProtectedResourceMetadata::request(URL).http_client(api.endpoint.http.clone());
        let derived = request.fetch().await.map_err(|error| error.kind());
        assert_eq!(api.asked(), ["https://api.example.com/.well-known/oauth-protected-resource/mcp"]);
        let announced = request.announced_at("https://meta.example.net/x").fetch().await;
        assert_eq!(api.asked(), ["https://meta.example.net/x"]);
        assert_eq!(announced.map(|_| ()).map_err(|error| error.kind()), derived.clone().map(|_| ()));
        derived.map(|metadata| metadata.resource().to_owned())
    };
    assert_eq!(fetch(document(URL, "")).await.unwrap(), URL);
    assert_eq!(fetch(document("https:\\/\\/api.example.com/m\\u0063p", "")).await.unwrap(), URL);
    for other in [
        "https://api.example.com/mcp/",
        "https://api.example.com/MCP",
        "https://API.example.com/mcp",
        "https://api.example.com:443/mcp",
        "https://api.example.com/%6dcp",
        "https://api.example.com/m\u{441}p",
        "https://api.example.com/mcp ",
        "https://api.example.com",
        "https://evil.example/mcp",
        "http://api.example.com/mcp",
        "",
    ] {
        assert_eq!(fetch(document(other, "")).await, Err(TokenErrorKind::Misconfigured), "{other}");
    }
}

// R9728-3.3a
#[tokio::test]
async fn a_document_for_a_whole_host_needs_an_identifier_that_the_program_configured() {
    let api = Api::of("https://api.example.com", r#""https://login.example.com""#);
    let time = TestClock::new();
    let discovery = api.discovery(&time, &["https://login.example.com"]);
    let challenge = named("https://api.example.com/.well-known/oauth-protected-resource");
    let error = discovery.discover(URL, Some(&challenge)).await.unwrap_err();
    assert!(error.to_string().contains("configure its identifier"), "{error}");
    let http = &api.endpoint.http;
    let builder =
        ResourceDiscovery::builder().http_client(http.clone()).resource_identifier(URL, "https://api.example.com");
    let client = OAuthClient::builder("orders").secret("s3cret").http_client(http.clone());
    let discovery = builder.clone().client("https://login.example.com", client.clone()).build().unwrap();
    for challenge in [None, Some(&challenge)] {
        assert_eq!(discovery.discover(URL, challenge).await.unwrap().resource(), "https://api.example.com");
    }
    // It is one more text that has to match, not a switch that lets anything pass.
    let wrong = builder.resource_identifier("https://api.example.com/x", "https://api.example.com/");
    let wrong = wrong.client("https://login.example.com", client).build().unwrap();
    assert!(wrong.discover("https://api.example.com/x", None).await.is_err());
}

// R9728-3.3a, THREAT-A5, THREAT-T6
#[tokio::test]
async fn what_is_no_metadata_or_not_to_be_asked_is_refused() {
    for (body, kind) in [
        ("", TokenErrorKind::Unparsable),
        ("[]", TokenErrorKind::Unparsable),
        ("{}", TokenErrorKind::Unparsable),
        (r#"{"resource":1}"#, TokenErrorKind::Unparsable),
        (
            r#"{"resource":"https://api.example.com/mcp","resource":"https://api.example.com/mcp"}"#,
            TokenErrorKind::Unparsable,
        ),
        (r#"{"resource":"https://api.example.com/mcp","authorization_servers":"x"}"#, TokenErrorKind::Unparsable),
        (
            r#"{"resource":"https://api.example.com/mcp","dpop_bound_access_tokens_required":1}"#,
            TokenErrorKind::Unparsable,
        ),
    ] {
        let api = Api::new(body);
        let request = ProtectedResourceMetadata::request(URL).http_client(api.endpoint.http.clone());
        assert_eq!(request.fetch().await.unwrap_err().kind(), kind, "{body}");
    }
    let api = Api::of(URL, "");
    let http = &api.endpoint.http;
    for bad in [
        "http://api.example.com/x",
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "ftp://a/",
        "data:,x",
        "//a",
        "",
        "https://u@a/",
        "https://a/#x",
    ] {
        let request = ProtectedResourceMetadata::request(URL).http_client(http.clone()).announced_at(bad);
        assert_eq!(request.fetch().await.unwrap_err().kind(), TokenErrorKind::Misconfigured, "{bad}");
        let request = ProtectedResourceMetadata::request(bad).http_client(http.clone());
        assert_eq!(request.fetch().await.unwrap_err().kind(), TokenErrorKind::Misconfigured, "{bad}");
    }
    assert!(api.asked().is_empty());
    for status in [301, 302, 401, 404] {
        let moved = Endpoint::judging(move |_| {
            let mut response = response(status, "application/json", "{}");
            response.headers_mut().insert("location", "https://evil.example/".parse().unwrap());
            response
        });
        let request = ProtectedResourceMetadata::request(URL).http_client(moved.http.clone());
        assert_eq!(request.fetch().await.unwrap_err().kind(), TokenErrorKind::Misconfigured, "{status}");
        assert_eq!(moved.seen().len(), 1);
    }
}

// R9728-7.7a, THREAT-T6
#[cfg(feature = "http")]
#[tokio::test]
async fn the_own_network_cannot_be_asked_by_a_url_that_others_named() {
    for inner in [
        "https://127.0.0.1:1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://localhost/x",
    ] {
        let error = ProtectedResourceMetadata::request(URL).announced_at(inner).fetch().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Misconfigured, "{inner}: {error}");
        // The switch for tests opens plain http on a literal loopback address and nothing else.
        let open = ProtectedResourceMetadata::request(URL).announced_at(inner).allow_loopback_http();
        assert_eq!(open.fetch().await.unwrap_err().kind(), TokenErrorKind::Misconfigured, "{inner}");
    }
    let api = ResourceServer::builder().publish_metadata().build();
    let _listening = api.listen().await.unwrap();
    let request = ProtectedResourceMetadata::request(api.resource());
    assert_eq!(request.fetch().await.unwrap_err().kind(), TokenErrorKind::Misconfigured);
    let metadata = request.allow_loopback_http().fetch().await.unwrap();
    assert_eq!(metadata.resource(), api.resource());
}

// THREAT-T4
#[tokio::test]
async fn a_server_that_is_not_allowed_is_never_asked() {
    let time = TestClock::new();
    let api = Api::of(URL, r#""https://evil.example","https://login.example.com/","https://LOGIN.example.com""#);
    let discovery = api.discovery(&time, &["https://login.example.com"]);
    let error = discovery.discover(URL, None).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
    assert!(error.to_string().contains("evil.example"), "{error}");
    assert_eq!(api.asked(), ["https://api.example.com/.well-known/oauth-protected-resource/mcp"]);
    let nobody = Api::new(format!(r#"{{"resource":"{URL}"}}"#));
    let discovery = nobody.discovery(&time, &["https://login.example.com"]);
    assert_eq!(discovery.discover(URL, None).await.unwrap_err().kind(), TokenErrorKind::Misconfigured);
}

// R9728-5.2a, THREAT-T4
#[tokio::test]
async fn a_resource_stays_with_its_server_whatever_it_announces_later() {
    let time = TestClock::new();
    let (one, two) = ("https://one.example", "https://two.example");
    let api = Api::of(URL, r#""https://one.example""#);
    let discovery = api.discovery(&time, &[one, two]);
    let challenge = named("https://api.example.com/meta");
    assert_eq!(discovery.discover(URL, Some(&challenge)).await.unwrap().issuer(), one);
    // Another server comes first, then alone. Both are ours.
    api.set(document(URL, r#""https://two.example","https://one.example""#));
    time.advance(Duration::from_secs(61)).await;
    let found = discovery.discover(URL, Some(&challenge)).await.unwrap();
    assert_eq!((found.issuer(), found.metadata().authorization_servers().len()), (one, 2), "fetched again");
    api.set(document(URL, r#""https://two.example""#));
    time.advance(Duration::from_secs(61)).await;
    let error = discovery.discover(URL, Some(&challenge)).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Misconfigured);
    assert!(error.to_string().contains("no longer names"), "{error}");
    discovery.forget(URL);
    assert_eq!(discovery.discover(URL, Some(&challenge)).await.unwrap().issuer(), two);
}

// R9728-5.2a, THREAT-A4
#[tokio::test]
async fn challenges_cost_one_fetch_a_minute() {
    let time = TestClock::new();
    let api = Api::of(URL, r#""https://one.example""#);
    let discovery = api.discovery(&time, &["https://one.example"]);
    let challenge = named("https://api.example.com/meta");
    for _ in 0..100 {
        discovery.discover(URL, Some(&challenge)).await.unwrap();
    }
    assert_eq!(api.asked().len(), 1);
    time.advance(Duration::from_secs(61)).await;
    for _ in 0..100 {
        discovery.discover(URL, Some(&challenge)).await.unwrap();
    }
    assert_eq!(api.asked().len(), 1);
    // Without a challenge there is no reason to doubt for an hour.
    time.advance(Duration::from_secs(3000)).await;
    discovery.discover(URL, None).await.unwrap();
    assert!(api.asked().is_empty());
    // Metadata that turns bad replaces nothing.
    api.set(document("https://evil.example", r#""https://one.example""#));
    assert_eq!(discovery.discover(URL, Some(&challenge)).await.unwrap().resource(), URL);
    assert_eq!(api.asked().len(), 1);
}

// R9728-5.2a
#[tokio::test]
async fn a_resource_that_fails_is_left_alone_for_a_while() {
    let scene = Scene::new();
    scene.api.metadata_fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE));
    let discovery = scene.discovery();
    let ask = || discovery.discover("https://api.test/mcp", None);
    let kind = |error: TokenError| (error.kind(), error.is_transient());
    assert_eq!(kind(ask().await.unwrap_err()), (TokenErrorKind::ServerError, true));
    assert_eq!(kind(ask().await.unwrap_err()), (TokenErrorKind::ServerError, true), "the fault was for one request");
    scene.time.advance(Duration::from_secs(6)).await;
    ask().await.unwrap();
    scene.api.metadata_fault(Fault::hang());
    let fresh = scene.discovery();
    let hanging = tokio::spawn(async move { fresh.discover("https://api.test/mcp", None).await.map(|_| ()) });
    scene.time.advance(Duration::from_secs(16)).await;
    assert_eq!(hanging.await.unwrap().unwrap_err().kind(), TokenErrorKind::TimedOut);
}

// R9207-2.4d
#[test]
fn two_clients_never_share_an_issuer() {
    let http = Endpoint::granting().http;
    let client = |id: &str| OAuthClient::builder(id).secret("s3cret").http_client(http.clone());
    let builder = ResourceDiscovery::builder().http_client(http.clone());
    let kind = |builder: ResourceDiscoveryBuilder| builder.build().map_err(|error| error.kind()).err();
    let one = builder.clone().client("https://a", client("x"));
    assert_eq!(kind(one.clone().client("https://a", client("y"))), Some(ConfigErrorKind::InvalidOption));
    assert_eq!(kind(one.clone().client("https://b", client("y"))), None);
    assert_eq!(kind(builder.clone()), Some(ConfigErrorKind::MissingOption), "nobody is allowed");
    assert_eq!(kind(one.clone().allow_issuer("https://b")), Some(ConfigErrorKind::MissingOption), "no client there");
    assert_eq!(kind(builder.clone().allow_issuers_if(|_| true)), Some(ConfigErrorKind::MissingOption));
    let registering = builder.register(ClientRegistration::new("x").client_auth(ClientAuth::None));
    assert_eq!(kind(registering.allow_issuer("https://b")), None);
    assert_eq!(kind(one.clone().client("http://b", client("y"))), Some(ConfigErrorKind::InsecureUrl));
    assert_eq!(kind(one.clone().resource_identifier(URL, "urn:x")), Some(ConfigErrorKind::InvalidUrl));
    let twice = one.resource_identifier(URL, "https://a/1").resource_identifier(URL, "https://a/2");
    assert_eq!(kind(twice), Some(ConfigErrorKind::InvalidOption));
}

#[tokio::test]
async fn a_challenge_that_asks_for_scopes_decides_which() {
    let time = TestClock::new();
    let with_scopes = format!(
        r#"{{"resource":"{URL}","authorization_servers":["https://one.example"],"scopes_supported":["a","b"],"x":[1],
        "bearer_methods_supported":["header"],"dpop_signing_alg_values_supported":["ES256"],"dpop_bound_access_tokens_required":true}}"#
    );
    let api = Api::new(with_scopes);
    let discovery = api.discovery(&time, &["https://one.example"]);
    let found = discovery.discover(URL, None).await.unwrap();
    assert_eq!(found.scopes(), ["a", "b"]);
    let metadata = found.metadata();
    assert_eq!(metadata.bearer_methods().unwrap(), ["header"]);
    assert_eq!((metadata.dpop_signing_algs().unwrap()[0].as_str(), metadata.requires_dpop()), ("ES256", true));
    assert_eq!(metadata.raw_member("x"), Some("[1]"));
    let asks = named("https://api.example.com/meta").with_param("scope", "c  d").unwrap();
    assert_eq!(discovery.discover(URL, Some(&asks)).await.unwrap().scopes(), ["c", "d"]);
    assert!(!format!("{found:?} {discovery:?}").contains("s3cret"));
}
