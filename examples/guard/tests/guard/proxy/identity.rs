use axum::body::Body;
use axum::http::{HeaderName, Request, Version};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower_auth_testing::AuthorizationServer;

use crate::support::{BASIC, Guard, USER, Upstream, bearer, callers};

const SERVER: &str = "[server]\nallow_plaintext_issuer = true\n";

/// What an attacker may write for an identity header.
const SPOOFED: &[&str] = &[
    "X-Auth-Subject",
    "x-auth-subject",
    "X_AUTH_SUBJECT",
    "x_auth-subject",
    "x-auth.subject",
    "x-auth~subject",
    "X-Auth-Issuer",
    "x_auth_roles",
    "X-Auth-Scope",
    "X-Auth-Claims",
    "x-who",
    "X_Who",
    "X-Forwarded-User",
    "x_forwarded_email",
    "Remote-User",
    "remote_user",
    "X-Extra",
    "x_extra",
    "Client-Cert",
];

// THREAT-T8
#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_is_told_who_calls_by_guard_alone() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let upstream = Upstream::start().await;
    let more = "remove = [\"X-Extra\"]\n[upstream.identity]\nmethod = \"X-Who\"\nclaims = \"X-Auth-Claims\"\nclaim = { X-Tenant = \"/org/tenant\" }";
    let guard = Guard::start(&format!("{}{SERVER}{}", callers(&server.issuer()), upstream.section(more)));
    let token = server
        .mint()
        .audience("orders")
        .subject("Jürgen %41, b")
        .client_id("app")
        .scopes(["a", "b:c"])
        .claim("roles", &["x", "y,z"])
        .claim("org", &serde_json::json!({ "tenant": "t1" }))
        .sign();
    for name in SPOOFED {
        let spoofed = format!("{name}: root\r\n{}{name}: admin\r\n", bearer(&token));
        assert_eq!(guard.get("/orders?x=1", &spoofed).status, 200, "{name}");
    }
    for seen in upstream.seen() {
        assert_eq!(seen.line, "GET /orders?x=1 HTTP/1.1");
        assert_eq!(seen.values("x-auth-subject"), ["J%C3%BCrgen%20%2541,%20b"]);
        assert_eq!(seen.values("x-auth-issuer"), [server.issuer()]);
        assert_eq!(seen.values("x-auth-client"), ["app"]);
        assert_eq!(seen.values("x-auth-scope"), ["a b:c"]);
        assert_eq!(seen.values("x-auth-roles"), ["x,y%2Cz"]);
        assert_eq!(seen.values("x-who"), ["jwt"]);
        assert_eq!(seen.values("x-tenant"), ["t1"]);
        let claims: serde_json::Value = serde_json::from_str(seen.values("x-auth-claims")[0]).unwrap();
        assert_eq!(claims["sub"], "Jürgen %41, b");
        for (name, value) in &seen.headers {
            assert!(value != "root" && value != "admin", "{name}: {value}");
            assert!(!value.contains(&token), "the credential is for guard: {name}");
        }
    }
    assert_eq!(upstream.seen().len(), SPOOFED.len());
}

// THREAT-T8
#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_neither_kept_nor_lost_by_what_a_request_says_of_it() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("allow = [\"/public/\"]\n")));
    // Who asks for a header to be removed cannot mean the one that guard sets.
    let hop = "connection: close, x-auth-subject, x-auth-method\r\nx-auth-subject: root\r\n";
    assert_eq!(guard.send(&format!("GET /a HTTP/1.1\r\nhost: x\r\n{hop}{BASIC}\r\n")).status, 200);
    let seen = upstream.only();
    assert_eq!((seen.values("x-auth-subject"), seen.values("x-auth-method")), (vec!["a"], vec!["basic"]));
    assert_eq!(seen.values("x-auth-issuer"), Vec::<&str>::new(), "what is not known is not told");
    assert_eq!(seen.values("authorization"), Vec::<&str>::new());

    // Without a caller nobody is one.
    assert_eq!(guard.get("/public/a", "x-auth-subject: root\r\nx_auth_issuer: me\r\n").status, 200);
    let seen = upstream.seen().remove(1);
    assert!(!seen.headers.iter().any(|(name, _)| name.contains("auth")), "{seen:?}");
}

// THREAT-T8
#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_are_refused_in_both_orders_and_versions_of_http() {
    let server = AuthorizationServer::builder().build().unwrap();
    let _listening = server.listen().await.unwrap();
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{}{SERVER}{}", callers(&server.issuer()), upstream.section("")));
    let good = format!("Bearer {}", server.mint().audience("orders").sign());
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let lines = |first: &str, second: &str| {
        let (first, second) = (first.to_owned(), second.to_owned());
        [("authorization", first), ("Authorization", second)]
    };
    for pair in [lines(&good, "Bearer x"), lines("Basic YTpi", &good), lines(&good, &good)] {
        let text: String = pair.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        assert_eq!(guard.get("/a", &text).status, 400, "{text}");
        let mut request = Request::get(format!("http://{}/a", guard.http)).body(Body::empty()).unwrap();
        for (_, value) in &pair {
            request.headers_mut().append("authorization", value.parse().unwrap());
        }
        *request.version_mut() = Version::HTTP_2;
        assert_eq!(client.request(request).await.unwrap().status(), 400, "{text}");
    }
    assert!(upstream.seen().is_empty());

    // One by another name is none, and does not get through either: not even where the credential does.
    for more in ["", "keep_credential = true\n"] {
        let upstream = Upstream::start().await;
        let guard = Guard::start(&format!("{}{SERVER}{}", callers(&server.issuer()), upstream.section(more)));
        assert_eq!(guard.get("/a", &format!("X_API_Key: stolen\r\nx-api.key: stolen\r\n{BASIC}")).status, 200);
        let seen = upstream.only();
        assert!(!seen.headers.iter().any(|(name, _)| name.contains("api")), "{seen:?}");
    }
}

// THREAT-T8
#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_cleaned_as_http_1_is() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("")));
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut request = Request::get(format!("http://{}/a", guard.http)).body(Body::empty()).unwrap();
    *request.version_mut() = Version::HTTP_2;
    for name in SPOOFED {
        let name = HeaderName::from_bytes(name.to_lowercase().as_bytes()).unwrap();
        request.headers_mut().append(name, "root".parse().unwrap());
    }
    for (name, value) in [("authorization", "Basic YTpi"), ("cookie", "a=1"), ("cookie", "b=2")] {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    assert_eq!(client.request(request).await.unwrap().status(), 200);
    let seen = upstream.only();
    assert_eq!((seen.values("x-auth-subject"), seen.values("cookie")), (vec!["a"], vec!["a=1; b=2"]));
    let mut left: Vec<_> =
        seen.headers.iter().filter(|(_, value)| value == "root").map(|(name, _)| name.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["x-extra", "x-who", "x_extra", "x_who"], "what nobody was told of is the upstream's own matter");
}

// THREAT-T8
#[tokio::test(flavor = "multi_thread")]
async fn trailers_are_cleaned_as_headers_are() {
    let upstream = Upstream::start().await;
    let guard = Guard::start(&format!("{USER}{}", upstream.section("http2 = true\n")));
    let trailers = "X-Auth-Subject: root\r\nx_auth_issuer: root\r\nAuthorization: Bearer x\r\nx-sum: 1\r\n";
    let head = "POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n";
    let names = "trailer: x-auth-subject, x_auth_issuer, authorization, x-sum\r\n";
    let answer = guard.send(&format!("{head}{names}{BASIC}\r\n4\r\nbody\r\n0\r\n{trailers}\r\n"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = upstream.only();
    assert_eq!((seen.body.as_str(), seen.values("x-auth-subject")), ("body", vec!["a"]));
    assert_eq!(seen.trailers, [("x-sum".to_owned(), "1".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credential_is_kept_on_request_and_headers_are_left_out_by_choice() {
    let upstream = Upstream::start().await;
    let more = "keep_credential = true\n[upstream.identity]\nsubject = false\nclaims_base64 = \"X-Claims\"\n";
    let guard = Guard::start(&format!("{USER}{}", upstream.section(more)));
    assert_eq!(guard.get("/a", &format!("{BASIC}X-Auth-Subject: root\r\n")).status, 200);
    let seen = upstream.only();
    assert_eq!((seen.values("authorization"), seen.values("x-claims")), (vec!["Basic YTpi"], vec!["e30"]));
    assert_eq!(seen.values("x-auth-subject"), Vec::<&str>::new(), "nobody else sets it then");
}

// THREAT-T10
#[tokio::test(flavor = "multi_thread")]
async fn the_way_is_told_anew_and_the_host_by_configuration() {
    let upstream = Upstream::start().await;
    let spoofed = "x-forwarded-for: 8.8.8.8\r\nX_Forwarded_For: 8.8.8.8\r\nx-forwarded-host: evil.example\r\n\
                   x-forwarded-proto: https\r\nforwarded: for=8.8.8.8;host=evil.example\r\nx-real-ip: 8.8.8.8\r\n\
                   x-original-url: /admin\r\n";
    let guard = Guard::start(&format!("{USER}{}", upstream.section("")));
    let send = |guard: &Guard| {
        let head = "GET /a HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\nvia: 1.0 fred\r\n";
        guard.send(&format!("{head}{spoofed}{BASIC}\r\n")).status
    };
    assert_eq!(send(&guard), 200);
    let seen = upstream.only();
    assert_eq!(seen.values("host"), [upstream.address.as_str()]);
    assert_eq!(seen.values("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.values("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.values("forwarded"), ["for=127.0.0.1;proto=http"]);
    assert_eq!(seen.values("via"), ["1.0 fred", "1.1 guard"]);
    let text = format!("{seen:?}");
    assert!(!text.contains("evil") && !text.contains("8.8.8.8") && !text.contains("/admin"), "{text}");

    let upstream = Upstream::start().await;
    let server = "[server]\npublic_url = \"https://api.example.com\"\n";
    let guard = Guard::start(&format!("{USER}{server}{}", upstream.section("host = \"orders.internal\"")));
    assert_eq!(send(&guard), 200);
    let seen = upstream.only();
    assert_eq!(seen.values("host"), ["orders.internal"]);
    assert_eq!(seen.values("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.values("x-forwarded-host"), ["api.example.com"]);
    assert_eq!(seen.values("forwarded"), ["for=127.0.0.1;proto=https;host=\"api.example.com\""]);
}
