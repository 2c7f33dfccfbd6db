//! Alumio's generic OAuth2 settings.

use std::sync::{Arc, Mutex};

use http::{HeaderValue, Request};
use tower_auth_core::{
    AuthKind, AuthorizationErrorKind, Connection, FailureClass, FieldScope, HttpClient, ProviderSpec, RequestLog,
    TokenErrorKind,
};
use tower_auth_testing::{AuthorizationServer, Consent, Endpoint, TestClient, TestClock};

use crate::script::{Script, form, form_by, grants, grants_both, json};
use crate::{api, authorization, builder, connect, file, mistakes, read, seconds, values};

const URL: &str = "https://login.example.test/token";
const PAIR: &str = "client_id=id&client_secret=s3cret";
const CALLBACK: &str = "https://app.test/callback";

fn generic() -> String {
    file("providers/generic-oauth2.toml")
}

fn given<'a>(method: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [("auth", method), ("client_id", "id"), ("client_secret", "s3cret"), ("token_url", URL)];
    let kept = own.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    kept.chain(more.iter().copied()).collect()
}

fn server(time: &TestClock) -> AuthorizationServer {
    AuthorizationServer::builder()
        .client_with(TestClient::new("id", "s3cret").redirect_uri(CALLBACK).scopes(["read"]).with_refresh_tokens())
        .user("ann", "p4ssword")
        .clock(time.clock())
        .build()
        .unwrap()
}

fn at(server: &AuthorizationServer, method: &str, more: &[(&str, &str)], time: &TestClock) -> Connection {
    let (token, authorize) = (server.token_url(), server.authorization_url());
    let mut own =
        vec![("auth", method), ("client_id", "id"), ("client_secret", "s3cret"), ("token_url", token.as_str())];
    if method == "interactive" {
        own.push(("authorize_url", authorize.as_str()));
    }
    own.extend(more);
    connect(&generic(), &own, server.http_client(), time)
}

async fn sign_in(
    server: &AuthorizationServer,
    connection: &Connection,
    consent: &Consent,
) -> Result<(), AuthorizationErrorKind> {
    let login = connection.login(CALLBACK).unwrap();
    let started = login.start().await.unwrap();
    let redirect = server.decide(&started.url, consent).unwrap();
    let query = redirect.location().split_once('?').unwrap().1.to_owned();
    let callback = login.callback(&query).unwrap();
    login.finish(started.transaction, &callback).await.map(drop).map_err(|error| error.kind())
}

// SYS-U1
#[test]
fn four_grants_can_be_chosen() {
    let spec = read(&generic());
    let kinds: Vec<_> = spec.methods().iter().map(|method| method.kind()).collect();
    assert_eq!(
        kinds,
        [AuthKind::OAuth2Code, AuthKind::OAuth2ClientCredentials, AuthKind::OAuth2Password, AuthKind::OAuth2StaticCode]
    );
    assert!(spec.methods().iter().all(|method| method.needs_redirect() == (method.kind() == AuthKind::OAuth2Code)));
}

// SYS-U2. The pop-up is the page's.
#[tokio::test]
async fn a_person_consents_and_the_token_is_kept_and_renewed() {
    let time = TestClock::new();
    let server = server(&time);
    let connection = at(&server, "interactive", &[("scope", "read")], &time);
    let error = connection.credential().await.unwrap_err();
    assert!(error.to_string().contains("a person must grant access first"), "{error}");
    assert_eq!(sign_in(&server, &connection, &Consent::deny()).await, Err(AuthorizationErrorKind::Denied));
    time.advance(seconds(120)).await;
    sign_in(&server, &connection, &Consent::approve()).await.unwrap();
    let first = authorization(&connection).await;
    assert!(first.starts_with("Bearer ") && connection.renews_itself());
    assert!(connection.response().unwrap().token().scope().unwrap().contains("read"));
    time.advance(seconds(7200)).await;
    assert_ne!(authorization(&connection).await, first);
    assert_eq!(server.token_requests(), 2);
}

// SYS-U3
#[tokio::test]
async fn a_password_works_has_its_own_fields_and_is_marked() {
    let time = TestClock::new();
    let server = server(&time);
    let connection = at(&server, "password", &[("username", "ann"), ("password", "p4ssword")], &time);
    assert!(authorization(&connection).await.starts_with("Bearer "));
    let wrong = at(&server, "password", &[("username", "ann"), ("password", "other")], &time);
    assert_eq!(wrong.credential().await.unwrap_err().oauth_error(), Some("invalid_grant"));
    let spec = read(&generic());
    for method in spec.methods() {
        let is_password = method.kind() == AuthKind::OAuth2Password;
        assert_eq!(method.title().contains("discouraged"), is_password);
        assert!(["username", "password"].iter().all(|name| method.field(name).is_some() == is_password));
    }
}

// SYS-U4
#[tokio::test]
async fn a_typed_in_code_is_exchanged_once() {
    let time = TestClock::new();
    let ask = form(URL, &format!("grant_type=authorization_code&{PAIR}&code=c0de"));
    let server = Script::new().on(ask, grants("t0k"));
    let connection = connect(&generic(), &given("static_code", &[("code", "c0de")]), server.http(), &time);
    assert_eq!(authorization(&connection).await, "Bearer t0k");
    time.advance(seconds(4000)).await;
    assert_eq!(connection.credential().await.unwrap_err().class(), FailureClass::Refused);
    assert_eq!(server.asked(), 1);
    let spec = read(&generic());
    let of = |method: &str| spec.method(method).unwrap().field("code").map(|field| (field.scope(), field.is_secret()));
    assert_eq!(of("static_code"), Some((FieldScope::Once, true)));
    assert_eq!(of("client_credentials"), None);
}

// SYS-U5
#[tokio::test]
async fn three_values_are_required_and_scopes_are_not() {
    let spec = read(&generic());
    let wrong = mistakes(&spec, &[("auth", "client_credentials")]);
    for name in ["client_id", "client_secret", "token_url"] {
        assert!(wrong.iter().any(|line| line.starts_with(name)), "{name} in {wrong:?}");
    }
    assert_eq!(wrong.len(), 3);
    for (scope, sent) in [(&[][..], ""), (&[("scope", "read write")], "&scope=read+write")] {
        let server = Script::new().on(form(URL, &format!("grant_type=client_credentials&{PAIR}{sent}")), grants("t0k"));
        let connection = connect(&generic(), &given("client_credentials", scope), server.http(), &TestClock::new());
        assert_eq!(authorization(&connection).await, "Bearer t0k");
    }
}

// SYS-U6
#[tokio::test]
async fn the_method_of_authentication_is_chosen_or_found_out() {
    let by_body = form(URL, &format!("grant_type=client_credentials&{PAIR}"));
    let by_header = form_by("id:s3cret", URL, "grant_type=client_credentials");
    let time = TestClock::new();
    for (chosen, request) in [("body", by_body.clone()), ("basic", by_header.clone())] {
        let server = Script::new().on(request, grants("t0k"));
        let own = given("client_credentials", &[("client_auth", chosen)]);
        assert_eq!(authorization(&connect(&generic(), &own, server.http(), &time)).await, "Bearer t0k");
    }
    let server = Script::new()
        .on(by_body, json(401, r#"{"error":"invalid_client"}"#))
        .on(by_header.clone(), grants("one"))
        .on(by_header, grants("two"));
    let connection = connect(&generic(), &given("client_credentials", &[]), server.http(), &time);
    assert_eq!(authorization(&connection).await, "Bearer one");
    time.advance(seconds(3600)).await;
    assert_eq!(authorization(&connection).await, "Bearer two");
    // Never with a code, which works once.
    let own = given("static_code", &[("code", "c0de"), ("client_auth", "auto")]);
    assert!(read(&generic()).fill(&values(&own)).is_err());
}

// SYS-U7, SYS-U8
#[tokio::test]
async fn token_and_refresh_request_have_parameters_of_their_own() {
    let time = TestClock::new();
    let more = [("code", "c0de"), ("audience", "https://a.test"), ("refresh_audience", "https://b.test")];
    let server = Script::new()
        .on(
            form(URL, &format!("grant_type=authorization_code&{PAIR}&code=c0de&audience=https%3A%2F%2Fa.test")),
            grants_both("one", "r1"),
        )
        .on(
            form(URL, &format!("grant_type=refresh_token&{PAIR}&refresh_token=r1&audience=https%3A%2F%2Fb.test")),
            grants("two"),
        );
    let connection = connect(&generic(), &given("static_code", &more), server.http(), &time);
    assert_eq!(authorization(&connection).await, "Bearer one");
    time.advance(seconds(3600)).await;
    assert_eq!(authorization(&connection).await, "Bearer two");
}

// SYS-U9
#[tokio::test]
async fn a_switch_logs_token_requests_with_masked_values() {
    let ask = form(URL, &format!("grant_type=client_credentials&{PAIR}"));
    let (kept, time) = (Arc::new(Mutex::new(Vec::new())), TestClock::new());
    let server = Script::new().on(ask.clone(), grants("t0k-sent1nel")).on(ask, grants("t0k-sent1nel"));
    let own = Arc::clone(&kept);
    let log = RequestLog::new(move |exchange| own.lock().unwrap().push(exchange.clone()));
    let own = given("client_credentials", &[("client_auth", "body")]);
    let logged = builder(&generic(), &own, server.http(), &time).request_log(log).build().unwrap();
    authorization(&logged).await;
    authorization(&connect(&generic(), &own, server.http(), &time)).await;
    let all = kept.lock().unwrap();
    assert_eq!(all.len(), 1, "off by default");
    assert_eq!((all[0].method.as_str(), all[0].url.as_str(), all[0].status), ("POST", URL, Some(200)));
    assert_eq!(all[0].request_body, "grant_type=client_credentials&client_id=[masked]&client_secret=[masked]");
    assert!(!format!("{} {:?}", all[0], all[0]).contains("sent1nel"));
    assert!(!all[0].request_headers.is_empty() && all[0].response_body.contains("3600"));
}

// SYS-U10
#[tokio::test]
async fn other_services_wrap_the_token_request() {
    let expected = form(URL, &format!("grant_type=client_credentials&{PAIR}")).replace(
        "content-type: application/x-www-form-urlencoded\n",
        "content-type: application/x-www-form-urlencoded\nx-gateway-key: k3y\n",
    );
    let server = Script::new().on(expected, grants("t0k"));
    let inner = server.http();
    let wrapped = HttpClient::new(
        tower::ServiceBuilder::new()
            .map_request(|mut request: Request<bytes::Bytes>| {
                request.headers_mut().insert("x-gateway-key", HeaderValue::from_static("k3y"));
                request
            })
            .service(tower::service_fn(move |request| {
                let inner = inner.clone();
                async move { inner.send(request).await }
            })),
    );
    let own = given("client_credentials", &[("client_auth", "body")]);
    assert_eq!(authorization(&connect(&generic(), &own, wrapped, &TestClock::new())).await, "Bearer t0k");
}

// SYS-U11. The command and its page show what is here.
#[tokio::test]
async fn a_token_is_retrieved_now_or_the_error_is_the_providers() {
    let time = TestClock::new();
    let server = server(&time);
    let connection = at(&server, "client_credentials", &[], &time);
    assert_eq!(connection.tokens().unwrap().status().expires_at, None);
    connection.credential().await.unwrap();
    assert!(connection.tokens().unwrap().status().expires_at.is_some_and(|end| end > time.now()));
    assert!(
        !format!("{:?}", connection.response().unwrap())
            .contains(connection.response().unwrap().token().secret().expose_secret())
    );
    let wrong = connect(
        &generic(),
        &given("client_credentials", &[("client_secret", "wr0ng"), ("token_url", &server.token_url())]),
        server.http_client(),
        &time,
    );
    let error = wrong.credential().await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (TokenErrorKind::Misconfigured, Some(401)));
    assert!(error.to_string().contains("unknown client, wrong secret or wrong method"), "{error}");
}

// SYS-U12
#[tokio::test]
async fn the_token_goes_into_any_header_with_any_text_around_it() {
    for (placement, header) in [
        ("{ header = \"x-api-token\" }", "x-api-token: t0k"),
        ("{ header = \"x-auth\", value = \"Token {token}\" }", "x-auth: Token t0k"),
        ("{ header = \"authorization\", value = \"{token_prefix}{token}\" }", "authorization: Token t0k"),
    ] {
        let usual = "{ header = \"authorization\", value = \"{token_prefix}{token}\" }";
        let server = Script::new().on(form(URL, &format!("grant_type=client_credentials&{PAIR}")), grants("t0k"));
        let own = given("client_credentials", &[("token_prefix", "Token ")]);
        let connection = connect(&generic().replace(usual, placement), &own, server.http(), &TestClock::new());
        assert_eq!(api(&connection, "/").await, format!("GET https://api.test/\n{header}\n"));
    }
}

// The client's half of SYS-U13: several clients share one connection, and a token is had anew by hand. Names and edits are the store's.
#[tokio::test]
async fn several_clients_share_a_connection_and_its_token_is_retrieved_anew() {
    let ask = form(URL, &format!("grant_type=client_credentials&{PAIR}"));
    let server = Script::new().on(ask.clone(), grants("one")).on(ask, grants("two"));
    let first = connect(&generic(), &given("client_credentials", &[]), server.http(), &TestClock::new());
    let second = first.clone();
    assert_eq!((authorization(&first).await, authorization(&second).await), ("Bearer one".into(), "Bearer one".into()));
    let cache = first.tokens().unwrap();
    cache.invalidate(cache.current().await.unwrap().generation);
    assert_eq!((authorization(&second).await, authorization(&first).await), ("Bearer two".into(), "Bearer two".into()));
}

// The client's half of SYS-U14: it is known at once that nobody renews, when it ends, and then whose turn it is. Warnings are the page's.
#[tokio::test]
async fn a_login_without_a_refresh_token_is_known_to_end() {
    let time = TestClock::new();
    let without = TestClient::new("id", "s3cret").redirect_uri(CALLBACK).without_refresh_tokens();
    let server = AuthorizationServer::builder().client_with(without).clock(time.clock()).build().unwrap();
    let connection = at(&server, "interactive", &[], &time);
    sign_in(&server, &connection, &Consent::approve()).await.unwrap();
    assert!(!connection.renews_itself());
    let end = connection.tokens().unwrap().status().expires_at.unwrap();
    time.advance(end.duration_since(time.now()).unwrap()).await;
    assert_eq!(connection.credential().await.unwrap_err().class(), FailureClass::Refused);
    assert_eq!(server.request_count(Endpoint::Token), 1);
}

// SYS-U15
#[tokio::test]
async fn the_generic_file_needs_no_preset_and_a_preset_only_fills_it() {
    let server = Script::new()
        .on(form(URL, &format!("grant_type=client_credentials&{PAIR}")), grants("one"))
        .on(form("https://login.preset.test/token", &format!("grant_type=client_credentials&{PAIR}")), grants("two"));
    let time = TestClock::new();
    assert_eq!(
        authorization(&connect(&generic(), &given("client_credentials", &[]), server.http(), &time)).await,
        "Bearer one"
    );
    let parent = tower_auth_core::ProviderSpecs::from_folder(format!("{}/providers", crate::FOLDER)).unwrap();
    let preset = "id = \"preset\"\nextends = \"generic-oauth2\"\n[[auth]]\nkey = \"client_credentials\"\ntoken_url = \"https://login.preset.test/token\"";
    let spec = ProviderSpec::from_toml_beside(preset, &parent).unwrap_or_else(|errors| panic!("{errors}"));
    let own = [("auth", "client_credentials"), ("client_id", "id"), ("client_secret", "s3cret")];
    let filled = spec.fill(&values(&own)).unwrap_or_else(|errors| panic!("{errors}"));
    let connection = filled.connect().http_client(server.http()).clock(time.clock()).build().unwrap();
    assert_eq!(authorization(&connection).await, "Bearer two");
}
