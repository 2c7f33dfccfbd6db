use std::fs;
use std::time::Duration;

use serde_json::json;
use tower_auth::core::ProviderSpec;
use tower_auth_testing::TestClock;

use crate::support::{Aluma, Grant, Run, get, scratch_file, session};

// SYS-L1
#[tokio::test(flavor = "multi_thread")]
async fn the_grant_type_is_sent_or_left_out_as_the_file_says() {
    let file = fs::read_to_string("providers/aluma.toml").unwrap();
    let changed = |line: &str| file.replace("client_auth = \"body\"", &format!("client_auth = \"body\"\n{line}"));
    let (with, without) = (Aluma::start(Grant::Wanted).await, Aluma::start(Grant::Refused).await);
    for (text, fits, other) in [
        (file.clone(), &with, &without),
        (changed("grant_type = \"client_credentials\""), &with, &without),
        (changed("grant_type = false"), &without, &with),
        (changed("grant_type = \"omit\""), &without, &with),
    ] {
        let path = scratch_file("aluma.toml", &text);
        Run::with(&path).aluma_values(fits).args(&["--token"]).run().await.success();
        Run::with(&path).aluma_values(other).args(&["--token"]).run().await.failure(3);
    }
    assert_eq!(without.server.seen()[2].body, "client_id=aluma-client&client_secret=aluma-secret-value");
}

// SYS-L2, SYS-L3, SYS-L8
#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_the_document_is_read_whatever_the_lifetime_and_the_case_of_the_type() {
    let aluma = Aluma::start(Grant::Wanted).await;
    let said = [60, 3600, 86_400].into_iter().zip(["Bearer", "bearer", "BEARER"]);
    aluma.tokens.say(said.map(|(lifetime, kind)| json!({ "token_type": kind, "expires_in": lifetime })));
    for lifetime in [60, 3600, 86_400] {
        let outcome = Run::aluma(&aluma).args(&["--token", "--json", "/documents"]).run().await;
        outcome.success();
        let token = &outcome.objects()[0];
        assert_eq!((&token["kind"], &token["expires_in"]), (&json!("Bearer"), &json!(lifetime)));
        assert_eq!(outcome.objects()[1]["status"], 200);
    }
    aluma.tokens.say([json!({ "token_type": "mac" })]);
    let outcome = Run::aluma(&aluma).args(&["--token"]).run().await;
    assert!(outcome.failure(3).contains("a token of a type that this client cannot use"));
}

fn in_this_process(aluma: &Aluma, text: &str, time: &TestClock) -> fetch::Session {
    let provider = ProviderSpec::from_toml(text).unwrap();
    let token_url = format!("{}/oauth/token", aluma.server.origin);
    let values = [
        ("ALUMA__BASE_URL", aluma.server.origin.as_str()),
        ("ALUMA__TOKEN_URL", &token_url),
        ("ALUMA__CLIENT_ID", Aluma::ID),
        ("ALUMA__CLIENT_SECRET", Aluma::SECRET),
    ];
    session(&provider, &values, &[&aluma.server], time)
}

// SYS-L3
#[tokio::test]
async fn a_lifetime_that_changes_between_answers_is_honoured_each_time() {
    let (aluma, time) = (Aluma::start(Grant::Wanted).await, TestClock::new());
    aluma.tokens.say([json!({ "expires_in": 60 }), json!({ "expires_in": 86_400 }), json!({ "expires_in": 3600 })]);
    let session = in_this_process(&aluma, &fs::read_to_string("providers/aluma.toml").unwrap(), &time);
    for (advance, issued) in [(0, 1), (40, 1), (20, 2), (86_000, 2), (400, 3), (3200, 3), (400, 4)] {
        time.advance(Duration::from_secs(advance)).await;
        let answer = get(&session, "/documents").await;
        assert_eq!((answer.status.as_u16(), answer.sends), (200, 1));
        assert_eq!(aluma.tokens.issued(), issued, "after {advance} s more");
    }
}

// SYS-L4
#[tokio::test]
async fn a_token_is_renewed_a_configured_while_before_its_end() {
    let (aluma, time) = (Aluma::start(Grant::Wanted).await, TestClock::new());
    aluma.tokens.say([json!({ "expires_in": 3600 })]);
    let text = fs::read_to_string("providers/aluma.toml").unwrap();
    let text = text.replace("client_auth = \"body\"", "client_auth = \"body\"\nrefresh_margin = \"20m\"");
    let session = in_this_process(&aluma, &text, &time);
    get(&session, "/documents").await;
    // The jitter takes a quarter of the margin at most.
    time.advance(Duration::from_secs(2090)).await;
    get(&session, "/documents").await;
    assert_eq!(aluma.tokens.issued(), 1);
    time.advance(Duration::from_secs(320)).await;
    assert_eq!(get(&session, "/documents").await.generation, Some(1));
    // The old token has served, and the new one is under way.
    tokio::time::timeout(Duration::from_secs(10), async {
        while get(&session, "/documents").await.generation != Some(2) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(aluma.tokens.issued(), 2);
    assert!(aluma.server.calls().iter().all(|seen| !seen.header("authorization").is_empty()));
}

// SYS-L5
#[tokio::test(flavor = "multi_thread")]
async fn the_token_goes_with_every_request_and_is_fetched_once() {
    let aluma = Aluma::start(Grant::Wanted).await;
    Run::aluma(&aluma).args(&["-n", "5", "/documents", "/classifiers"]).run().await.success();
    let calls = aluma.server.calls();
    assert_eq!((calls.len(), aluma.tokens.issued()), (10, 1));
    assert!(calls.iter().all(|seen| seen.header("authorization") == "Bearer issued-token-1"));
}

// SYS-L6
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_and_the_request_sent_once_more_with_its_body() {
    let aluma = Aluma::start(Grant::Wanted).await;
    aluma.tokens.stillborn(1);
    let outcome = Run::aluma(&aluma).args(&["--json", "--data", "{\"name\":\"a\"}", "/documents"]).run().await;
    outcome.success();
    let answer = &outcome.objects()[0];
    assert_eq!(
        (&answer["status"], &answer["sends"], &answer["token_generation"], &answer["body"]),
        (&json!(200), &json!(2), &json!(2), &json!("{\"echo\":\"{\\\"name\\\":\\\"a\\\"}\"}"))
    );
    let calls = aluma.server.calls();
    assert!(
        calls.iter().all(|seen| seen.body == "{\"name\":\"a\"}" && seen.header("content-type") == "application/json")
    );
    let sent: Vec<_> = calls.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(sent, ["Bearer issued-token-1", "Bearer issued-token-2"]);
}

// SYS-L6
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_every_token_is_not_asked_for_ever() {
    let aluma = Aluma::start(Grant::Wanted).await;
    aluma.tokens.stillborn(usize::MAX);
    let outcome = Run::aluma(&aluma).args(&["-n", "3", "/documents"]).run().await;
    let url = format!("{}/documents", aluma.server.origin);
    assert!(outcome.failure(1).starts_with(&format!(
        "fetch: GET {url} answered 401 to send 2: a new token was refused as well: is the application provisioned for this \
         API, and is base_url the right host?\n"
    )));
    assert_eq!(aluma.tokens.issued(), 2);
    assert_eq!(aluma.server.calls().len(), 4);
}

// SYS-L6
#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_one_token_cost_one_refresh() {
    let aluma = Aluma::start(Grant::Wanted).await;
    aluma.tokens.stillborn(1).delay(Duration::from_millis(50));
    let outcome = Run::aluma(&aluma).args(&["-n", "12", "-c", "12", "--json", "/documents"]).run().await;
    outcome.success();
    assert_eq!(aluma.tokens.issued(), 2);
    assert!(outcome.objects().iter().all(|answer| answer["status"] == 200 && answer["token_generation"] == 2));
}

// SYS-L7
#[tokio::test(flavor = "multi_thread")]
async fn many_callers_without_a_token_cost_one_token_request() {
    let aluma = Aluma::start(Grant::Wanted).await;
    aluma.tokens.delay(Duration::from_millis(100));
    let outcome = Run::aluma(&aluma).args(&["-n", "40", "-c", "40", "--json", "/documents"]).run().await;
    outcome.success();
    assert_eq!((aluma.tokens.issued(), aluma.server.calls().len()), (1, 40));
    assert!(outcome.objects().iter().all(|answer| answer["sends"] == 1));
}
