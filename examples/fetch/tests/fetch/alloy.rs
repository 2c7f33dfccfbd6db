use std::fs;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tower_auth::core::ProviderSpec;
use tower_auth_testing::TestClock;

use crate::support::{Alloy, Outcome, Run, get, scratch_file, session};

const CALL: &str = "/evaluations";

// SYS-A1, SYS-A7
#[tokio::test(flavor = "multi_thread")]
async fn basic_goes_raw_with_every_request() {
    let alloy = Alloy::start().await;
    let outcome = Run::alloy(&alloy).args(&["--auth", "basic", "-n", "3", "--json", CALL]).run().await;
    outcome.success();
    assert_eq!(outcome.objects()[2]["body"], r#"{"by":"basic"}"#);
    let pair = format!("Basic {}", STANDARD.encode(format!("{}:{}", Alloy::ID, Alloy::SECRET)));
    let calls = alloy.server.seen();
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|seen| seen.header("authorization") == pair && seen.path == "/v1/evaluations"));
}

// SYS-A2, SYS-A3, SYS-A4
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_in_json_with_the_grant_alone_and_goes_as_bearer() {
    let alloy = Alloy::start().await;
    let outcome = Run::alloy(&alloy).args(&["-n", "2", CALL]).run().await;
    assert_eq!(outcome.success(), "{\"by\":\"bearer\"}\n{\"by\":\"bearer\"}\n");
    let asked = alloy.server.token_requests();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/v1/oauth/bearer"));
    assert_eq!(asked[0].header("content-type"), "application/json");
    assert_eq!(asked[0].body, r#"{"grant_type":"client_credentials"}"#);
    assert_eq!(asked[0].basic(), Some((Alloy::ID.to_owned(), Alloy::SECRET.to_owned())));
    assert!(alloy.server.calls().iter().all(|seen| seen.header("authorization") == "Bearer issued-token-1"));
}

// SYS-A3
#[tokio::test(flavor = "multi_thread")]
async fn the_token_url_is_configuration() {
    let alloy = Alloy::start().await;
    let url = format!("{}/v1/oauth/bearer", alloy.server.origin);
    let values = scratch_file("values.toml", &format!("token_url = \"{url}\"\n"));
    let given = [
        Run::alloy(&alloy).env("ALLOY__TOKEN_URL", &url),
        Run::alloy(&alloy).args(&["--set", &format!("token_url={url}")]),
        Run::alloy(&alloy).args(&["--values", values.to_str().unwrap()]),
    ];
    for run in given {
        run.without("ALLOY__BASE_URL").args(&["--token"]).run().await.success();
    }
    let elsewhere = Run::alloy(&alloy).env("ALLOY__TOKEN_URL", &url.replace("bearer", "token")).args(&["--token"]);
    assert!(elsewhere.run().await.failure(3).contains("check client id, secret"));
}

/// Alloy's own file, over a server, in this process.
fn over_a_year(alloy: &Alloy, time: &TestClock) -> fetch::Session {
    let provider = ProviderSpec::from_file("providers/alloy.toml").unwrap();
    let base = format!("{}/v1", alloy.server.origin);
    let values =
        [("ALLOY__BASE_URL", base.as_str()), ("ALLOY__CLIENT_ID", Alloy::ID), ("ALLOY__CLIENT_SECRET", Alloy::SECRET)];
    session(&provider, &values, &[&alloy.server], time)
}

// SYS-A5
#[tokio::test]
async fn a_token_is_replaced_before_its_hour_is_over_whether_its_lifetime_is_stated_or_not() {
    for stated in [json!({ "expires_in": 3600 }), json!({})] {
        let (alloy, time) = (Alloy::start().await, TestClock::new());
        alloy.tokens.say([stated]);
        let session = over_a_year(&alloy, &time);
        for (advance, issued) in [(0, 1), (3200, 1), (380, 2), (3200, 2), (380, 3)] {
            time.advance(Duration::from_secs(advance)).await;
            let answer = get(&session, CALL).await;
            assert_eq!((answer.status.as_u16(), answer.sends), (200, 1));
            assert_eq!(alloy.tokens.issued(), issued);
        }
    }
}

// SYS-A6
#[tokio::test(flavor = "multi_thread")]
async fn one_pair_serves_both_methods_and_the_method_is_an_option() {
    let alloy = Alloy::start().await;
    for (method, by) in [("oauth", "bearer"), ("basic", "basic")] {
        let outcome = Run::alloy(&alloy).args(&["--auth", method, CALL]).run().await;
        assert_eq!(outcome.success(), format!("{{\"by\":\"{by}\"}}\n"));
    }
    let outcome = Run::alloy(&alloy).args(&["--auth", "oauth2", CALL]).run().await;
    assert!(outcome.failure(2).contains("auth: unknown method \"oauth2\"; did you mean \"oauth\"?"));
}

// SYS-A7
#[tokio::test(flavor = "multi_thread")]
async fn the_pair_is_form_encoded_first_where_the_file_says_so() {
    let alloy = Alloy::start().await;
    let text = fs::read_to_string("providers/alloy.toml").unwrap();
    let path = scratch_file("alloy.toml", &text.replace("basic_encoding = \"raw\"", "basic_encoding = \"form\""));
    let run = Run::alloy(&alloy).args(&["--provider", path.to_str().unwrap()]);
    run.args(&["--token"]).run().await.failure(3);
    let pair = alloy.server.token_requests()[0].basic().unwrap();
    assert_eq!(pair, ("workflow-token".to_owned(), "s3%2Bcr%2Fet%25%3A%26%3Dx+y".to_owned()));
}

// SYS-A8
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_refused_for_token_and_api_unless_it_is_allowed_by_name() {
    let (alloy, other) = (Alloy::start().await, Alloy::start().await);
    let plain = |token: &str, base: &str| {
        Run::with("providers/alloy.toml")
            .env("ALLOY__CLIENT_ID", Alloy::ID)
            .env("ALLOY__CLIENT_SECRET", Alloy::SECRET)
            .env("ALLOY__TOKEN_URL", token)
            .env("ALLOY__BASE_URL", base)
            .args(&[CALL])
    };
    let own = &alloy.server.origin;
    let both = plain(&format!("{own}/v1/oauth/bearer"), own).run().await;
    let expected = |name: &str, variable: &str| {
        format!(
            "fetch: {name} (the environment, {variable}): {own} is plain http, and credentials go by https only; \
             --allow-plaintext {own} permits it\n"
        )
    };
    let (base_url, token_url) = (expected("base_url", "ALLOY__BASE_URL"), expected("token_url", "ALLOY__TOKEN_URL"));
    assert_eq!(both.failure(2), format!("{base_url}{token_url}"));
    // Leave for one is none for another, and a name is not a loopback address.
    let token_only = plain("https://login.test/oauth/bearer", own).allow(&other.server).run().await;
    assert_eq!(token_only.failure(2), base_url);
    let api_only = plain("http://localhost:1/oauth/bearer", "https://api.test").allow(&alloy.server).run().await;
    assert!(api_only.failure(2).contains("http://localhost:1 is plain http"));
    assert!(alloy.server.seen().is_empty() && other.server.seen().is_empty());
}

/// Looks for the secret, the pair, and every token in all that a run printed.
fn assert_nothing_leaks(outcome: &Outcome) {
    let pair = STANDARD.encode(format!("{}:{}", Alloy::ID, Alloy::SECRET));
    for text in [&outcome.out, &outcome.err] {
        for secret in [Alloy::SECRET, pair.as_str(), "s3%2Bcr%2Fet", "issued-token"] {
            assert!(!text.contains(secret), "{secret} in {outcome:#?}");
        }
    }
}

// SYS-A9, SYS-V12
#[tokio::test(flavor = "multi_thread")]
async fn no_output_shows_a_secret_or_a_token() {
    let alloy = Alloy::start().await;
    alloy.tokens.stillborn(1);
    let work: [&[&str]; 5] = [
        &["--verbose", "--token", CALL],
        &["--verbose", "--auth", "basic", CALL],
        &["--verbose", "--json", "--token", "/nowhere"],
        &["--verbose", "--auth", "none", CALL],
        &["--verbose", "--timeout", "nonsense", CALL],
    ];
    for args in work {
        assert_nothing_leaks(&Run::alloy(&alloy).args(args).run().await);
    }
    // The server repeats the wrong pair in its refusal; here the secret is the right one under another id.
    let refused = Run::alloy(&alloy).env("ALLOY__CLIENT_ID", "nobody").args(&["--verbose", CALL]).run().await;
    assert!(refused.failure(3).contains("[redacted]"));
    assert_nothing_leaks(&refused);
}

// SYS-A9, SYS-V12
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_comes_from_the_environment_a_file_or_a_command() {
    let alloy = Alloy::start().await;
    let secret = scratch_file("secret", &format!("{}\n", Alloy::SECRET));
    let path = secret.to_str().unwrap();
    for source in [
        "{ env = \"MY_SECRET\" }".to_owned(),
        format!("{{ file = \"{path}\" }}"),
        format!("{{ command = [\"/bin/cat\", \"{path}\"] }}"),
        format!("{{ value = \"{}\" }}", Alloy::SECRET),
    ] {
        let values = scratch_file("values.toml", &format!("client_secret = {source}\n"));
        let run = Run::alloy(&alloy).without("ALLOY__CLIENT_SECRET").env("MY_SECRET", Alloy::SECRET);
        run.args(&["--values", values.to_str().unwrap(), CALL]).run().await.success();
    }
    // Files are looked for beside the values file.
    fs::write(secret.parent().unwrap().join("values.toml"), "client_secret = { file = \"secret\" }\n").unwrap();
    let beside = secret.parent().unwrap().join("values.toml");
    let run = Run::alloy(&alloy).without("ALLOY__CLIENT_SECRET").args(&["--values", beside.to_str().unwrap(), CALL]);
    run.run().await.success();
}

// SYS-A9
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_on_the_command_line_is_refused_with_a_hint() {
    let outcome = Run::with("providers/alloy.toml").args(&["--set", "client_secret=hush", "--token"]).run().await;
    assert_eq!(
        outcome.failure(2),
        "fetch: --set client_secret: this field is secret, and a command line can be read by every user of the machine; set the \
         environment variable ALLOY__CLIENT_SECRET, or write client_secret = { file = \"…\" } into a values file\n"
    );
    let values = scratch_file("values.toml", "client_secret = \"hush-hush\"\n");
    let outcome =
        Run::with("providers/alloy.toml").args(&["--values", values.to_str().unwrap(), "--token"]).run().await;
    assert!(outcome.failure(2).contains("values.toml:1: client_secret: this field is secret: write { env ="));
    assert!(!outcome.err.contains("hush-hush"));
}

// SYS-A10
#[tokio::test(flavor = "multi_thread")]
async fn what_fields_are_called_is_data() {
    let text = fs::read_to_string("providers/alloy.toml").unwrap();
    for (text, title) in
        [(text.clone(), "(Workflow token;"), (text.replace("Workflow token", "Token"), "client_id (Token;")]
    {
        let outcome = Run::with(scratch_file("alloy.toml", &text)).args(&["--token"]).run().await;
        assert!(outcome.failure(2).contains(title), "{}", outcome.err);
    }
}

// SYS-A11
#[tokio::test(flavor = "multi_thread")]
async fn grant_id_secret_and_url_are_enough() {
    let alloy = Alloy::start().await;
    let text = format!(
        "id = \"mine\"\n[[auth]]\nkind = \"oauth2_client_credentials\"\ntoken_url = \"{}/v1/oauth/bearer\"\n",
        alloy.server.origin
    );
    let mine = |text: &str| {
        Run::with_text(text)
            .env("MINE__CLIENT_ID", Alloy::ID)
            .env("MINE__CLIENT_SECRET", Alloy::SECRET)
            .allow(&alloy.server)
    };
    // This server wants JSON and Basic; a usual one would be content.
    mine(&text).args(&["--token"]).run().await.failure(3);
    let asked = alloy.server.token_requests().remove(0);
    let names: Vec<_> = asked.form().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["grant_type", "client_id", "client_secret"]);
    let fitting = format!("{text}body_format = \"json\"\nclient_auth = \"basic\"\n");
    let url = format!("{}/v1/evaluations", alloy.server.origin);
    assert_eq!(mine(&fitting).args(&[&url]).run().await.success(), "{\"by\":\"bearer\"}\n");
}
