//! Which requests get a credential, and which one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use http::{HeaderName, HeaderValue, Request, StatusCode};
use tower::{Layer, ServiceBuilder};
use tower_auth::core::{Basic, BoxError, ConfigErrorKind, Credential, Origin, TokenErrorKind};
use tower_auth::{AuthError, AuthErrorKind, AuthLayer, Credentials, ExistingCredential, RequestCredentials, SkipAuth};
use tower_auth_testing::TestClock;

use self::support::*;

const API: &str = "https://api.example.com";

fn auth_error(error: &BoxError) -> &AuthError {
    error.downcast_ref().unwrap()
}

// R6750-2a, R6750-2.1a, R9110-11.6.2a, SYS-A4, SYS-L5, SYS-V6
#[tokio::test]
async fn every_request_to_the_origin_gets_the_token_once() {
    let (time, api, source) = (TestClock::new(), Api::accepting(|_| true), Numbered::default());
    let mut client = AuthLayer::new(source.cache(&time), [API]).unwrap().layer(api.clone());
    for _ in 0..3 {
        let response = call(&mut client, request("https://api.example.com/x", full("b"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    for seen in api.seen() {
        assert_eq!(seen.authorization, ["Bearer token-1"]);
        assert!(seen.headers["authorization"].is_sensitive());
        assert_eq!((seen.headers["x-own"].to_str().unwrap(), &seen.body[..]), ("kept", &b"b"[..]));
    }
    assert_eq!(source.calls(), 1);
}

// THREAT-T1, THREAT-T2, R6749-10a, R7617-2.2a (the origin; a path within it is the selection function's business)
#[tokio::test]
async fn other_origins_get_nothing_and_pass() {
    let (time, api) = (TestClock::new(), Api::accepting(|_| true));
    let key = Credential::api_key(HeaderName::from_static("x-api-key"), "k").unwrap();
    for credentials in [Credentials::from(Numbered::default().cache(&time)), Credentials::from(key)] {
        let mut client = AuthLayer::new(credentials, [API]).unwrap().layer(api.clone());
        for uri in [
            "https://api.example.com.evil/",
            "https://api.example.com@evil/",
            "https://api.example.com:444/",
            "https://api.example.com./",
            "https://xapi.example.com/",
            "https://example.com/",
        ] {
            call(&mut client, request(uri, full(""))).await.unwrap();
        }
        call(&mut client, request("https://API.EXAMPLE.com:443/yes", full(""))).await.unwrap();
    }
    for seen in api.seen() {
        let got = !seen.authorization.is_empty() || seen.headers.contains_key("x-api-key");
        assert_eq!(got, seen.uri.contains("yes"), "{}", seen.uri);
    }
}

// THREAT-T3, R6750-5.3a, R7617-4a, SYS-A8
#[tokio::test]
async fn plain_http_is_an_error_before_any_send() {
    let (time, api, source) = (TestClock::new(), Api::accepting(|_| true), Numbered::default());
    let mut client = AuthLayer::new(source.cache(&time), [API]).unwrap().layer(api.clone());
    for uri in ["http://api.example.com/", "http://api.example.com:443/"] {
        let error = call(&mut client, request(uri, full(""))).await.unwrap_err();
        assert_eq!(auth_error(&error).kind(), AuthErrorKind::InsecureScheme);
        assert_eq!(
            error.to_string(),
            "the request was not sent because it goes by plain http where credentials go to https://api.example.com only \
             [auth.insecure_scheme]"
        );
    }
    assert!(api.seen().is_empty() && source.calls() == 0);

    let cache = source.cache(&time);
    let error = AuthLayer::new(&cache, ["http://mesh.internal"]).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::InsecureUrl);
    assert!(AuthLayer::new(&cache, ["http://localhost:8080"]).is_err(), "a name may resolve to anything");
    for origin in ["http://127.0.0.1:8080", "http://[::1]:8080"] {
        assert!(AuthLayer::new(&cache, [origin]).is_ok());
    }
    let mut mesh = AuthLayer::insecure_plaintext(&cache, ["http://mesh.internal"]).unwrap().layer(api.clone());
    call(&mut mesh, request("http://mesh.internal/", full(""))).await.unwrap();
    assert_eq!(api.tokens(), ["Bearer token-1"]);
}

// THREAT-T1
#[test]
fn an_empty_or_broken_set_of_origins_is_a_construction_error() {
    let credential = Credential::bearer("abc").unwrap();
    let none: [&str; 0] = [];
    assert_eq!(AuthLayer::new(credential.clone(), none).unwrap_err().kind(), ConfigErrorKind::InvalidOrigin);
    assert!(AuthLayer::new(credential.clone(), ["api.example.com"]).is_err());
    assert!(AuthLayer::new(credential, ["https://*.example.com/x"]).is_err());
}

#[test]
fn origins_are_given_as_text_or_ready_made() {
    let (credential, origin) = (Credential::bearer("abc").unwrap(), API.parse::<Origin>().unwrap());
    assert!(AuthLayer::new(credential.clone(), [origin.clone()]).is_ok());
    assert!(
        AuthLayer::new(credential, [API.to_owned()]).unwrap().and(Credential::bearer("d").unwrap(), [origin]).is_err()
    );
}

#[tokio::test]
async fn a_path_alone_goes_to_the_one_origin_and_is_refused_where_there_are_two() {
    let (time, api) = (TestClock::new(), Api::accepting(|_| true));
    let cache = Numbered::default().cache(&time);
    let mut one = AuthLayer::new(&cache, [API]).unwrap().layer(api.clone());
    call(&mut one, request("/package.Service/Method", full(""))).await.unwrap();
    assert_eq!(api.tokens(), ["Bearer token-1"]);

    let two = AuthLayer::new(&cache, [API, "https://other.example.com"]).unwrap();
    let also_two = AuthLayer::new(&cache, [API]).unwrap().and(&cache, ["https://other.example.com"]).unwrap();
    for layer in [two, also_two] {
        let error = call(&mut layer.layer(api.clone()), request("/path", full(""))).await.unwrap_err();
        assert_eq!(auth_error(&error).kind(), AuthErrorKind::UnknownOrigin);
    }
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn foreign_origins_are_refused_on_demand() {
    let api = Api::accepting(|_| true);
    let layer = AuthLayer::new(Credential::bearer("abc").unwrap(), [API]).unwrap().refuse_other_origins();
    let error =
        call(&mut layer.layer(api.clone()), request("https://evil.example.net/?q=1", full(""))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request was not sent because it goes to https://evil.example.net, and only these origins are allowed: \
         https://api.example.com [auth.foreign_origin]"
    );
    assert!(api.seen().is_empty());
}

// THREAT-T9
#[tokio::test]
async fn a_credential_of_the_callers_own_wins_or_is_an_error_and_never_stands_beside() {
    let (time, api, source) = (TestClock::new(), Api::accepting(|_| true), Numbered::default());
    let cold = || AuthLayer::new(source.cache(&time), [API]).unwrap();
    let own = || Request::get(API).header("Authorization", "Basic b3du").body(full("")).unwrap();
    let warm_cache = Numbered::default().cache(&time);
    warm_cache.ready().await.unwrap();
    let warm = || AuthLayer::new(&warm_cache, [API]).unwrap();
    for layer in [cold(), warm(), warm().without_recovery()] {
        call(&mut layer.clone().layer(api.clone()), own()).await.unwrap();
        let refusing = layer.clone().existing_credential(ExistingCredential::Refuse);
        let error = call(&mut refusing.layer(api.clone()), own()).await.unwrap_err();
        assert_eq!(auth_error(&error).kind(), AuthErrorKind::ExistingCredential);
    }
    assert_eq!(source.calls(), 0, "no token is fetched for a request that does not want one");
    for layer in [cold(), warm(), warm().without_recovery()] {
        let replacing = layer.existing_credential(ExistingCredential::Replace);
        call(&mut replacing.layer(api.clone()), own()).await.unwrap();
    }
    assert_eq!(api.tokens(), [["Basic b3du"; 3], ["Bearer token-1"; 3]].concat());
    assert!(api.seen().iter().all(|seen| seen.authorization.len() == 1));
}

// THREAT-T9
#[tokio::test]
async fn a_request_that_keeps_its_own_credential_keeps_all_of_its_fields() {
    let api = Api::accepting(|_| true);
    let cache = Numbered::default().cache(&TestClock::new());
    cache.ready().await.unwrap();
    let own = |fields: &[(&'static str, &'static str)]| {
        let mut request = request(API, full(""));
        for (name, value) in fields {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    };
    let cases: [&[_]; 3] = [
        &[("authorization", "Basic b3du"), ("x-a", "1")],
        &[("authorization", "Basic b3du"), ("x-a", "1"), ("x-a", "2")],
        &[("x-a", "1"), ("authorization", "Basic b3du"), ("authorization", "Bearer two")],
    ];
    for layer in [AuthLayer::new(&cache, [API]).unwrap(), AuthLayer::new(&cache, [API]).unwrap().without_recovery()] {
        for fields in cases {
            let mut expected = own(fields);
            call(&mut layer.layer(api.clone()), own(fields)).await.unwrap();
            let seen = api.seen().pop().unwrap();
            assert_eq!(&seen.headers, expected.headers_mut(), "{layer:?}");
            let order: Vec<_> = seen.headers.keys().cloned().collect();
            assert_eq!(order, expected.headers().keys().cloned().collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn extensions_skip_or_select_the_credential() {
    let api = Api::accepting(|_| true);
    let mut client = AuthLayer::new(Credential::bearer("default").unwrap(), [API]).unwrap().layer(api.clone());
    let mut skip = request(API, full(""));
    skip.extensions_mut().insert(SkipAuth);
    call(&mut client, skip).await.unwrap();
    for uri in [API, "https://evil.example.net"] {
        let mut other = request(uri, full(""));
        other.extensions_mut().insert(RequestCredentials(Credential::bearer("chosen").unwrap().into()));
        call(&mut client, other).await.unwrap();
    }
    call(&mut client, request(API, full(""))).await.unwrap();
    assert_eq!(api.tokens(), ["-", "Bearer chosen", "-", "Bearer default"]);
}

#[tokio::test]
async fn a_function_of_the_request_selects_and_no_key_is_an_error() {
    let api = Api::accepting(|_| true);
    let layer = AuthLayer::select(
        |parts| {
            let tenant = parts.headers.get("x-tenant")?.to_str().ok()?;
            Credential::bearer(format!("of-{tenant}")).ok().map(Credentials::from)
        },
        [API],
    )
    .unwrap();
    let mut client = layer.layer(api.clone());
    for tenant in ["a", "b"] {
        let mut chosen = request(API, full("body"));
        chosen.headers_mut().insert("x-tenant", tenant.parse().unwrap());
        call(&mut client, chosen).await.unwrap();
    }
    let error = call(&mut client, request(API, full(""))).await.unwrap_err();
    assert_eq!(auth_error(&error).kind(), AuthErrorKind::NoSelection);
    assert_eq!(api.tokens(), ["Bearer of-a", "Bearer of-b"]);
    assert!(layer.and(Credential::bearer("x").unwrap(), ["https://x.example.com"]).is_err());
}

#[tokio::test]
async fn several_apis_live_in_one_layer() {
    let (time, api) = (TestClock::new(), Api::accepting(|_| true));
    let pair = Basic::new("u", "p").unwrap();
    let layer = AuthLayer::new(Numbered::default().cache(&time), [API])
        .unwrap()
        .and(Credential::basic(&pair).unwrap(), ["https://b.example.com", "https://c.example.com"])
        .unwrap();
    let mut client = layer.clone().layer(api.clone());
    for uri in [API, "https://b.example.com/x", "https://c.example.com", "https://d.example.com"] {
        call(&mut client, request(uri, full(""))).await.unwrap();
    }
    assert_eq!(api.tokens(), ["Bearer token-1", "Basic dTpw", "Basic dTpw", "-"]);
    let error = layer.and(Credential::bearer("x").unwrap(), ["https://c.example.com"]).unwrap_err();
    assert_eq!(error.to_string(), "https://c.example.com has credentials already [config.invalid_origin]");
}

#[tokio::test]
async fn without_a_token_the_request_is_not_sent_and_the_error_says_why() {
    let (time, api) = (TestClock::new(), Api::accepting(|_| true));
    let cache = Numbered::default().fails_from(1).cache(&time);
    let mut client = ServiceBuilder::new().layer(AuthLayer::new(cache, [API]).unwrap()).service(api.clone());
    let error = call(&mut client, request(API, full(""))).await.unwrap_err();
    let reason = auth_error(&error).token_error().unwrap();
    assert_eq!(reason.kind(), TokenErrorKind::ServerError);
    assert!(reason.is_transient());
    assert_eq!(error.to_string(), "the request was not sent because no token could be had [auth.no_token]");
    assert_eq!(error.source().unwrap().to_string(), "the token endpoint answered 500 [token.server_error]");
    assert!(api.seen().is_empty());
}

// THREAT-L1
#[tokio::test]
async fn nothing_that_can_be_printed_shows_a_credential() {
    let time = TestClock::new();
    let cache = Numbered::default().cache(&time);
    cache.ready().await.unwrap();
    let layer =
        AuthLayer::new(&cache, [API]).unwrap().and(Credential::bearer("token-x").unwrap(), ["https://x.y"]).unwrap();
    let mut service = layer.clone().layer(Api::accepting(|_| true).challenge("x"));
    let future = tower::Service::call(&mut service, request(API, full("")));
    let extension = RequestCredentials(Credential::bearer("token-y").unwrap().into());
    let shown = format!("{layer:?} {service:?} {future:?} {extension:?} {cache:?} {:?}", cache.try_current());
    assert!(!shown.contains("token-"), "{shown}");
}
