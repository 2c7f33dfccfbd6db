//! Codes that a person confirms elsewhere (RFC 8628).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_auth_core::{
    BoxError, ConfigErrorKind, DeviceAuthorization, DeviceCode, DeviceLogin, HttpClient, TokenError, TokenErrorKind,
    TokenResponse, TransportError, TransportErrorKind,
};
use tower_auth_testing::{AuthorizationServer, AuthorizationServerBuilder, Consent, Quirk, TestClient, TestClock};

use super::endpoint::response;

const DEVICE_URL: &str = "https://login.example.com/device";
const TOKEN_URL: &str = "https://login.example.com/token";
const CODES: &str = r#"{"device_code":"dev-sentinel-0123456789","user_code":"WDJB-MJHT","verification_uri":"https://example.com/device",
    "verification_uri_complete":"https://example.com/device?user_code=WDJB-MJHT","expires_in":600,"interval":5}"#;
const PENDING: &str = r#"{"error":"authorization_pending"}"#;
const SLOW_DOWN: &str = r#"{"error":"slow_down"}"#;
const TOKEN: &str = r#"{"access_token":"t0k","token_type":"Bearer","expires_in":3600}"#;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What an endpoint does with one request.
enum Step {
    Answer(u16, &'static str),
    RetryAfter(u16, &'static str, &'static str),
    Lost,
    Unsent,
    Hang,
    /// Answers when it is told to.
    When(oneshot::Receiver<&'static str>),
}

use Step::{Answer, Hang, Lost, RetryAfter, Unsent, When};

/// An endpoint that follows a script, and at what second it was asked.
#[derive(Clone)]
struct Stage {
    time: TestClock,
    http: HttpClient,
    polls: Arc<Mutex<Vec<u64>>>,
}

impl Stage {
    fn new(codes: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        let time = TestClock::new();
        let (clock, begin) = (time.clock(), time.clock().now());
        let polls = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&polls);
        let steps = Arc::new(Mutex::new(steps.into_iter().collect::<VecDeque<_>>()));
        let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let step = if request.uri().path() == "/device" {
                Answer(200, codes)
            } else {
                log.lock().unwrap().push(clock.now().saturating_since(begin).as_secs());
                steps.lock().unwrap().pop_front().expect("a poll that the script does not expect")
            };
            async move {
                let broken = |kind, unsent| Err(BoxError::from(TransportError::new(kind, "x").unsent(unsent)));
                match step {
                    Answer(status, body) => Ok(response(status, "application/json", body)),
                    RetryAfter(status, wait, body) => {
                        let mut answer = response(status, "application/json", body);
                        answer.headers_mut().insert("retry-after", wait.parse().unwrap());
                        Ok(answer)
                    }
                    Lost => broken(TransportErrorKind::Protocol, false),
                    Unsent => broken(TransportErrorKind::Connect, true),
                    Hang => std::future::pending().await,
                    When(told) => Ok(response(200, "application/json", told.await?)),
                }
            }
        }));
        Self { time, http, polls }
    }

    fn login(&self) -> DeviceLogin {
        let code = DeviceCode::public(DEVICE_URL, TOKEN_URL, "tv").http_client(self.http.clone());
        code.clock(self.time.clock()).build().unwrap()
    }

    async fn start(&self) -> Arc<DeviceAuthorization> {
        Arc::new(self.login().start().await.unwrap())
    }

    fn polls(&self) -> Vec<u64> {
        self.polls.lock().unwrap().clone()
    }
}

fn waiting(authorization: &Arc<DeviceAuthorization>) -> JoinHandle<Result<TokenResponse, TokenError>> {
    let authorization = Arc::clone(authorization);
    tokio::spawn(async move { authorization.wait().await })
}

fn server(
    time: &TestClock,
    options: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> AuthorizationServer {
    let builder = AuthorizationServer::builder()
        .client_with(TestClient::public("tv").with_refresh_tokens())
        .client_with(TestClient::new("box", "box-secret"));
    options(builder.clock(time.clock())).build().unwrap()
}

fn at_server(server: &AuthorizationServer) -> DeviceCode {
    let code = DeviceCode::public(server.device_authorization_url(), server.token_url(), "tv");
    code.http_client(server.http_client()).clock(server.clock())
}

/// The seconds after `begin` at which the device polled.
fn polls_of(server: &AuthorizationServer, user_code: &str, begin: std::time::SystemTime) -> Vec<u64> {
    let polls = server.device_polls(user_code);
    polls.iter().map(|at| at.duration_since(begin).unwrap().as_secs()).collect()
}

// R8628-3.5a, R8628-3.5c, R8628-3.1a
#[tokio::test]
async fn the_interval_is_kept_until_the_person_has_decided() {
    let time = TestClock::new();
    let server = server(&time, |builder| builder.device_interval(secs(7)).device_lifetime(secs(900)));
    let begin = time.now();
    let login = at_server(&server).scopes(["read"]).authorization_param("tenant", "acme-corp").build().unwrap();
    let authorization = Arc::new(login.start().await.unwrap());
    assert_eq!((authorization.interval(), authorization.expires_in()), (secs(7), secs(900)));
    let wait = waiting(&authorization);
    time.advance(secs(25)).await;
    assert!(server.approve_device(authorization.user_code()));
    time.advance(secs(10)).await;
    let response = wait.await.unwrap().unwrap();
    assert!(response.refresh_token().is_some());
    assert_eq!(response.token().scope().unwrap().to_string(), "read");
    assert_eq!(polls_of(&server, authorization.user_code(), begin), [7, 14, 21, 28]);

    let requests = server.requests();
    let (first, poll) = (&requests[0], &requests[1]);
    assert_eq!((first.param("client_id"), first.param("scope")), (Some("tv"), Some("read")));
    assert_eq!(first.param("tenant"), Some("acme-corp"));
    assert!(first.header("authorization").is_none() && first.param("device_code").is_none());
    assert_eq!(poll.param("grant_type"), Some("urn:ietf:params:oauth:grant-type:device_code"));
    assert!(poll.param("device_code").is_some() && poll.param("client_id") == Some("tv"));
    assert!(poll.param("scope").is_none() && poll.param("tenant").is_none() && poll.param("client_secret").is_none());
}

// R8628-3.1a
#[tokio::test]
async fn a_confidential_client_proves_itself_at_both_endpoints() {
    let time = TestClock::new();
    let server = server(&time, |builder| builder);
    let (device, token) = (server.device_authorization_url(), server.token_url());
    let code = |secret: &str| {
        let code = DeviceCode::new(&device, &token, "box", secret);
        code.http_client(server.http_client()).clock(server.clock()).build().unwrap()
    };
    let error = code("wrong").start().await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Misconfigured, Some("invalid_client")));
    let authorization = Arc::new(code("box-secret").start().await.unwrap());
    let wait = waiting(&authorization);
    assert!(server.approve_device(authorization.user_code()));
    time.advance(secs(5)).await;
    wait.await.unwrap().unwrap();
    assert!(server.requests().iter().all(|request| request.header("authorization").is_some()));
    for (device, token) in [("http://a.example/d", TOKEN_URL), (DEVICE_URL, "http://a.example/t")] {
        let error = DeviceCode::public(device, token, "tv").http_client(server.http_client()).build().unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::InsecureUrl);
    }
}

// R8628-3.2a
#[tokio::test]
async fn a_server_without_an_interval_is_asked_every_five_seconds() {
    let time = TestClock::new();
    let server = server(&time, |builder| builder.quirk(Quirk::MissingInterval));
    let begin = time.now();
    let authorization = Arc::new(at_server(&server).build().unwrap().start().await.unwrap());
    assert_eq!(authorization.interval(), secs(5));
    let wait = waiting(&authorization);
    time.advance(secs(12)).await;
    assert!(server.approve_device(authorization.user_code()));
    time.advance(secs(5)).await;
    wait.await.unwrap().unwrap();
    assert_eq!(polls_of(&server, authorization.user_code(), begin), [5, 10, 15], "never too fast for the server");
}

// R8628-3.5b, THREAT-C6
#[tokio::test]
async fn slow_down_lasts() {
    let refused = |body| Answer(400, body);
    let stage = Stage::new(
        CODES,
        [
            refused(SLOW_DOWN),
            refused(PENDING),
            refused(PENDING),
            refused(SLOW_DOWN),
            refused(PENDING),
            Answer(200, TOKEN),
        ],
    );
    let wait = waiting(&stage.start().await);
    stage.time.advance(secs(200)).await;
    wait.await.unwrap().unwrap();
    assert_eq!(stage.polls(), [5, 15, 25, 35, 50, 65]);
}

// R8628-3.5c
#[tokio::test]
async fn an_error_is_told_by_its_code_whatever_the_status() {
    let stage = Stage::new(
        CODES,
        [
            Answer(200, PENDING),
            Answer(429, SLOW_DOWN),
            RetryAfter(403, "30", PENDING),
            Answer(500, PENDING),
            Answer(200, TOKEN),
        ],
    );
    let wait = waiting(&stage.start().await);
    stage.time.advance(secs(200)).await;
    wait.await.unwrap().unwrap();
    assert_eq!(stage.polls(), [5, 10, 20, 50, 60]);
}

// R8628-3.5d, THREAT-A4
#[tokio::test]
async fn what_gets_no_answer_is_tried_again_ever_more_slowly() {
    let stage = Stage::new(
        CODES,
        [
            Unsent,
            Lost,
            Answer(400, PENDING),
            Answer(502, "<html>"),
            RetryAfter(503, "60", ""),
            Answer(400, PENDING),
            Answer(200, TOKEN),
        ],
    );
    let wait = waiting(&stage.start().await);
    stage.time.advance(secs(300)).await;
    wait.await.unwrap().unwrap();
    assert_eq!(stage.polls(), [5, 15, 35, 40, 50, 110, 115]);

    // A connection that hangs is given up, and then twice the interval is waited, and four times.
    let stage = Stage::new(CODES, [Hang, Hang, Answer(200, TOKEN)]);
    let wait = waiting(&stage.start().await);
    stage.time.advance(secs(300)).await;
    wait.await.unwrap().unwrap();
    let polls = stage.polls();
    let [first, second, third] = polls[..] else { panic!("{polls:?}") };
    let limit = second - first - 10;
    assert!(limit > 0 && first == 5, "{polls:?}");
    assert_eq!(third - second, limit + 20, "{polls:?}");
}

// R8628-3.5c
#[tokio::test]
async fn every_other_error_stops() {
    for (status, body, code, kind) in [
        (400, r#"{"error":"access_denied"}"#, "access_denied", TokenErrorKind::Refused),
        (400, r#"{"error":"expired_token"}"#, "expired_token", TokenErrorKind::Refused),
        (400, r#"{"error":"invalid_grant"}"#, "invalid_grant", TokenErrorKind::Refused),
        (401, r#"{"error":"invalid_client"}"#, "invalid_client", TokenErrorKind::Misconfigured),
        (400, r#"{"error":"unsupported_grant_type"}"#, "unsupported_grant_type", TokenErrorKind::Misconfigured),
        (400, r#"{"error":"teapot"}"#, "teapot", TokenErrorKind::Refused),
    ] {
        let stage = Stage::new(CODES, [Answer(400, PENDING), Answer(status, body)]);
        let authorization = stage.start().await;
        let wait = waiting(&authorization);
        stage.time.advance(secs(600)).await;
        for error in [wait.await.unwrap().unwrap_err(), authorization.wait().await.unwrap_err()] {
            assert_eq!((error.kind(), error.oauth_error()), (kind, Some(code)));
        }
        assert_eq!(stage.polls(), [5, 10], "{code}");
    }
    // One that may pass stops as well; going on is the caller's choice.
    for body in [r#"{"error":"temporarily_unavailable"}"#, "{}"] {
        let stage = Stage::new(CODES, [Answer(200, body), Answer(200, TOKEN)]);
        let authorization = stage.start().await;
        let wait = waiting(&authorization);
        stage.time.advance(secs(60)).await;
        assert!(wait.await.unwrap().unwrap_err().is_transient());
        assert_eq!(stage.polls(), [5]);
        assert_eq!(authorization.wait().await.unwrap().token().secret().expose_secret(), "t0k");
    }
}

// R8628-3.5c
#[tokio::test]
async fn a_person_who_says_no_and_a_code_that_ends_are_told_apart() {
    let time = TestClock::new();
    let server = server(&time, |builder| builder);
    let login = at_server(&server).build().unwrap();
    let deny = |code: &str| server.deny_device(code);
    let expire = |code: &str| server.expire_device(code);
    let other = |code: &str| server.decide_device(code, &Consent::error("consent_required"));
    for (decide, expected) in
        [(&deny as &dyn Fn(&str) -> bool, "access_denied"), (&expire, "expired_token"), (&other, "consent_required")]
    {
        let authorization = Arc::new(login.start().await.unwrap());
        let wait = waiting(&authorization);
        assert!(decide(authorization.user_code()));
        time.advance(secs(100)).await;
        let error = wait.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some(expected)));
        assert_eq!(server.device_polls(authorization.user_code()).len(), 1);
    }
}

// R8628-P1
#[tokio::test]
async fn waiting_ends_with_the_code_by_the_monotonic_clock() {
    let pending = || std::iter::repeat_with(|| Answer(400, PENDING));
    let codes =
        r#"{"device_code":"dev-sentinel","user_code":"A","verification_uri":"https://example.com/d","expires_in":23}"#;
    let stage = Stage::new(codes, pending().take(4));
    let authorization = stage.start().await;
    let wait = waiting(&authorization);
    stage.time.advance(secs(12)).await;
    // The time of day does not count.
    stage.time.wall_forward(secs(100_000));
    stage.time.wall_back(secs(500_000));
    assert_eq!(authorization.expires_in(), secs(11));
    stage.time.advance(secs(9)).await;
    let error = wait.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Refused, Some("expired_token")));
    assert!(error.to_string().contains("nobody confirmed the code of login.example.com in time"), "{error}");
    assert_eq!(authorization.wait().await.unwrap_err().oauth_error(), Some("expired_token"));
    assert_eq!(stage.polls(), [5, 10, 15, 20], "none at 25");

    // A poll that hangs does not outlast it, and the reason is below.
    let stage = Stage::new(codes, [Unsent, Hang]);
    let authorization = stage.start().await;
    let wait = waiting(&authorization);
    stage.time.advance(secs(22)).await;
    assert!(!wait.is_finished());
    stage.time.advance(secs(1)).await;
    let error = wait.await.unwrap().unwrap_err();
    assert!(authorization.is_expired() && error.oauth_error() == Some("expired_token"));
    let below = std::error::Error::source(&error).unwrap();
    assert!(below.to_string().contains("token.unreachable"), "{below}");
}

// R8628-P1
#[tokio::test]
async fn waiting_may_be_dropped_and_goes_on_at_its_pace() {
    let (tell, told) = oneshot::channel();
    let stage = Stage::new(CODES, [Answer(400, SLOW_DOWN), When(told)]);
    let authorization = stage.start().await;
    for _ in 0..12 {
        let wait = waiting(&authorization);
        stage.time.advance(secs(1)).await;
        wait.abort();
    }
    assert_eq!(stage.polls(), [5]);
    // The second poll is on its way when it is dropped.
    let wait = waiting(&authorization);
    stage.time.advance(secs(3)).await;
    assert_eq!(stage.polls(), [5, 15]);
    wait.abort();
    assert!(wait.await.unwrap_err().is_cancelled());
    tell.send(TOKEN).unwrap();
    let response = authorization.wait().await.unwrap();
    assert_eq!(response.token().secret().expose_secret(), "t0k");
    assert_eq!(stage.polls(), [5, 15], "no second poll for the same answer");
}

// R8628-3.5a
#[tokio::test]
async fn there_is_one_poll_at_a_time_whoever_waits() {
    let stage = Stage::new(CODES, [Hang, Answer(400, PENDING), Answer(400, PENDING), Answer(200, TOKEN)]);
    let authorization = stage.start().await;
    let waits: Vec<_> = (0..5).map(|_| waiting(&authorization)).collect();
    stage.time.advance(secs(14)).await;
    assert_eq!(stage.polls(), [5], "nobody polls beside the one that hangs");
    stage.time.advance(secs(200)).await;
    let mut given = 0;
    for wait in waits {
        match wait.await.unwrap() {
            Ok(_) => given += 1,
            Err(error) => assert!(error.to_string().contains("were given out before"), "{error}"),
        }
    }
    let polls = stage.polls();
    assert_eq!((given, polls.len()), (1, 4));
    assert!(polls.windows(2).all(|pair| pair[1] - pair[0] >= 5), "{polls:?}");
}

// R8628-3.3a, THREAT-C6
#[tokio::test]
async fn the_person_sees_the_code_and_the_domain() {
    let stage = Stage::new(CODES, [Answer(200, TOKEN)]);
    let shown = Arc::new(Mutex::new(String::new()));
    let (seen, login) = (Arc::clone(&shown), stage.login());
    let wait =
        tokio::spawn(async move { login.login(|authorization| *seen.lock().unwrap() = authorization.prompt()).await });
    stage.time.advance(secs(5)).await;
    wait.await.unwrap().unwrap();
    assert_eq!(
        *shown.lock().unwrap(),
        "Open https://example.com/device and enter the code WDJB-MJHT\n\
         Or open https://example.com/device?user_code=WDJB-MJHT and compare the code.\n\
         Do so only if you began this yourself, and only if the browser shows example.com."
    );
    let authorization = stage.start().await;
    assert_eq!((authorization.user_code(), authorization.domain()), ("WDJB-MJHT", "example.com"));
}

// R8628-P1, THREAT-L2
#[tokio::test]
async fn the_device_code_is_never_shown() {
    let told = r#"{"error":"invalid_grant","error_description":"dev-sentinel-0123456789 is gone"}"#;
    let stage = Stage::new(CODES, [Answer(400, told)]);
    let login = stage.login();
    let authorization = Arc::new(login.start().await.unwrap());
    let wait = waiting(&authorization);
    stage.time.advance(secs(5)).await;
    let error = wait.await.unwrap().unwrap_err();
    let shown = format!("{authorization:?} {login:?} {error} {error:?} {}", authorization.prompt());
    assert!(!shown.contains("sentinel"), "{shown}");
    assert!(shown.contains("[redacted] is gone"), "{shown}");
    assert!(!format!("{authorization:?}").contains("MJHT"), "a log must not be enough to confirm the code");
}

#[tokio::test]
async fn the_grant_is_kept_alive_by_its_refresh_token() {
    let time = TestClock::new();
    let server = server(&time, |builder| builder);
    let login = at_server(&server).scopes(["read"]).build().unwrap();
    let authorization = Arc::new(login.start().await.unwrap());
    assert!(server.approve_device(authorization.user_code()));
    let wait = waiting(&authorization);
    time.advance(secs(5)).await;
    let cache = login.keep_alive(wait.await.unwrap().unwrap()).cache_builder().build().unwrap();
    let first = cache.token().await.unwrap();
    let before = server.token_requests();
    let generation = cache.current().await.unwrap().generation;
    let _ = cache.invalidate(generation);
    assert_ne!(cache.token().await.unwrap().secret(), first.secret());
    assert_eq!(server.token_requests(), before + 1);
    assert_eq!(server.requests().last().unwrap().param("grant_type"), Some("refresh_token"));
}

#[tokio::test]
async fn no_parameter_is_sent_twice() {
    let code = || DeviceCode::public(DEVICE_URL, TOKEN_URL, "tv").http_client(Stage::new(CODES, []).http);
    for bad in [
        code().param("device_code", "x"),
        code().authorization_param("scope", "x"),
        code().authorization_param("client_id", "x"),
        code().authorization_param("a", "x").authorization_param("a", "y"),
        code().authorization_param("", "x"),
        code().audience("x").authorization_param("audience", "y"),
        code().resource("urn:a").param("resource", "urn:b"),
    ] {
        assert_eq!(bad.build().unwrap_err().kind(), ConfigErrorKind::InvalidOption);
    }
    let error =
        DeviceCode::over(tower_auth_core::OAuthClient::builder("tv").token_endpoint(TOKEN_URL).secret("s3cret"));
    let error = error.http_client(Stage::new(CODES, []).http).build().unwrap().start().await.unwrap_err();
    assert!(error.to_string().contains("device authorization endpoint is not known"), "{error}");
}
