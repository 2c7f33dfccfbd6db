//! The fields of a method as a JSON Schema, for forms.

use serde_json::{Map, Value, json};

use super::field::FieldSpec;
use super::kind::{FieldFormat, FieldScope, FieldType, URL_KEYS, UrlKey};
use super::model::AuthMethod;
use super::spec::ProviderSpec;

impl ProviderSpec {
    /// What the method called `method` must be given, as a JSON Schema (2020-12) from which a form can be made; `None` if there is
    /// no such method. Only fields of these `scopes` are in it.
    ///
    /// Each property has title, `description`, pattern, format, enum, default and examples as the file has them. Secrets are
    /// `writeOnly`, with the format `password`. What JSON Schema has no word for: `x-order`, `x-help-url`, `x-prefix`, `x-suffix`, `x-scope`, and
    /// `x-visible-when` with `field` and `equals`. With [`FieldScope::Connector`] the URLs are in it that the file leaves to the operator.
    #[must_use]
    pub fn input_schema(&self, method: &str, scopes: &[FieldScope]) -> Option<String> {
        let method = self.method(method)?;
        let asked = method.fields().iter().filter(|field| field.is_asked_for() && scopes.contains(&field.scope()));
        let (mut properties, mut required, mut conditions) = (Map::new(), Vec::new(), Vec::new());
        let mut order = 0;
        for field in asked {
            order += 1;
            properties.insert(field.name().to_owned(), property(field, order));
            match field.visible_when() {
                _ if !field.is_required() => {}
                None => required.push(json!(field.name())),
                Some((other, values)) => conditions.push(json!({
                    "if": { "properties": { other: { "enum": values } }, "required": [other] },
                    "then": { "required": [field.name()] },
                })),
            }
        }
        if scopes.contains(&FieldScope::Connector) {
            for (name, _) in URL_KEYS.iter().filter(|(_, key)| self.leaves_open(method, *key)) {
                order += 1;
                let url = json!({ "type": "string", "title": name, "format": "uri", "x-order": order, "x-scope": "connector" });
                properties.insert((*name).to_owned(), url);
                required.push(json!(name));
            }
        }
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": method.title(),
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        if let (false, Some(members)) = (conditions.is_empty(), schema.as_object_mut()) {
            members.insert("allOf".to_owned(), Value::Array(conditions));
        }
        Some(schema.to_string())
    }

    /// Whether the method needs the URL and the file does not have it.
    fn leaves_open(&self, method: &AuthMethod, key: UrlKey) -> bool {
        let environments = &self.0.environments;
        let written = method.urls.contains_key(&key)
            || self.0.urls.contains_key(&key)
            || environments.values().any(|urls| urls.contains_key(&key));
        !written && (method.needs_url(key) || key == UrlKey::Base && uses_base(method))
    }
}

/// Whether a URL that the kind needs begins with the base URL.
fn uses_base(method: &AuthMethod) -> bool {
    method.urls.values().any(|url| url.value.begins_with("base_url"))
}

fn property(field: &FieldSpec, order: usize) -> Value {
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    add("type", json!(if field.field_type() == FieldType::Boolean { "boolean" } else { "string" }));
    add("title", json!(field.title()));
    add("x-order", json!(order));
    add("x-scope", json!(field.scope().as_str()));
    let texts = [
        ("description", field.help()),
        ("x-help-url", field.help_url()),
        ("x-prefix", field.prefix()),
        ("x-suffix", field.suffix()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            add(name, json!(text));
        }
    }
    if let Some(default) = field.default_value() {
        let value = if field.field_type() == FieldType::Boolean { json!(default == "true") } else { json!(default) };
        add("default", value);
    }
    if let Some(example) = field.example() {
        add("examples", json!([example]));
    }
    if let Some(pattern) = field.pattern() {
        // Patterns of JSON Schema match a part.
        add("pattern", json!(format!("^(?:{pattern})$")));
    }
    if !field.allowed().is_empty() {
        add("enum", json!(field.allowed()));
    }
    if field.is_required() && field.field_type() != FieldType::Boolean {
        add("minLength", json!(1));
    }
    let format = match (field.is_secret(), field.format(), field.field_type()) {
        (true, ..) => Some("password"),
        (_, Some(FieldFormat::Uri), _) => Some("uri"),
        (_, Some(FieldFormat::Hostname), _) => Some("hostname"),
        (_, Some(FieldFormat::Uuid), _) => Some("uuid"),
        (_, Some(FieldFormat::Email), _) => Some("email"),
        _ => None,
    };
    if let Some(format) = format {
        add("format", json!(format));
    }
    if field.is_secret() {
        add("writeOnly", json!(true));
    }
    match field.field_type() {
        FieldType::Pem => add("contentMediaType", json!("application/x-pem-file")),
        FieldType::Json => add("contentMediaType", json!("application/json")),
        _ => {}
    }
    if let Some((other, values)) = field.visible_when() {
        add("x-visible-when", json!({ "field": other, "equals": values }));
    }
    Value::Object(members)
}
