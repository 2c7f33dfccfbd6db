//! What each connection brings with it: values in URLs, and what they must look like.

use tower_auth_core::ProviderSpec;
use tower_auth_testing::TestClock;

use crate::script::{Script, form, grants};
use crate::{api, connect, pair, values};

const BODY: &str = "grant_type=client_credentials&client_id=id&client_secret=s3cret%2B%2F%25%3A";

fn file(token_url: &str, fields: &str) -> String {
    format!(
        "id = \"acme\"\nbase_url = \"https://{{region||\\\"eu\\\"}}.api.acme.test\"\n[[auth]]\nkind = \"oauth2_client_credentials\"\n\
         token_url = '{token_url}'\n{fields}\n[[auth.fields]]\nname = 'region'\nrequired = false\npattern = '[a-z]+'\n"
    )
}

#[tokio::test]
async fn values_stand_in_host_port_path_and_query() {
    let fields = "[[auth.fields]]\nname = 'subdomain'\nprefix = 'https://'\nsuffix = '.acme.test'\n[[auth.fields]]\nname = 'port'\ndefault = '8443'\n\
                  [[auth.fields]]\nname = 'tenant'";
    let file = file("https://{subdomain}.acme.test:{port}/{tenant}/token?t={tenant}", fields);
    let url = "https://my-shop.acme.test:8443/a%2F..%2Fb%3Fc%23d%20e/token?t=a%2F..%2Fb%3Fc%23d%20e";
    let server = Script::new().on(form(url, BODY), grants("t0k"));
    // What was pasted around the value is taken off.
    let given = pair(&[("subdomain", "https://my-shop.acme.test"), ("tenant", "a/../b?c#d e")]);
    let connection = connect(&file, &given, &server, &TestClock::new());
    assert_eq!(api(&connection).await, "GET https://eu.api.acme.test/items?page=2\nauthorization: Bearer t0k\n");
}

#[tokio::test]
async fn a_fallback_holds_where_a_value_is_missing() {
    let file = file("https://login.{region||\"eu\"}.acme.test/token", "");
    for (given, url, api_url) in [
        (pair(&[]), "https://login.eu.acme.test/token", "GET https://eu.api.acme.test/"),
        (pair(&[("region", "us")]), "https://login.us.acme.test/token", "GET https://us.api.acme.test/"),
    ] {
        let server = Script::new().on(form(url, BODY), grants("t0k"));
        let connection = connect(&file, &given, &server, &TestClock::new());
        assert!(api(&connection).await.starts_with(api_url));
    }
}

// THREAT-T6
#[test]
fn a_hostile_value_decides_no_host() {
    let spec = |field: &str, url: &str| {
        ProviderSpec::from_toml(&file(url, &format!("[[auth.fields]]\nname = 'x'\n{field}"))).unwrap()
    };
    for (field, url, hostile) in [
        (
            "",
            "https://{x}.acme.test/token",
            &["evil.test/", "a@evil", "evil.test#", "evil.test?", "a b", "-", "a..b", "evil.test:1", "%2e", "\u{e4}"][..],
        ),
        ("format = 'hostname'", "https://{x}/token", &["evil.test/x", "a@b.test", "a:1", "[::1]", "", "a_b"]),
        (
            "format = 'uri'",
            "{x}/token",
            &[
                "http://",
                "https://a@b.test",
                "ftp://a.test",
                "https://a.test/../x",
                "https://a.test?x",
                "javascript:alert(1)",
            ],
        ),
        ("enum = ['eu', 'us']", "https://login.{x}/token", &["evil.test", "EU", "eu "]),
        (
            "pattern = '[a-z]+\\.acme\\.test'",
            "https://{x}/token",
            &["evil.test", "eu.acme.test.evil", "eu.acme.testx", "x@eu.acme.test"],
        ),
        ("", "https://login.acme.test:{x}/token", &["0", "65536", "80/", "8x", "-1"]),
        ("", "https://login.acme.test/{x}/token", &["..", "."]),
    ] {
        for value in hostile {
            let given: Vec<_> = pair(&[("x", *value)]);
            let spec = spec(field, url);
            assert!(spec.fill(&values(&given)).is_err(), "{value:?} in {url}");
        }
    }
}

// SYS-V9
#[test]
fn all_that_is_wrong_is_said_at_once_by_field() {
    let fields = "[[auth.fields]]\nname = 'subdomain'\npattern = '[a-z-]+'\n[[auth.fields]]\nname = 'tier'\nenum = ['basic', 'pro']\n\
                  [[auth.fields]]\nname = 'org'\nformat = 'uuid'\n[[auth.fields]]\nname = 'mail'\nformat = 'email'\n[[auth.fields]]\nname = 'missing'";
    let spec = ProviderSpec::from_toml(&file("https://{subdomain}.acme.test/token", fields)).unwrap();
    let given = [("client_id", "id"), ("subdomain", "UP"), ("tier", "gold"), ("org", "7"), ("mail", "ann")];
    let text = spec.fill(&values(&given)).unwrap_err().to_string();
    for name in ["client_secret", "subdomain", "tier", "org", "mail", "missing"] {
        assert!(text.lines().any(|line| line.contains(name)), "{name} in {text}");
    }
    assert_eq!(text.lines().count(), 6, "{text}");
}

#[tokio::test]
async fn a_field_counts_only_where_it_is_shown() {
    let fields = "token_params = { contract = '{contract}' }\nskip_empty = true\n[[auth.fields]]\nname = 'plan'\nenum = ['basic', 'pro']\n\
                  [[auth.fields]]\nname = 'contract'\nvisible_when = { field = 'plan', equals = 'pro' }";
    let url = "https://login.acme.test/token";
    for (plan, more) in [("basic", ""), ("pro", "&contract=c1")] {
        let server = Script::new().on(form(url, &format!("{BODY}{more}")), grants("t0k"));
        let given = pair(&[("plan", plan), ("contract", "c1")]);
        let connection = connect(&file(url, fields), &given, &server, &TestClock::new());
        connection.credential().await.unwrap();
    }
}

// SYS-C23, SYS-V3
#[tokio::test]
async fn an_operator_moves_every_url_and_chooses_the_environment() {
    let text = file("https://login.acme.test/token", "").replace(
        "[[auth]]",
        "[environments.sandbox]\nbase_url = \"https://sandbox.acme.test\"\ntoken_url = \"https://sandbox.acme.test/token\"\n[[auth]]",
    );
    let server = Script::new().on(form("https://sandbox.acme.test/token", BODY), grants("t0k"));
    let connection = connect(&text, &pair(&[("environment", "sandbox")]), &server, &TestClock::new());
    assert!(api(&connection).await.starts_with("GET https://sandbox.acme.test/items"));
    let own = [("token_url", "https://own.acme.test/t"), ("base_url", "https://own.acme.test/v9")];
    let server = Script::new().on(form("https://own.acme.test/t", BODY), grants("t0k"));
    let connection = connect(&text, &pair(&own), &server, &TestClock::new());
    assert!(api(&connection).await.starts_with("GET https://own.acme.test/v9/items"));
}
