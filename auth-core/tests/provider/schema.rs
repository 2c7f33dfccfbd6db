use serde_json::Value;
use tower_auth_core::ProviderSpec;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/provider.schema.json");

/// Set `UPDATE_SCHEMA` to write the file.
#[test]
fn the_schema_in_the_documentation_is_the_one_of_the_reader() {
    let schema = ProviderSpec::json_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(COMMITTED, &schema).unwrap();
    }
    assert!(
        std::fs::read_to_string(COMMITTED).unwrap_or_default() == schema,
        "docs/provider.schema.json is not up to date"
    );
}

#[test]
fn the_schema_accepts_the_provider_files_and_refuses_unknown_keys() {
    let schema: Value = serde_json::from_str(&ProviderSpec::json_schema()).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fetch/providers");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let value: Value = toml::from_str(&text).unwrap();
        accepts(&schema, &schema, &value).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        seen += 1;
        let broken: Value = toml::from_str(&text.replace("client_auth", "cleint_auth")).unwrap();
        assert!(!text.contains("client_auth") || accepts(&schema, &schema, &broken).is_err());
    }
    assert!(seen >= 3);
    let full: Value = toml::from_str(&crate::mistakes::full()).unwrap();
    accepts(&schema, &schema, &full).unwrap_or_else(|why| panic!("{why}"));
    for bad in
        ["id = 1", "id = 'a'\nauth = [{ pkce = 'plain' }]", "id = 'a'\nauth = [{ expires = { default = 1.5 } }]", ""]
    {
        let value: Value = toml::from_str(bad).unwrap();
        assert!(accepts(&schema, &schema, &value).is_err(), "{bad}");
    }
}

/// Whether `value` fits `schema`, as far as the schema's own words go.
fn accepts(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).ok_or(format!("{reference} is nowhere"))?;
        return accepts(root, target, value);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        if !choices.iter().any(|choice| accepts(root, choice, value).is_ok()) {
            return Err(format!("{value} fits none"));
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        if !words.contains(value) {
            return Err(format!("{value} is not one of {words:?}"));
        }
    }
    if schema.get("const").is_some_and(|one| one != value) {
        return Err(format!("{value} is another"));
    }
    let is = |name: &str| match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        other => panic!("the type {other}"),
    };
    let fits = match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    };
    if !fits {
        return Err(format!("{value} is no {}", schema["type"]));
    }
    if let (Some(minimum), Some(number)) = (schema["minimum"].as_i64(), value.as_i64()) {
        if number < minimum {
            return Err(format!("{number} is too small"));
        }
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        list.iter().try_for_each(|one| accepts(root, items, one))?;
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            return Err(format!("{name} is missing"));
        }
    }
    for (name, member) in members {
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(own), _) => accepts(root, own, member).map_err(|why| format!("{name}: {why}"))?,
            (None, Value::Bool(false)) => return Err(format!("unknown {name}")),
            (None, own @ Value::Object(_)) => accepts(root, own, member)?,
            (None, _) => {}
        }
    }
    Ok(())
}
