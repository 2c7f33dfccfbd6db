use serde_json::Value;
use tower_auth_core::FieldScope;

use crate::{file, spec};

const ALL: &[FieldScope] = &[FieldScope::Connector, FieldScope::Credential, FieldScope::Once];

fn form(text: &str, method: &str, scopes: &[FieldScope]) -> Value {
    serde_json::from_str(&spec(text).input_schema(method, scopes).unwrap()).unwrap()
}

// SYS-V11, SYS-V7
#[test]
fn the_fields_of_alvys_are_listed_with_help_and_the_secret_is_marked() {
    let text = include_str!("../../../examples/fetch/providers/alvys.toml");
    let form = form(text, "oauth2_client_credentials", ALL);
    let names: Vec<_> = form["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["client_id", "client_secret", "tenant_id"]);
    assert_eq!(form["required"], serde_json::json!(["client_id", "client_secret", "tenant_id"]));
    for name in names {
        let property = &form["properties"][&name];
        assert!(property["description"].is_string() && property["title"].is_string(), "{name}");
        assert_eq!(property["writeOnly"] == true, name == "client_secret", "{name}");
        assert_eq!(property["format"] == "password", name == "client_secret", "{name}");
    }
    assert!(spec(text).input_schema("absent", ALL).is_none());
}

const FULL: &str = r#"
kind = "oauth2_code"
authorize_url = "https://{subdomain}.acme.test/authorize"

[[auth.fields]]
name = "plan"
enum = ["basic", "enterprise"]
default = "basic"
order = 2

[[auth.fields]]
name = "contract"
pattern = "[0-9]+"
visible_when = { field = "plan", equals = "enterprise" }

[[auth.fields]]
name = "subdomain"
title = "Subdomain"
help = "The first part of the address."
help_url = "https://docs.acme.test"
example = "example-inc"
prefix = "https://"
suffix = ".acme.test"
order = 1

[[auth.fields]]
name = "version"
hidden = true
default = "2"

[[auth.fields]]
name = "agreed"
type = "boolean"
default = "true"

[[auth.fields]]
name = "realm_id"

[auth.callback]
capture = [{ name = "realm_id", param = "realmId" }]
"#;

// SYS-V11
#[test]
fn a_form_has_order_texts_and_conditions_and_leaves_out_what_nobody_gives() {
    let text = file("base_url = 'https://api.acme.test'", FULL);
    let user = form(&text, "oauth2_code", &[FieldScope::Credential]);
    let names: Vec<_> = user["properties"].as_object().unwrap().keys().cloned().collect();
    assert!(["plan", "contract", "subdomain", "agreed"].iter().all(|name| names.contains(&(*name).to_owned())));
    assert_eq!(names.len(), 4, "neither hidden, captured nor the operator's: {names:?}");
    let subdomain = &user["properties"]["subdomain"];
    assert_eq!((&subdomain["x-prefix"], &subdomain["x-suffix"]), (&"https://".into(), &".acme.test".into()));
    assert_eq!((&subdomain["x-order"], &subdomain["examples"][0]), (&1.into(), &"example-inc".into()));
    assert_eq!(subdomain["x-help-url"], "https://docs.acme.test");
    assert_eq!(user["properties"]["plan"]["x-order"], 2);
    let contract = &user["properties"]["contract"];
    assert_eq!(contract["pattern"], "^(?:[0-9]+)$");
    assert_eq!(contract["x-visible-when"], serde_json::json!({"field": "plan", "equals": ["enterprise"]}));
    assert_eq!(user["allOf"][0]["then"]["required"], serde_json::json!(["contract"]));
    assert_eq!(user["required"], serde_json::json!(["subdomain"]));
    assert_eq!(
        (&user["properties"]["agreed"]["type"], &user["properties"]["agreed"]["default"]),
        (&"boolean".into(), &true.into())
    );

    // The operator's: the client's pair, and the URL that the file leaves open.
    let operator = form(&text, "oauth2_code", &[FieldScope::Connector]);
    assert_eq!(operator["required"], serde_json::json!(["client_id", "client_secret", "token_url"]));
    assert!(spec(&text).methods()[0].needs_redirect());
}

// SYS-U1
#[test]
fn each_grant_has_its_own_fields() {
    let text = r#"
id = "generic"
[[auth]]
kind = "oauth2_code"
[[auth]]
kind = "oauth2_client_credentials"
[[auth]]
kind = "oauth2_password"
[[auth]]
kind = "oauth2_static_code"
"#;
    for (method, own) in [
        ("oauth2_code", &[][..]),
        ("oauth2_client_credentials", &[]),
        ("oauth2_password", &["username", "password"]),
        ("oauth2_static_code", &["code"]),
    ] {
        let form = form(text, method, ALL);
        let properties = form["properties"].as_object().unwrap();
        for name in ["username", "password", "code"] {
            assert_eq!(properties.contains_key(name), own.contains(&name), "{method} {name}");
        }
        assert!(
            ["client_id", "client_secret", "token_url"].iter().all(|name| properties.contains_key(*name)),
            "{method}"
        );
        assert!(
            ["password", "code"].iter().filter_map(|name| properties.get(*name)).all(|own| own["writeOnly"] == true)
        );
    }
}
