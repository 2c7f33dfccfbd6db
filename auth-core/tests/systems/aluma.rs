//! Aluma, document processing.

use tower_auth_testing::TestClock;

use crate::script::{Script, form, grants, json};
use crate::{api, authorization, connect, file, read, seconds};

const URL: &str = "https://api.aluma.io/oauth/token";
const BODY: &str = "client_id=id&client_secret=s3cret";
const GIVEN: &[(&str, &str)] = &[("client_id", "id"), ("client_secret", "s3cret")];

fn aluma() -> String {
    file("examples/fetch/providers/aluma.toml")
}

fn request() -> String {
    form(URL, &format!("grant_type=client_credentials&{BODY}"))
}

fn lives(token: &str, seconds: u64) -> http::Response<bytes::Bytes> {
    json(200, format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#))
}

// SYS-L1
#[tokio::test]
async fn the_grant_is_sent_or_left_out() {
    let without = aluma().replace("client_auth = \"body\"", "client_auth = \"body\"\ngrant_type = false");
    for (text, expected) in [(aluma(), request()), (without, form(URL, BODY))] {
        let server = Script::new().on(expected, grants("t0k"));
        assert_eq!(authorization(&connect(&text, GIVEN, server.http(), &TestClock::new())).await, "Bearer t0k");
    }
}

// SYS-L2, SYS-L8
#[tokio::test]
async fn the_answer_is_read_and_the_type_has_no_case() {
    for kind in ["Bearer", "bearer", "BEARER"] {
        let body = format!(r#"{{"access_token":"t0k","token_type":"{kind}","expires_in":86400}}"#);
        let server = Script::new().on(request(), json(200, body));
        let connection = connect(&aluma(), GIVEN, server.http(), &TestClock::new());
        assert_eq!(authorization(&connection).await, "Bearer t0k");
        let lifetime = connection.response().unwrap().lifetime();
        assert_eq!(lifetime, tower_auth_core::Lifetime::For(seconds(86_400)));
    }
}

// SYS-L3
#[tokio::test]
async fn each_answer_says_how_long_its_token_lives() {
    let lifetimes = [60, 3600, 86_400, 90];
    let script = lifetimes
        .into_iter()
        .fold(Script::new(), |script, lifetime| script.on(request(), lives(&format!("of-{lifetime}"), lifetime)));
    let time = TestClock::new();
    let connection = connect(&aluma(), GIVEN, script.http(), &time);
    for (index, lifetime) in lifetimes.into_iter().enumerate() {
        assert_eq!(authorization(&connection).await, format!("Bearer of-{lifetime}"));
        time.advance(seconds(lifetime / 2)).await;
        assert_eq!(authorization(&connection).await, format!("Bearer of-{lifetime}"));
        assert_eq!(script.asked(), index + 1);
        time.advance(seconds(lifetime - lifetime / 2)).await;
    }
}

// SYS-L4
#[tokio::test]
async fn a_token_is_renewed_as_much_before_its_end_as_is_configured() {
    let text = aluma().replace("client_auth = \"body\"", "client_auth = \"body\"\nrefresh_margin = \"20m\"");
    let time = TestClock::new();
    let server = Script::new().on(request(), lives("one", 3600)).on(request(), lives("two", 3600));
    let connection = connect(&text, GIVEN, server.http(), &time);
    authorization(&connection).await;
    time.advance(seconds(2090)).await;
    assert_eq!((authorization(&connection).await.as_str(), server.asked()), ("Bearer one", 1));
    time.advance(seconds(320)).await;
    authorization(&connection).await;
    TestClock::settle().await;
    assert_eq!((authorization(&connection).await.as_str(), server.asked()), ("Bearer two", 2));
}

// SYS-L5
#[tokio::test]
async fn every_request_has_the_token() {
    let server = Script::new().on(request(), grants("t0k"));
    let connection = connect(&aluma(), GIVEN, server.http(), &TestClock::new());
    for path in ["/documents", "/classifiers", "/documents"] {
        assert_eq!(
            api(&connection, path).await,
            format!("GET https://api.aluma.io{path}\nauthorization: Bearer t0k\n")
        );
    }
}

// The cache's half of SYS-L6: a refused token is dropped once, and only if it is still the one. The resend is the layer's.
#[tokio::test]
async fn a_refused_token_is_dropped_only_if_it_is_still_the_one() {
    let server = Script::new().on(request(), grants("one")).on(request(), grants("two"));
    let connection = connect(&aluma(), GIVEN, server.http(), &TestClock::new());
    let cache = connection.tokens().unwrap();
    let first = cache.current().await.unwrap().generation;
    cache.invalidate(first);
    assert_eq!(authorization(&connection).await, "Bearer two");
    // A late refusal of the first one changes nothing.
    cache.invalidate(first);
    assert_eq!((authorization(&connection).await.as_str(), server.asked()), ("Bearer two", 2));
}

// SYS-L7
#[tokio::test]
async fn many_callers_cause_one_token_request() {
    let server = Script::new().on(request(), grants("t0k"));
    let connection = connect(&aluma(), GIVEN, server.http(), &TestClock::new());
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { authorization(&connection).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "Bearer t0k");
    }
    assert_eq!(server.asked(), 1);
}

// SYS-L9
#[test]
fn the_fields_say_where_their_values_are() {
    let spec = read(&aluma());
    let help = |name: &str| spec.methods()[0].field(name).unwrap().help().unwrap().to_owned();
    assert!(help("client_id").contains("\"Id\"") && help("client_secret").contains("\"Secret\""));
}
