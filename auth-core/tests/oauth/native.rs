//! The loopback flow of native apps, over real sockets of this machine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_auth_core::{
    AuthorizationError, AuthorizationErrorKind, ClientAuth, NativeLogin, OAuthClient, TokenResponse,
    open_system_browser,
};
use tower_auth_testing::TestClock;

use super::endpoint::Endpoint;

/// A login that waits for its user.
struct Waiting {
    login: JoinHandle<Result<TokenResponse, AuthorizationError>>,
    endpoint: Endpoint,
    /// `127.0.0.1:port`.
    authority: String,
    redirect_uri: String,
    state: String,
    time: TestClock,
}

fn client(endpoint: &Endpoint, time: &TestClock) -> OAuthClient {
    OAuthClient::builder("cli")
        .client_auth(ClientAuth::None)
        .authorization_endpoint("https://login.example.com/authorize")
        .token_endpoint("https://login.example.com/token")
        .http_client(endpoint.http.clone())
        .clock(time.clock())
        .build()
        .unwrap()
}

fn parameter(url: &Uri, name: &str) -> String {
    let find = |pair: &str| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
    let encoded = url.query().unwrap().split('&').find_map(find).unwrap();
    encoded.replace("%3A", ":").replace("%2F", "/").replace("%5B", "[").replace("%5D", "]")
}

async fn begin_with(change: impl FnOnce(NativeLogin) -> NativeLogin) -> Waiting {
    let (endpoint, time) = (Endpoint::granting(), TestClock::new());
    let (sender, shown) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let login = NativeLogin::new(&client(&endpoint, &time), move |url| {
        sender.lock().unwrap().take().unwrap().send(url.clone()).map_err(|_| "nobody looks".into())
    });
    let login = change(login);
    let login = tokio::spawn(async move { login.login().await });
    let url = shown.await.unwrap();
    let redirect_uri = parameter(&url, "redirect_uri");
    let authority = redirect_uri.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    Waiting { login, endpoint, authority, redirect_uri, state: parameter(&url, "state"), time }
}

async fn begin() -> Waiting {
    begin_with(|login| login).await
}

impl Waiting {
    fn target(&self) -> String {
        format!("/callback?code=c0de&state={}", self.state)
    }

    /// What the browser sends.
    fn good(&self) -> String {
        format!("GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\n\r\n", self.target(), self.authority)
    }

    async fn send(&self, request: &str) -> String {
        send(&self.authority, request).await
    }

    async fn finish(self) -> Result<TokenResponse, AuthorizationError> {
        self.login.await.unwrap()
    }
}

async fn send(authority: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

// R8252-7.3a, R8252-7.3b, R8252-6a, R8252-P1, R8252-8.9a
#[tokio::test]
async fn one_answer_ends_the_login_and_closes_the_port() {
    let waiting = begin().await;
    let (authority, endpoint) = (waiting.authority.clone(), waiting.endpoint.clone());
    let (host, port) = authority.rsplit_once(':').unwrap();
    assert!(host == "127.0.0.1" && port.parse::<u16>().unwrap() > 1023, "{authority}");
    assert_eq!(waiting.redirect_uri, format!("http://{authority}/callback"));
    assert_eq!(waiting.state.len(), 43);
    let answer = waiting.send(&waiting.good()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for header in [
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "content-type: text/html; charset=utf-8",
        "connection: close",
    ] {
        assert!(answer.contains(&format!("\r\n{header}")), "{header}: {answer}");
    }
    assert!(answer.contains("<html lang=\"en\">") && answer.contains("<title>You can close this window</title>"));
    assert!(!answer.contains("c0de") && !answer.contains(&waiting.state), "nothing of the request is on the page");
    let redirect_uri = waiting.redirect_uri.clone();
    waiting.finish().await.unwrap();
    let sent = endpoint.only_request();
    let sent = std::str::from_utf8(sent.body()).unwrap();
    assert!(sent.contains("code=c0de") && sent.contains("code_verifier="), "{sent}");
    assert_eq!(parameter(&format!("https://a/?{sent}").parse().unwrap(), "redirect_uri"), redirect_uri);
    assert!(TcpStream::connect(&authority).await.is_err(), "the port is closed");
}

// R8252-P1, THREAT-C5
#[tokio::test]
async fn whatever_is_not_the_answer_is_404_and_the_login_goes_on() {
    let waiting = begin().await;
    let (authority, state) = (&waiting.authority, &waiting.state);
    let port = authority.rsplit_once(':').unwrap().1;
    let request = |line: &str, host: &str| format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let target = waiting.target();
    for noise in [
        // A page whose name resolves to this machine.
        request(&format!("GET {target}"), &format!("evil.example:{port}")),
        request(&format!("GET {target}"), &format!("localhost:{port}")),
        request(&format!("GET {target}"), "127.0.0.1"),
        request(&format!("GET {target}"), &format!("{authority}.")),
        request(&format!("GET http://{authority}{target}"), authority),
        format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nHost: {authority}\r\n\r\n"),
        format!("GET {target} HTTP/1.0\r\n\r\n"),
        // Other paths.
        request(&format!("GET /Callback?code=c&state={state}"), authority),
        request(&format!("GET /callback/?code=c&state={state}"), authority),
        request(&format!("GET //callback?code=c&state={state}"), authority),
        request(&format!("GET /x/../callback?code=c&state={state}"), authority),
        request(&format!("GET /%63allback?code=c&state={state}"), authority),
        request("GET /favicon.ico", authority),
        // Other methods.
        request(&format!("HEAD {target}"), authority),
        request(&format!("OPTIONS {target}"), authority),
        format!("POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\n\r\n"),
        // Without the state of this login, once.
        request("GET /callback", authority),
        request("GET /callback?code=c", authority),
        request("GET /callback?code=c&state=", authority),
        request("GET /callback?code=c&state=guess", authority),
        request("GET /callback?error=access_denied&state=guess", authority),
        request(&format!("GET {target}&state={state}"), authority),
        request(&format!("GET {target}&code=other"), authority),
    ] {
        let answer = waiting.send(&noise).await;
        assert!(answer.starts_with("HTTP/1.") && answer[9..].starts_with("404"), "{noise}: {answer}");
        assert!(!answer.contains(state.as_str()));
    }
    for broken in ["\r\n\r\n", "hello\r\n\r\n", "GET /callback HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}"] {
        let mut stream = TcpStream::connect(authority).await.unwrap();
        stream.write_all(broken.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    let huge = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert!(!waiting.send(&huge).await.contains("200 OK"));
    assert!(!waiting.login.is_finished() && waiting.endpoint.seen().is_empty());

    assert!(waiting.send(&waiting.good()).await.contains("200 OK"));
    let endpoint = waiting.endpoint.clone();
    waiting.finish().await.unwrap();
    endpoint.only_request();
}

// THREAT-C5, R8252-P1
#[tokio::test]
async fn those_who_send_nothing_or_noise_do_not_keep_the_answer_out() {
    let waiting = begin().await;
    let mut slow = Vec::new();
    for index in 0..200 {
        let mut stream = TcpStream::connect(&waiting.authority).await.unwrap();
        let _ = stream.write_all(format!("GET /callback?n={index}").as_bytes()).await;
        slow.push(stream);
    }
    let noise: Vec<_> = (0..50)
        .map(|index| {
            let authority = waiting.authority.clone();
            let state = format!("guess-{index}");
            tokio::spawn(async move {
                let request = format!("GET /callback?code=x&state={state} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
                send(&authority, &request).await
            })
        })
        .collect();
    assert!(waiting.send(&waiting.good()).await.contains("200 OK"));
    let endpoint = waiting.endpoint.clone();
    waiting.finish().await.unwrap();
    assert!(std::str::from_utf8(endpoint.only_request().body()).unwrap().contains("code=c0de"));
    for task in noise {
        task.abort();
    }
}

// THREAT-C5
#[tokio::test]
async fn a_connection_that_sends_nothing_is_closed_in_time() {
    let waiting = begin().await;
    let mut slow = TcpStream::connect(&waiting.authority).await.unwrap();
    slow.write_all(b"GET /callback?").await.unwrap();
    // The port's task has to accept it first, which takes real time.
    let mut byte = [0];
    loop {
        let read = tokio::time::timeout(Duration::from_millis(20), slow.read(&mut byte)).await;
        match read {
            Ok(end) => break assert!(matches!(end, Ok(0) | Err(_)), "{end:?}"),
            Err(_) => waiting.time.advance(Duration::from_secs(10)).await,
        }
    }
    assert!(!waiting.login.is_finished(), "the login has five minutes");
}

// R8252-7.3b, THREAT-C5
#[tokio::test]
async fn a_login_ends_after_its_time_and_with_its_future() {
    let waiting = begin_with(|login| login.timeout(Duration::from_secs(60))).await;
    let (authority, time, endpoint) = (waiting.authority.clone(), waiting.time.clone(), waiting.endpoint.clone());
    time.advance(Duration::from_secs(59)).await;
    assert!(!waiting.login.is_finished());
    time.advance(Duration::from_secs(1)).await;
    let error = waiting.finish().await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (AuthorizationErrorKind::TimedOut, true));
    assert!(TcpStream::connect(&authority).await.is_err());
    assert!(endpoint.seen().is_empty());

    let waiting = begin().await;
    waiting.login.abort();
    let authority = waiting.authority.clone();
    assert!(waiting.login.await.unwrap_err().is_cancelled());
    assert!(TcpStream::connect(&authority).await.is_err());
}

// R8252-8.9a, R8252-P1
#[tokio::test]
async fn an_error_of_the_server_ends_the_login_too() {
    let waiting = begin().await;
    let answer = waiting
        .send(&format!(
            "GET /callback?error=access_denied&error_description=%3Cscript%3E&state={} HTTP/1.1\r\nHost: {}\r\n\r\n",
            waiting.state, waiting.authority
        ))
        .await;
    assert!(answer.contains("200 OK") && answer.contains("Access was not granted"), "{answer}");
    assert!(!answer.contains("script"));
    assert_eq!(waiting.finish().await.unwrap_err().kind(), AuthorizationErrorKind::Denied);
}

// R8252-6a
#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_is_opened() {
    let (endpoint, time) = (Endpoint::granting(), TestClock::new());
    let client = client(&endpoint, &time);
    let shown = Arc::new(Mutex::new(0));
    let count = Arc::clone(&shown);
    let login = NativeLogin::new(&client, move |_| {
        *count.lock().unwrap() += 1;
        Err("no screen".into())
    });
    for bad in ["callback", "", "/call back", "/callback?x=1", "/callback#x", "/../x", "/a/./b", "/%63", "/\u{e4}"] {
        let error = login.clone().path(bad).login().await.unwrap_err();
        assert_eq!(error.kind(), AuthorizationErrorKind::Misconfigured, "{bad}");
    }
    let without = login.clone().configure(tower_auth_core::AuthorizationRequest::without_pkce);
    assert_eq!(without.login().await.unwrap_err().kind(), AuthorizationErrorKind::Misconfigured);
    let zero = login.clone().timeout(Duration::ZERO);
    assert_eq!(zero.login().await.unwrap_err().kind(), AuthorizationErrorKind::Misconfigured);
    assert_eq!(*shown.lock().unwrap(), 0);
    assert_eq!(login.login().await.unwrap_err().kind(), AuthorizationErrorKind::BrowserFailed);

    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    // Nobody holds the same port of `[::1]`, which is the second choice where this machine has it.
    let second = tokio::net::TcpListener::bind(("::1", port)).await;
    let error = login.port(port).login().await.unwrap_err();
    assert_eq!(error.kind(), AuthorizationErrorKind::CannotListen, "{second:?}");
}

// R8252-7.3a
#[tokio::test]
async fn the_other_family_is_taken_where_the_first_is_not_to_be_had() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    if tokio::net::TcpListener::bind(("::1", 0)).await.is_err() {
        assert!(!cfg!(target_os = "linux") || !std::path::Path::new("/proc/net/if_inet6").exists());
        return;
    }
    let waiting = begin_with(|login| login.port(port)).await;
    assert_eq!(waiting.redirect_uri, format!("http://[::1]:{port}/callback"));
    assert!(waiting.send(&waiting.good()).await.contains("200 OK"));
    waiting.finish().await.unwrap();
}

// THREAT-L1
#[tokio::test]
async fn the_login_can_be_shown() {
    let client = client(&Endpoint::granting(), &TestClock::new());
    let login = NativeLogin::new(&client, open_system_browser).scopes(["a"]).path("/callback/acme");
    assert!(format!("{login:?}").contains("/callback/acme"));
}
