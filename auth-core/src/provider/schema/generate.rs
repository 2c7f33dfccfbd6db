//! The JSON Schema of provider files, for editors. What depends on several keys is judged by the reader alone.

use serde_json::{Map, Value, json};

use super::tables::{ANSWER, FIELD, METHOD, PROVIDER, SOURCE, Shape, TABLES, Table};

/// The schema as text, as it stands in `docs/provider.schema.json`.
pub(crate) fn provider_schema() -> String {
    let mut definitions = Map::new();
    for table in TABLES.iter().filter(|table| table.name != PROVIDER.name) {
        definitions.insert(table.name.to_owned(), object(table));
    }
    definitions.insert(
        "duration".to_owned(),
        json!({
            "description": "Whole seconds, or a text such as \"250ms\", \"90s\", \"5m\", \"24h\", \"7d\".",
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)?$" }],
        }),
    );
    definitions.insert(
        "texts".to_owned(),
        json!({
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        }),
    );
    definitions.insert(
        "status".to_owned(),
        json!({
            "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": "^([1-5]xx|[1-5][0-9][0-9](-[1-5][0-9][0-9])?)$" },
            ],
        }),
    );
    definitions.insert(
        "predicate".to_owned(),
        one_or_many(&json!({
            "anyOf": [reference("status"), reference(ANSWER.name)],
        })),
    );
    definitions.insert(
        "place".to_owned(),
        one_or_many(&json!({
            "anyOf": [{ "type": "string" }, reference(SOURCE.name)],
        })),
    );
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://github.com/tower-auth/tower-auth/blob/main/docs/provider.schema.json",
        "title": "Provider file",
        "description": "How a system authenticates its callers. See docs/provider-files.md.",
    });
    if let (Some(members), Value::Object(own)) = (schema.as_object_mut(), object(&PROVIDER)) {
        members.extend(own);
        members.insert("$defs".to_owned(), Value::Object(definitions));
    }
    format!("{schema:#}\n")
}

fn object(table: &Table) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        let mut own = shape(key.shape);
        if let Some(members) = own.as_object_mut() {
            members.insert("description".to_owned(), json!(key.about));
        }
        properties.insert(key.name.to_owned(), own);
    }
    // A file that extends another has what it needs from there, so only what is never inherited is required.
    let inheriting = [PROVIDER.name, METHOD.name, FIELD.name];
    let required =
        table.keys.iter().filter(|key| key.required && (!inheriting.contains(&table.name) || key.name != "kind"));
    let required: Vec<_> = required.map(|key| key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Text | Shape::Template => json!({ "type": "string" }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer => json!({ "type": "integer", "minimum": 0 }),
        Shape::Duration => reference("duration"),
        Shape::Texts => reference("texts"),
        Shape::Word(words) => json!({ "enum": words() }),
        Shape::Params => json!({ "type": "object" }),
        Shape::Table(table) => reference(table.name),
        Shape::Tables(table) => json!({ "type": "object", "additionalProperties": reference(table.name) }),
        Shape::List(table) => json!({ "type": "array", "items": reference(table.name) }),
        Shape::Place => reference("place"),
        Shape::Predicate => reference("predicate"),
        Shape::GrantType | Shape::Rename => json!({ "anyOf": [{ "type": "string" }, { "const": false }] }),
        Shape::Equals => one_or_many(&json!({ "type": ["string", "integer", "boolean"] })),
        Shape::Status => one_or_many(&reference("status")),
    }
}

fn one_or_many(one: &Value) -> Value {
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}
