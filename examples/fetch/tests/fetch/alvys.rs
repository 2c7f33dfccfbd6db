use std::fs;
use std::time::Duration;

use serde_json::json;
use tower_auth::core::ProviderSpec;
use tower_auth_testing::TestClock;

use crate::support::{Alvys, Run, get, scratch_file, session};

// SYS-V1, SYS-V6, SYS-V13
#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_the_pair_in_the_body_yields_a_bearer_token() {
    let alvys = Alvys::usual().await;
    let outcome = Run::alvys(&alvys).args(&["/v1/me"]).run().await;
    assert_eq!(outcome.success(), "{\"tenant\":\"acme\"}\n");
    let asked = alvys.login.seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    let expected = [("grant_type", "client_credentials"), ("client_id", Alvys::ID), ("client_secret", Alvys::SECRET)];
    assert_eq!(asked[0].form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(alvys.api.seen()[0].header("authorization"), "Bearer issued-token-1");
}

// SYS-V2
#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_is_one_segment_of_the_token_url_whatever_its_characters() {
    let members = ["client_id", "client_secret", "grant_type"];
    let alvys = Alvys::start(&[("acme", "acme"), ("a%2Fb%20c%3Fd%25", "odd")], &members).await;
    for (tenant, meant) in [("acme", "acme"), ("a/b c?d%", "odd")] {
        let outcome = Run::alvys(&alvys).args(&["--set", &format!("tenant_id={tenant}"), "/v1/me"]).run().await;
        assert_eq!(outcome.success(), format!("{{\"tenant\":\"{meant}\"}}\n"));
    }
    for bad in ["..", "."] {
        let outcome = Run::alvys(&alvys).args(&["--set", &format!("tenant_id={bad}"), "/v1/me"]).run().await;
        assert!(outcome.failure(2).contains("the value of tenant_id stands in the path of a URL"));
    }
    assert_eq!(alvys.login.seen().len(), 2);
}

// SYS-V3
#[tokio::test(flavor = "multi_thread")]
async fn token_url_and_api_host_are_apart_and_each_credential_may_override_both() {
    let alvys = Alvys::usual().await;
    let second = Alvys::usual().await;
    let with_p = alvys.token_url().replace("/api/", "/api/p/");
    Run::alvys(&alvys).env("ALVYS__TOKEN_URL", &with_p).args(&["/v1/me"]).run().await.success();
    assert_eq!(alvys.login.seen()[0].path, "/api/p/authentication/acme/token");
    // Another credential, in a values file, with hosts of its own.
    let values = scratch_file(
        "second.toml",
        &format!("token_url = \"{}\"\nbase_url = \"{}\"\n", second.token_url(), second.api.origin),
    );
    let run = Run::alvys(&alvys).without("ALVYS__TOKEN_URL").without("ALVYS__BASE_URL");
    let run = run.allow(&second.login).allow(&second.api);
    run.args(&["--values", values.to_str().unwrap(), "/v1/me"]).run().await.success();
    assert_eq!((alvys.api.seen().len(), second.api.seen().len(), second.login.seen().len()), (1, 1, 1));
    // What the file itself has, unless told otherwise.
    let provider = fs::read_to_string("providers/alvys.toml").unwrap();
    assert!(provider.contains("\"https://integration.alvys.com\""));
    assert!(provider.contains("\"https://integrations.alvys.com/api/authentication/{tenant_id}/token\""));
}

// SYS-V4
#[tokio::test(flavor = "multi_thread")]
async fn a_field_may_stand_in_the_path_in_the_body_or_in_both() {
    let file = fs::read_to_string("providers/alvys.toml").unwrap();
    let in_body = file
        .replace("client_auth = \"body\"", "client_auth = \"body\"\ntoken_params = { tenant_id = \"{tenant_id}\" }");
    let with = ["client_id", "client_secret", "grant_type", "tenant_id"];
    for (text, place, members) in
        [(&file, "{tenant_id}", &with[..3]), (&in_body, "-", &with[..]), (&in_body, "{tenant_id}", &with[..])]
    {
        let alvys = Alvys::start(&[("acme", "acme"), ("-", "acme")], members).await;
        let url = alvys.token_url().replace("{tenant_id}", place);
        let path = scratch_file("alvys.toml", text);
        let run = Run::with(path).alvys_values(&alvys).env("ALVYS__TOKEN_URL", &url);
        assert_eq!(run.args(&["/v1/me"]).run().await.success(), "{\"tenant\":\"acme\"}\n");
        assert_eq!(alvys.login.seen()[0].path.contains("acme"), place != "-");
    }
}

fn in_this_process(alvys: &Alvys, tenant: &str, time: &TestClock) -> fetch::Session {
    let provider = ProviderSpec::from_file("providers/alvys.toml").unwrap();
    let token_url = alvys.token_url();
    let values = [
        ("ALVYS__BASE_URL", alvys.api.origin.as_str()),
        ("ALVYS__TOKEN_URL", &token_url),
        ("ALVYS__CLIENT_ID", Alvys::ID),
        ("ALVYS__CLIENT_SECRET", Alvys::SECRET),
        ("ALVYS__TENANT_ID", tenant),
    ];
    session(&provider, &values, &[&alvys.api, &alvys.login], time)
}

// SYS-V5
#[tokio::test]
async fn a_stated_lifetime_counts_else_the_declared_one_and_a_refused_token_is_replaced_either_way() {
    for (stated, used_for, gone_after) in [(json!({ "expires_in": 60 }), 40, 30), (json!({}), 3200, 400)] {
        let (alvys, time) = (Alvys::usual().await, TestClock::new());
        alvys.tokens.say([stated]);
        let session = in_this_process(&alvys, "acme", &time);
        for (advance, issued) in [(0, 1), (used_for, 1), (gone_after, 2)] {
            time.advance(Duration::from_secs(advance)).await;
            assert_eq!(get(&session, "/v1/me").await.sends, 1);
            assert_eq!(alvys.tokens.issued(), issued);
        }
        alvys.tokens.revoke_all();
        let answer = get(&session, "/v1/me").await;
        assert_eq!((answer.status.as_u16(), answer.sends, answer.generation), (200, 2, Some(3)));
    }
}

// SYS-V6
#[tokio::test(flavor = "multi_thread")]
async fn verification_asks_who_we_are() {
    let alvys = Alvys::usual().await;
    let outcome = Run::alvys(&alvys).args(&["--verify"]).run().await;
    assert_eq!(outcome.success(), "{\"tenant\":\"acme\"}\n");
    assert_eq!(outcome.err, format!("fetch: Alvys verified: GET {}/v1/me answered 200\n", alvys.api.origin));
    assert_eq!(alvys.api.seen()[0].path, "/v1/me");
    // A host that knows neither the path nor the token.
    let wrong = Run::alvys(&alvys).env("ALVYS__BASE_URL", &alvys.login.origin).args(&["--verify"]).run().await;
    let expected = format!("fetch: GET {}/v1/me answered 404: ", alvys.login.origin);
    assert!(wrong.failure(1).starts_with(&expected) && wrong.err.contains("check the URL"), "{}", wrong.err);
}

// SYS-V8
#[tokio::test]
async fn two_tenants_under_one_client_id_never_share_a_token() {
    let members = ["client_id", "client_secret", "grant_type"];
    let (alvys, time) = (Alvys::start(&[("one", "one"), ("two", "two")], &members).await, TestClock::new());
    let (one, two) = (in_this_process(&alvys, "one", &time), in_this_process(&alvys, "two", &time));
    for _ in 0..2 {
        for (session, tenant) in [(&one, "one"), (&two, "two")] {
            assert_eq!(get(session, "/v1/me").await.body, json!({ "tenant": tenant }).to_string());
        }
    }
    assert_eq!(alvys.tokens.issued(), 2);
}

// SYS-V9, SYS-L9
#[tokio::test(flavor = "multi_thread")]
async fn missing_values_are_named_before_anything_is_sent() {
    let alvys = Alvys::usual().await;
    let names = ["CLIENT_ID", "CLIENT_SECRET", "TENANT_ID"].map(|name| format!("ALVYS__{name}"));
    for missing in [&names[..], &names[..1], &names[1..2], &names[2..]] {
        let run = missing.iter().fold(Run::alvys(&alvys), |run, name| run.without(name));
        let outcome = run.args(&["/v1/me"]).run().await;
        let fields: Vec<_> = missing.iter().map(|name| name["ALVYS__".len()..].to_lowercase()).collect();
        let lines: Vec<_> = outcome.failure(2).lines().collect();
        assert_eq!(lines.len(), missing.len(), "{}", outcome.err);
        for (line, (name, field)) in lines.iter().zip(missing.iter().zip(&fields)) {
            assert!(line.starts_with(&format!("fetch: {field}: Alvys needs a value for {field} (")), "{line}");
            assert!(line.contains(&format!("set {name}, or write {field}")), "{line}");
        }
    }
    assert!(alvys.login.seen().is_empty() && alvys.api.seen().is_empty());
    let aluma = Run::with("providers/aluma.toml").args(&["--token"]).run().await;
    assert_eq!(
        aluma.failure(2),
        "fetch: client_id: Aluma needs a value for client_id (Client ID; the item labelled \"Id\" on the page of the API client, \
         in the dashboard); set ALUMA__CLIENT_ID, or write client_id into a values file [config.missing_option]\n\
         fetch: client_secret: Aluma needs a value for client_secret (Client secret; the item labelled \"Secret\" on the page of \
         the API client, in the dashboard); set ALUMA__CLIENT_SECRET, or write client_secret = { file = \"…\" } into a values \
         file [config.missing_option]\n"
    );
}

// SYS-V12
#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_of_a_token_is_not_the_token_unless_it_is_asked_for() {
    let alvys = Alvys::usual().await;
    alvys.tokens.say([json!({ "scope": "loads:read" })]);
    for json in [&["--token"][..], &["--token", "--json"]] {
        let outcome = Run::alvys(&alvys).args(json).run().await;
        assert!(outcome.success().contains("loads:read") && outcome.out.contains("Bearer"));
        assert!(!outcome.out.contains("issued-token") && !outcome.out.contains(Alvys::SECRET));
    }
    let revealed = Run::alvys(&alvys).args(&["--token", "--reveal"]).run().await;
    assert!(revealed.success().ends_with("generation: 1\ntoken: issued-token-3\n"), "{}", revealed.out);
}
