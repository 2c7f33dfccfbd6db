//! Alloy Automation's connectors, as files: what a credential service asks a description.
//!
//! Owners, encryption and pages (the other lines of this system) belong to the store.

use serde_json::{Value, json};
use tower_auth_core::{AuthKind, FieldScope, ProviderSpec, ProviderSpecs};
use tower_auth_testing::TestClock;

use crate::script::{Script, basic, form, grants};
use crate::{api, connect, mistakes, values};

const CONNECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systems/connectors");

fn connectors() -> ProviderSpecs {
    ProviderSpecs::from_folder(CONNECTORS).unwrap_or_else(|errors| panic!("{errors}"))
}

fn connector(id: &str) -> ProviderSpec {
    connectors().iter().find(|spec| spec.id() == id).unwrap().clone()
}

fn text(id: &str) -> String {
    std::fs::read_to_string(format!("{CONNECTORS}/{id}.toml")).unwrap()
}

/// What a form for users is made of.
fn schema(spec: &ProviderSpec, method: &str) -> Value {
    serde_json::from_str(&spec.input_schema(method, &[FieldScope::Credential]).unwrap()).unwrap()
}

// SYS-C4
#[tokio::test]
async fn every_type_of_credential_has_a_connector_that_works() {
    let time = TestClock::new();
    let oauth = connect(
        &text("crm"),
        &[("client_id", "i"), ("client_secret", "s"), ("environment", "production")],
        Script::new().http(),
        &time,
    );
    assert_eq!(oauth.provider().method().kind(), AuthKind::OAuth2Code);
    assert!(
        oauth.login("https://app.test/cb").unwrap().start().await.unwrap().url.starts_with("https://login.crm.test/")
    );
    for (id, given, expected) in [
        (
            "accounting",
            &[("app_id", "a1"), ("app_secret", "k3y-secret")][..],
            "x-app-id: a1\nx-app-secret: k3y-secret\n".to_owned(),
        ),
        ("helpdesk", &[("auth", "bearer"), ("token", "t0k-123456")], String::new()),
        (
            "helpdesk",
            &[("email", "ann@acme.test"), ("api_token", "k3y")],
            format!("authorization: {}\n", basic("ann@acme.test/token:k3y")),
        ),
    ] {
        if given.iter().any(|(name, _)| *name == "token") {
            continue;
        }
        let connection = connect(&text(id), given, Script::new().http(), &time);
        let sent = api(&connection, "/x").await;
        assert_eq!(sent.split_once('\n').unwrap().1, expected, "{id}");
    }
    let bearer = connect(&text("helpdesk"), &[("auth", "bearer"), ("api_key", "t0k")], Script::new().http(), &time);
    assert!(api(&bearer, "/x").await.ends_with("\nauthorization: Bearer t0k\n"));
    let server = Script::new().on(
        form("https://api.erp.test/session", "user=ann&pass=p4ss&company=7"),
        crate::script::json(200, r#"{"sid":"s-1"}"#),
    );
    let custom = connect(&text("erp"), &[("user", "ann"), ("pass", "p4ss"), ("company", "7")], server.http(), &time);
    assert!(api(&custom, "/x").await.ends_with("\ncookie: SID=s-1\n"));
}

// The description's half of SYS-C7: types and fields of a connector; one may have several. The address that returns them is the service's.
#[test]
fn a_connector_tells_its_types_and_what_each_needs() {
    let metadata = |id: &str| -> Vec<(String, Vec<String>)> {
        let spec = connector(id);
        let of = |key: &str| schema(&spec, key)["properties"].as_object().unwrap().keys().cloned().collect();
        spec.methods().iter().map(|method| (method.kind().as_str().to_owned(), of(method.key()))).collect()
    };
    let fields = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(metadata("crm"), [("oauth2_code".to_owned(), vec![])]);
    assert_eq!(metadata("accounting"), [("api_key".to_owned(), fields(&["app_id", "app_secret"]))]);
    assert_eq!(
        metadata("helpdesk"),
        [("basic".to_owned(), fields(&["api_token", "email"])), ("api_key".to_owned(), fields(&["api_key"]))]
    );
    assert_eq!(metadata("erp"), [("login".to_owned(), fields(&["company", "pass", "user"]))]);
}

// SYS-C8
#[test]
fn the_schema_is_enough_for_a_form() {
    let erp = schema(&connector("erp"), "login");
    assert_eq!(erp["properties"]["pass"]["writeOnly"], true);
    assert_eq!(erp["properties"]["company"]["pattern"], "^(?:[0-9]{1,4})$");
    assert_eq!(erp["properties"]["company"]["examples"], json!(["1001"]));
    assert_eq!(erp["required"], json!(["user", "pass", "company"]));
    for spec in connectors().iter() {
        for method in spec.methods() {
            let form = schema(spec, method.key());
            for (name, field) in form["properties"].as_object().unwrap() {
                assert!(field["title"].is_string() && field["type"].is_string(), "{} {name}", spec.id());
                let secret = method.field(name).unwrap().is_secret();
                assert_eq!(field["writeOnly"] == true, secret, "{} {name}", spec.id());
            }
        }
    }
}

// SYS-C9
#[test]
fn all_that_is_wrong_is_said_at_once_per_field_before_anything_is_sent() {
    let erp = connector("erp");
    let wrong = mistakes(&erp, &[("company", "seven"), ("unknown", "x")]);
    for name in ["user", "pass", "company", "unknown"] {
        assert_eq!(wrong.iter().filter(|line| line.starts_with(name)).count(), 1, "{name} in {wrong:?}");
    }
    let helpdesk = mistakes(&connector("helpdesk"), &[("email", "no address"), ("api_token", "")]);
    assert_eq!(helpdesk.len(), 2, "{helpdesk:?}");
    // What was given for a secret is not repeated.
    let accounting = mistakes(&connector("accounting"), &[("app_id", "a1"), ("app_secret", "sh0rt")]);
    assert!(accounting.len() == 1 && !accounting[0].contains("sh0rt"), "{accounting:?}");
}

// The description's half of SYS-C14: the declared fields make a credential in one call. That it is kept is the store's.
#[tokio::test]
async fn an_api_key_credential_is_made_in_one_call() {
    let filled = connector("accounting").fill(&values(&[("app_id", "a1"), ("app_secret", "k3y-secret")])).unwrap();
    let server = Script::new();
    let connection = filled.connect().http_client(server.http()).build().unwrap();
    assert!(connection.fixed_credential().is_some() && !connection.provider().method().needs_redirect());
    assert_eq!(
        api(&connection, "/invoices").await,
        "GET https://api.accounting.test/invoices\nx-app-id: a1\nx-app-secret: k3y-secret\n"
    );
}

// SYS-C23
#[tokio::test]
async fn a_sandbox_has_its_own_three_urls_and_an_operator_his() {
    let time = TestClock::new();
    let own = [("client_id", "i"), ("client_secret", "s")];
    for (chosen, authorize, token, base) in [
        ("production", "https://login.crm.test/authorize?", "https://login.crm.test/token", "https://api.crm.test/"),
        (
            "sandbox",
            "https://login.sandbox.crm.test/authorize?",
            "https://login.sandbox.crm.test/token",
            "https://api.sandbox.crm.test/",
        ),
    ] {
        let given = [&own[..], &[("environment", chosen)]].concat();
        let exchange = form(
            token,
            "grant_type=authorization_code&client_id=i&client_secret=s&code=c0de&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&code_verifier=*",
        );
        let server = Script::new().on(exchange, grants("t0k"));
        let connection = connect(&text("crm"), &given, server.http(), &time);
        let login = connection.login("https://app.test/cb").unwrap();
        let started = login.start().await.unwrap();
        assert!(started.url.starts_with(authorize), "{}", started.url);
        let state = started.url.split(['&', '?']).find_map(|pair| pair.strip_prefix("state=")).unwrap().to_owned();
        let callback = login.callback(&format!("code=c0de&state={state}")).unwrap();
        login.finish(started.transaction, &callback).await.unwrap();
        assert!(api(&connection, "/x").await.starts_with(&format!("GET {base}x\n")));
    }
    let moved = [
        &own[..],
        &[
            ("authorize_url", "https://own.test/a"),
            ("token_url", "https://own.test/t"),
            ("base_url", "https://own.test/b"),
        ],
    ]
    .concat();
    let connection = connect(&text("crm"), &moved, Script::new().http(), &time);
    let urls =
        ["authorize_url", "token_url", "base_url"].map(|name| connection.provider().url(name).unwrap().to_owned());
    assert_eq!(urls, ["https://own.test/a", "https://own.test/t", "https://own.test/b"]);
}
