//! Alloy, identity API.

use tower_auth_core::{AuthKind, ConfigErrorKind};
use tower_auth_testing::TestClock;

use crate::script::{Script, basic, grants, json};
use crate::{api, authorization, builder, connect, file, mistakes, read, seconds, values};

const URL: &str = "https://sandbox.alloy.test/v1/oauth/bearer";
const SECRET: &str = "s3c+/% :ret";

fn alloy() -> String {
    file("examples/fetch/providers/alloy.toml")
}

fn given<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own =
        [("client_id", "workflow-token"), ("client_secret", SECRET), ("base_url", "https://sandbox.alloy.test/v1")];
    [&own, more].concat()
}

fn request() -> String {
    let pair = basic(&format!("workflow-token:{SECRET}"));
    format!(
        "POST {URL}\nauthorization: {pair}\ncontent-type: application/json\n{{\"grant_type\":\"client_credentials\"}}"
    )
}

// SYS-A1
#[tokio::test]
async fn every_request_has_the_basic_pair() {
    let server = Script::new();
    let connection = connect(&alloy(), &given(&[("auth", "basic")]), server.http(), &TestClock::new());
    for path in ["/evaluations", "/parameters"] {
        let expected = format!(
            "GET https://sandbox.alloy.test/v1{path}\nauthorization: {}\n",
            basic(&format!("workflow-token:{SECRET}"))
        );
        assert_eq!(api(&connection, path).await, expected);
    }
}

// SYS-A2, SYS-A3, SYS-A4, SYS-A7
#[tokio::test]
async fn a_bearer_token_is_bought_by_a_raw_pair_and_a_body_with_the_grant_alone() {
    let server = Script::new().on(request(), grants("b3arer"));
    let connection = connect(&alloy(), &given(&[]), server.http(), &TestClock::new());
    for path in ["/a", "/b"] {
        let expected = format!("GET https://sandbox.alloy.test/v1{path}\nauthorization: Bearer b3arer\n");
        assert_eq!(api(&connection, path).await, expected);
    }
}

// SYS-A3
#[tokio::test]
async fn the_token_url_is_configuration() {
    let url = "https://other.alloy.test/token?env=eu";
    let server = Script::new().on(request().replace(URL, url), grants("b3arer"));
    let connection = connect(&alloy(), &given(&[("token_url", url)]), server.http(), &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer b3arer");
}

// SYS-A5
#[tokio::test]
async fn a_token_is_replaced_before_its_hour_is_over_whether_or_not_the_answer_says_so() {
    for first in [grants("one"), json(200, r#"{"access_token":"one","token_type":"Bearer"}"#)] {
        let time = TestClock::new();
        let server = Script::new().on(request(), first).on(request(), grants("two"));
        let connection = connect(&alloy(), &given(&[]), server.http(), &time);
        assert_eq!(authorization(&connection).await, "Bearer one");
        time.advance(seconds(1800)).await;
        assert_eq!((authorization(&connection).await.as_str(), server.asked()), ("Bearer one", 1));
        time.advance(seconds(1790)).await;
        authorization(&connection).await;
        TestClock::settle().await;
        assert_eq!(authorization(&connection).await, "Bearer two");
    }
}

// SYS-A6
#[tokio::test]
async fn one_pair_serves_both_methods_and_a_word_changes_over() {
    let server = Script::new().on(request(), grants("b3arer"));
    let time = TestClock::new();
    let by_token = connect(&alloy(), &given(&[]), server.http(), &time);
    let by_pair = connect(&alloy(), &given(&[("auth", "basic")]), server.http(), &time);
    assert_eq!(by_token.provider().method().kind(), AuthKind::OAuth2ClientCredentials);
    assert_eq!(by_pair.provider().method().kind(), AuthKind::Basic);
    assert_eq!(authorization(&by_token).await, "Bearer b3arer");
    assert_eq!(authorization(&by_pair).await, basic(&format!("workflow-token:{SECRET}")));
}

// SYS-A7
#[tokio::test]
async fn the_pair_is_raw_or_form_encoded_as_the_file_says() {
    let text = alloy().replace("basic_encoding = \"raw\"", "basic_encoding = \"form\"");
    let pair = basic("workflow-token:s3c%2B%2F%25+%3Aret");
    let expected = format!(
        "POST {URL}\nauthorization: {pair}\ncontent-type: application/json\n{{\"grant_type\":\"client_credentials\"}}"
    );
    let server = Script::new().on(expected, grants("b3arer"));
    assert_eq!(authorization(&connect(&text, &given(&[]), server.http(), &TestClock::new())).await, "Bearer b3arer");
}

// SYS-A8
#[tokio::test]
async fn plain_http_is_refused_unless_it_is_loopback_and_allowed() {
    let (server, time) = (Script::new(), TestClock::new());
    let build = |more: &[(&str, &str)], loopback: bool| {
        let given: Vec<_> =
            given(&[]).into_iter().filter(|(name, _)| more.iter().all(|(own, _)| own != name)).collect();
        let builder = builder(&alloy(), &[&given[..], more].concat(), server.http(), &time);
        if loopback { builder.allow_loopback_http().build() } else { builder.build() }
    };
    for name in ["token_url", "base_url"] {
        for (url, loopback, fine) in [
            ("http://sandbox.alloy.test/v1", false, false),
            ("http://sandbox.alloy.test/v1", true, false),
            ("http://127.0.0.1:8080/v1", false, false),
            ("http://127.0.0.1:8080/v1", true, true),
            ("https://sandbox.alloy.test/v1", false, true),
        ] {
            let built = build(&[(name, url)], loopback);
            assert_eq!(built.is_ok(), fine, "{name} {url} {loopback}");
            if let Err(error) = built {
                assert_eq!(error.kind(), ConfigErrorKind::InsecureUrl);
            }
        }
    }
    let named = builder(&alloy(), &given(&[("token_url", "http://gateway.internal/t")]), server.http(), &time);
    assert!(named.dangerous().allow_plaintext("http://gateway.internal").build().is_ok());
}

// SYS-A9
#[tokio::test]
async fn the_secret_is_nowhere_but_on_the_wire_and_comes_from_where_secrets_are() {
    let echo = json(401, format!(r#"{{"error":"invalid_client","error_description":"{SECRET} is wrong"}}"#));
    let server = Script::new().on(request(), echo);
    let connection = connect(&alloy(), &given(&[]), server.http(), &TestClock::new());
    let error = connection.credential().await.unwrap_err();
    let text = format!("{error} {error:?} {connection:?} {:?} {:?}", connection.provider(), values(&given(&[])));
    assert!(!text.contains("s3c") && text.contains("invalid_client"), "{text}");

    let spec = read(&alloy());
    let path = std::env::temp_dir().join(format!("alloy-secret-{}", std::process::id()));
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    let values_file = format!("client_id = 'workflow-token'\nclient_secret = {{ file = '{}' }}", path.display());
    let of_file = values(&[("base_url", "https://a.test")]).toml("values.toml", &values_file);
    assert_eq!(spec.fill(&of_file).unwrap().value("client_secret").unwrap().expose_secret(), SECRET);
    std::fs::remove_file(path).unwrap();
    let of_environment = tower_auth_core::ProviderValues::new().env(|name| match name {
        "ALLOY__CLIENT_ID" => Some("workflow-token".to_owned()),
        "ALLOY__CLIENT_SECRET" => Some(SECRET.to_owned()),
        "ALLOY__BASE_URL" => Some("https://a.test".to_owned()),
        _ => None,
    });
    assert_eq!(spec.fill(&of_environment).unwrap().value("client_secret").unwrap().expose_secret(), SECRET);
}

// SYS-A10
#[test]
fn what_the_pair_is_called_is_data() {
    let titles = |text: &str| {
        let spec = read(text);
        ["client_id", "client_secret"].map(|name| spec.methods()[0].field(name).unwrap().title().to_owned())
    };
    assert_eq!(titles(&alloy()), ["Workflow token", "Workflow secret"]);
    let newer = alloy().replace("\"Workflow token\"", "\"Token\"").replace("\"Workflow secret\"", "\"Secret\"");
    assert_eq!(titles(&newer), ["Token", "Secret"]);
}

// SYS-A11
#[tokio::test]
async fn grant_id_secret_and_url_are_enough() {
    let text = "id = \"own\"\n[[auth]]\nkind = \"oauth2_client_credentials\"";
    let own = [("client_id", "i"), ("client_secret", "s"), ("token_url", URL)];
    let body = "grant_type=client_credentials&client_id=i&client_secret=s";
    let server = Script::new().on(crate::script::form(URL, body), grants("t0k"));
    assert_eq!(authorization(&connect(text, &own, server.http(), &TestClock::new())).await, "Bearer t0k");
    for left_out in 0..own.len() {
        let rest: Vec<_> =
            own.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, one)| *one).collect();
        let wrong = mistakes(&read(text), &rest);
        assert!(wrong.len() == 1 && wrong[0].starts_with(own[left_out].0), "{wrong:?}");
    }
}

// The client's half of SYS-A12: when Alloy itself calls, the pair is both in the header and in the body. The other half is the extractors'.
#[tokio::test]
async fn a_client_may_send_the_pair_twice() {
    let pair = basic(&format!("workflow-token:{SECRET}"));
    let body =
        format!(r#"{{"grant_type":"client_credentials","client_id":"workflow-token","client_secret":"{SECRET}"}}"#);
    let expected = format!("POST {URL}\nauthorization: {pair}\ncontent-type: application/json\n{body}");
    let server = Script::new().on(expected, grants("t0k"));
    let connection = connect(&alloy(), &given(&[("client_auth", "both")]), server.http(), &TestClock::new());
    assert_eq!(authorization(&connection).await, "Bearer t0k");
}
