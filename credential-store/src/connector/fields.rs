use tower_auth_core::{AuthKind, AuthMethod, FieldScope, FieldSpec};

use super::Connector;

/// A method of a connector, and the fields of it that a user is asked for: those that no operator has given.
#[derive(Clone, Copy, Debug)]
pub struct MethodFields<'a> {
    connector: &'a Connector,
    method: &'a AuthMethod,
}

impl<'a> MethodFields<'a> {
    pub(crate) fn new(connector: &'a Connector, method: &'a AuthMethod) -> Self {
        Self { connector, method }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a AuthMethod {
        self.method
    }

    /// The authentication type, as an API tells it: `oauth2`, `api_key`, `basic`, `custom`.
    #[must_use]
    pub fn authentication_type(&self) -> &'static str {
        match self.method.kind() {
            AuthKind::OAuth2Code
            | AuthKind::OAuth2ClientCredentials
            | AuthKind::OAuth2Password
            | AuthKind::OAuth2StaticCode
            | AuthKind::OAuth2JwtBearer => "oauth2",
            AuthKind::ApiKey => "api_key",
            AuthKind::Basic => "basic",
            _ => "custom",
        }
    }

    /// The fields, in the order of a form.
    pub fn iter(&self) -> impl Iterator<Item = &'a FieldSpec> {
        let connector = self.connector;
        self.method.fields().iter().filter(move |field| is_asked(connector, field))
    }

    /// The fields as a JSON Schema (2020-12) from which a form can be made.
    #[must_use]
    pub fn input_schema(&self) -> serde_json::Value {
        let scopes = [FieldScope::Credential, FieldScope::Once];
        let text = self.connector.spec().input_schema(self.method.key(), &scopes).unwrap_or_default();
        let mut schema: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let given = |name: &str| !self.iter().any(|field| field.name() == name);
        if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
            properties.retain(|name, _| !given(name));
        }
        if let Some(required) = schema.get_mut("required").and_then(serde_json::Value::as_array_mut) {
            required.retain(|name| name.as_str().is_some_and(|name| !given(name)));
        }
        schema
    }
}

fn is_asked(connector: &Connector, field: &FieldSpec) -> bool {
    field.is_asked_for() && field.scope() != FieldScope::Connector && !connector.is_given(field.name())
}
