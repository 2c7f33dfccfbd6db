use crate::config::{Reader, invalid};
use crate::provider::field::{FieldSpec, Pattern, VisibleWhen};
use crate::provider::kind::{
    FIELD_FORMATS, FIELD_SCOPES, FIELD_SOURCES, FIELD_TYPES, FieldScope, FieldSource, FieldType,
};
use crate::provider::names::RESERVED;
use crate::provider::schema;

use super::parts::{close, is_name, page};

pub(super) fn field(reader: &Reader<'_>) -> Option<FieldSpec> {
    let name = reader.required("name");
    let mut field = FieldSpec::bare("", reader.boolean("secret").unwrap_or(false), reader.at());
    field.title = reader.text("title");
    field.help = reader.text("help");
    field.help_url = page(reader, "help_url");
    field.example = reader.text("example");
    field.allowed = reader.texts("enum");
    let kind = reader.word("type", FIELD_TYPES);
    field.kind = kind.unwrap_or(if field.allowed.is_empty() { FieldType::String } else { FieldType::Enum });
    let required = reader.boolean("required");
    field.pattern = reader.text("pattern").and_then(|text| match Pattern::new(&text) {
        Ok(pattern) => Some(pattern),
        Err(what) => {
            reader.mistake("pattern", invalid(&format!("the pattern cannot be used: {what}")));
            None
        }
    });
    field.format = reader.word("format", FIELD_FORMATS);
    field.default = reader.text("default");
    field.hidden = reader.boolean("hidden").unwrap_or(false);
    field.prefix = reader.text("prefix");
    field.suffix = reader.text("suffix");
    field.order = reader.integer("order");
    field.visible_when = reader.section("visible_when").and_then(|own| {
        let (field, equals) = (own.required("field"), own.texts("equals"));
        if !own.has("equals") {
            own.required("equals");
        }
        close(&own, &schema::VISIBLE_WHEN, &[]);
        Some(VisibleWhen { field: field?, equals })
    });
    let scope = reader.word("scope", FIELD_SCOPES);
    field.scope = scope.unwrap_or(FieldScope::Credential);
    field.scope_written = scope.is_some();
    let source = reader.word("source", FIELD_SOURCES);
    field.source = source.unwrap_or(FieldSource::User);
    field.source_written = source.is_some();
    close(reader, &schema::FIELD, &[("description", "help"), ("label", "title"), ("optional", "required = false")]);

    field.required = required.unwrap_or(field.source == FieldSource::User && field.default.is_none());
    field.required_written = required;
    check(reader, &field, kind);
    field.name = name?;
    if !is_name(&field.name) {
        reader.mistake("name", invalid("a field's name has letters, digits and '_' only, and begins with no digit"));
        return None;
    }
    let step = field.name.strip_prefix("step").is_some_and(|rest| rest.parse::<usize>().is_ok());
    if RESERVED.contains(&field.name.as_str()) || step {
        reader.mistake("name", invalid("this name has a meaning of its own, so no field may be called so"));
        return None;
    }
    Some(field)
}

/// Objects to what does not fit together.
fn check(reader: &Reader<'_>, field: &FieldSpec, kind: Option<FieldType>) {
    if field.secret && field.default.is_some() {
        reader.mistake("default", invalid("a secret has no default"));
    }
    if kind == Some(FieldType::Enum) && field.allowed.is_empty() {
        reader.mistake("type", invalid("the type enum needs the list \"enum\""));
    }
    if !field.allowed.is_empty() && !matches!(field.kind, FieldType::Enum | FieldType::String) {
        reader.mistake("enum", invalid("this list is for the type enum"));
    }
    if reader.has("enum") && field.allowed.iter().any(String::is_empty) {
        reader.mistake("enum", invalid("a value of the list is empty"));
    }
    let asked = field.source == FieldSource::User;
    if field.hidden && asked && field.required && field.default.is_none() {
        reader.mistake("hidden", invalid("a hidden field needs a default, another source, or required = false"));
    }
    if !asked && field.default.is_some() && field.required {
        reader.mistake("required", invalid("a field with a default is never missing"));
    }
    for (key, value) in [("default", &field.default), ("example", &field.example)] {
        // Only a form is shown the example, and it may be shown with prefix and suffix.
        if let Some(Err(error)) = value.as_deref().filter(|value| !value.is_empty()).map(|value| field.check(value)) {
            reader.mistake(key, error);
        }
    }
}
