//! Device authorization answers that no honest server gives.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{BoxError, DeviceAuthorization, DeviceCode, HttpClient, TokenError, TokenErrorKind};
use tower_auth_testing::TestClock;

/// What is made of `body`.
async fn start(body: impl Into<Bytes>) -> Result<DeviceAuthorization, TokenError> {
    let body = body.into();
    let http = HttpClient::new(tower::service_fn(move |_: Request<Bytes>| {
        std::future::ready(Ok::<_, BoxError>(Response::new(body.clone())))
    }));
    let code = DeviceCode::public("https://login.example.com/device", "https://login.example.com/token", "tv");
    code.http_client(http).clock(TestClock::new().clock()).build().unwrap().start().await
}

/// A good answer in which `member` is `json`; without it if that is empty.
fn with(member: &str, json: &str) -> String {
    let mut members = vec![
        ("device_code", r#""dev-sentinel""#),
        ("user_code", r#""WDJB""#),
        ("verification_uri", r#""https://example.com/device""#),
        ("expires_in", "600"),
        ("interval", "5"),
    ];
    members.retain(|(name, _)| *name != member);
    if !json.is_empty() {
        members.push((member, json));
    }
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

// R8628-3.2a, THREAT-C6
#[tokio::test]
async fn what_a_login_needs_must_be_there_and_fit_to_be_shown() {
    assert!(start(with("x", "1")).await.is_ok());
    let long = format!("\"{}\"", "A".repeat(65));
    for (member, bad, why) in [
        ("device_code", "", "no device_code"),
        ("device_code", "\"\"", "no device_code"),
        ("device_code", "7", "no device_code"),
        ("user_code", "", "no user_code"),
        ("user_code", "null", "no user_code"),
        ("user_code", r#""A\r\nB""#, "a user_code that nobody can type"),
        ("user_code", r#""A\u001b[2J""#, "a user_code that nobody can type"),
        ("user_code", r#""\u202eA""#, "a user_code that nobody can type"),
        ("user_code", &long, "a user_code that nobody can type"),
        ("verification_uri", "", "no verification_uri"),
        ("verification_uri", r#""http://example.com/device""#, "a verification_uri that is not https"),
        ("verification_uri", r#""javascript:alert(1)""#, "a verification_uri"),
        ("verification_uri", r#""https://a@evil.example/""#, "a verification_uri with user information"),
        ("verification_uri", r#""https://evil.example/\nhttps://example.com""#, "a verification_uri with a character"),
        ("expires_in", "", "no usable expires_in"),
        ("expires_in", "0", "no usable expires_in"),
        ("expires_in", "-1", "no usable expires_in"),
        ("expires_in", "\"soon\"", "no usable expires_in"),
    ] {
        let error = start(with(member, bad)).await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Unparsable, "{member} {bad}");
        let text = error.to_string();
        assert!(text.contains(&format!("answered with {why}")), "{text}");
        let shown = format!("{text} {error:?}");
        assert!(!shown.contains("evil") && !shown.contains("sentinel") && !shown.contains('\u{1b}'), "{shown}");
    }
}

// THREAT-C6
#[tokio::test]
async fn times_are_bounded() {
    let day = 86_400;
    for (written, expected) in
        [("600", 600), ("\"600\"", 600), ("1e400", day), ("18446744073709551616", day), ("86401", day), ("1.9", 1)]
    {
        let authorization = start(with("expires_in", written)).await.unwrap();
        assert_eq!(authorization.expires_in(), Duration::from_secs(expected), "{written}");
    }
    for written in ["", "null", "0", "-5", "\"x\"", "[]", "{}", "0.2", "-1e400"] {
        let authorization = start(with("interval", written)).await.unwrap();
        assert_eq!(authorization.interval(), Duration::from_secs(5), "{written}");
    }
    // An interval beyond the end of the code: nothing is asked, and nothing hangs.
    for written in ["1e400", "9223372036854775807", "600"] {
        let authorization = start(with("interval", written)).await.unwrap();
        assert_eq!(authorization.wait().await.unwrap_err().oauth_error(), Some("expired_token"), "{written}");
    }
}

// THREAT-C6
#[tokio::test]
async fn a_complete_uri_that_leads_elsewhere_is_not_shown() {
    let complete = async |json: &str| {
        let authorization = start(with("verification_uri_complete", json)).await.unwrap();
        authorization.verification_uri_complete().map(ToString::to_string)
    };
    let good = "https://EXAMPLE.com/d?user_code=WDJB";
    assert_eq!(complete(&format!("\"{good}\"")).await.as_deref(), Some(good));
    for bad in
        [r#""https://evil.example/d""#, r#""http://example.com/d""#, r#""https://example.com/\u0007""#, "7", "null"]
    {
        assert_eq!(complete(bad).await, None, "{bad}");
    }
}

#[tokio::test]
async fn what_servers_before_the_standard_wrote_is_understood() {
    let old =
        with("verification_uri", "").replace("interval", "verification_url\":\"https://example.com/old\",\"interval");
    assert_eq!(start(old).await.unwrap().verification_uri().path(), "/old");
    let error = start(r#"{"error":"unauthorized_client"}"#).await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Misconfigured, Some("unauthorized_client")));
    let html = start("<html>").await.unwrap_err();
    assert!(html.to_string().contains("HTML page"), "{html}");
}

// THREAT-A5, THREAT-C6
#[tokio::test]
async fn no_bytes_make_it_panic() {
    let base = with("verification_uri_complete", r#""https://example.com/d?c""#).into_bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut good, mut bad) = (0, 0);
    for _ in 0..5000 {
        let mut body = base.clone();
        for _ in 0..=random() % 3 {
            let at = usize::try_from(random()).unwrap() % body.len();
            body[at] = random().to_le_bytes()[0];
        }
        body.truncate(usize::try_from(random()).unwrap() % (base.len() * 4) + 1);
        match start(body).await {
            Ok(authorization) => {
                good += 1;
                assert!(authorization.expires_in() <= Duration::from_secs(86_400));
                assert!(authorization.prompt().chars().all(|c| c == '\n' || matches!(c, ' '..='~')));
                assert!(authorization.prompt().len() < 8000);
            }
            Err(error) => {
                bad += 1;
                assert!(!error.to_string().contains(|c: char| c.is_control()));
            }
        }
    }
    assert!(good > 100 && bad > 100, "{good} {bad}");
    assert!(start(vec![b' '; 65 * 1024]).await.unwrap_err().to_string().contains("more than 64 KiB"));
}
