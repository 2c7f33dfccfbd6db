use http::Method;
use serde_json::Value;

use crate::database::{Database, on_both};
use crate::world::{World, session};

on_both![
    the_document_has_every_route_and_no_other,
    every_reference_leads_somewhere,
    examples_and_answers_are_what_the_document_describes,
];

/// What the router has, beside what the document says.
const ROUTES: &[(&str, &[&str])] = &[
    ("/openapi.json", &["get"]),
    ("/connectors", &["get"]),
    ("/connectors/{connector}", &["get"]),
    ("/connectors/{connector}/credentials/metadata", &["get"]),
    ("/credentials", &["get", "post"]),
    ("/credentials/{id}", &["get", "patch", "delete"]),
    ("/credentials/{id}/test", &["post"]),
    ("/credentials/{id}/revoke", &["post"]),
    ("/credentials/{id}/reconnect", &["post"]),
    ("/credentials/{id}/requests", &["get"]),
];

const METHODS: &[&str] = &["get", "post", "patch", "delete", "put"];

async fn document(world: &World) -> Value {
    let answer = world.browser().get("/connect/api/openapi.json").await;
    assert_eq!(answer.status, 200);
    answer.json()
}

async fn the_document_has_every_route_and_no_other(database: Database) {
    let world = World::new(&database).await;
    let document = document(&world).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), ROUTES.len());
    for (path, methods) in ROUTES {
        let own = paths.get(*path).unwrap_or_else(|| panic!("{path}")).as_object().unwrap();
        for method in METHODS {
            // The router says which methods a path has: without a session it answers 401, without a method 405.
            let real = path.replace("{connector}", "keys").replace("{id}", "cred_x");
            let method_of = method.to_uppercase().parse::<Method>().unwrap();
            let answer = world.browser().json(method_of, &format!("/connect/api{real}"), None, None).await;
            let is_there = answer.status != 405;
            assert_eq!(is_there, methods.contains(method), "{method} {path} {}", answer.status);
            assert_eq!(is_there, own.contains_key(*method), "{method} {path}");
            if is_there && *path != "/openapi.json" {
                assert_eq!(answer.status, 401, "{method} {path}");
                let responses = own[*method]["responses"].as_object().unwrap();
                assert!(responses.contains_key("401"), "{method} {path}");
                let problem = &responses["401"]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(problem, "#/components/schemas/Problem", "{method} {path}");
            }
        }
    }
    assert_eq!(document["components"]["securitySchemes"]["session"]["scheme"], "bearer");
    assert_eq!(document["security"][0]["session"], serde_json::json!([]));
}

async fn every_reference_leads_somewhere(database: Database) {
    let world = World::new(&database).await;
    let document = document(&world).await;
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
                }
                members.values().for_each(|own| walk(own, document));
            }
            Value::Array(items) => items.iter().for_each(|own| walk(own, document)),
            _ => {}
        }
    }
    walk(&document, &document);
}

/// Whether `value` is what `schema` describes, as far as these schemas go.
fn fits(value: &Value, schema: &Value, document: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(value, document.pointer(&reference[1..]).unwrap(), document, at);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(own) => vec![own],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let own = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.is_empty() || types.contains(&own), "{at}: {own} is none of {types:?}");
    if let Value::Array(items) = value {
        items.iter().for_each(|item| fits(item, &schema["items"], document, at));
    }
    if let (Value::Object(members), Some(properties)) = (value, schema["properties"].as_object()) {
        for (name, member) in members {
            let known = properties.get(name).unwrap_or_else(|| panic!("{at}: {name} is not described"));
            fits(member, known, document, &format!("{at}/{name}"));
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(members.contains_key(name), "{at}: {name} is missing");
        }
    }
}

async fn examples_and_answers_are_what_the_document_describes(database: Database) {
    let world = World::new(&database).await;
    let document = document(&world).await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        if let Some(example) = schema.get("example") {
            fits(example, schema, &document, name);
        }
    }
    let token = world.connect.sign(&session("alice")).unwrap();
    let browser = world.browser();
    let key = world.keys.issue("alice");
    let body =
        serde_json::json!({"connectorId": "keys", "fields": {"api_key": key.expose_secret()}, "logRequests": true});
    let call = async |method: Method, path: &str, body| {
        browser.json(method, &format!("/connect/api{path}"), Some(token.expose_secret()), body).await.json()
    };
    let made = call(Method::POST, "/credentials", Some(body)).await;
    let id = made["credentialId"].as_str().unwrap().to_owned();
    for (answer, schema) in [
        (made, "CredentialDto"),
        (call(Method::GET, "/credentials", None).await, "CredentialsDto"),
        (call(Method::GET, "/connectors", None).await, "ConnectorsDto"),
        (call(Method::GET, "/connectors/keys", None).await, "ConnectorDto"),
        (call(Method::GET, "/connectors/keys/credentials/metadata", None).await[0].clone(), "MethodDto"),
        (call(Method::GET, &format!("/credentials/{id}/requests"), None).await, "RequestsDto"),
        (call(Method::GET, "/credentials/x", None).await, "Problem"),
        (call(Method::POST, "/credentials", Some(serde_json::json!({"connectorId": "grants"}))).await, "Problem"),
    ] {
        fits(&answer, &schemas[schema], &document, schema);
    }
}
