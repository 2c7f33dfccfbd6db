use serde_json::{Value, json};
use tower_auth::core::{ConfigError, ResourceMetadata};

use super::section::Section;

/// `[metadata]`: what the service says of itself as a protected resource (RFC 9728).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MetadataSpec {
    /// What is served.
    pub metadata: ResourceMetadata,
}

impl MetadataSpec {
    /// `issuers` are named where the section names no authorization server.
    pub(super) fn read(section: &Section<'_>, issuers: &[String]) -> Option<Self> {
        if !section.is_there() {
            return None;
        }
        let resource = section.required("resource");
        let own_servers = section.texts("authorization_servers");
        let from_issuers = own_servers.is_none();
        let scopes = section.texts("scopes").unwrap_or_default();
        let (name, documentation) = (section.text("name"), section.text("documentation"));
        let dpop = section.texts("dpop_algorithms").unwrap_or_default();
        let dpop_required = section.boolean("dpop_required").unwrap_or(false);
        let bound = section.boolean("certificate_bound_tokens").unwrap_or(false);
        section.finish();

        let noted = |key, error: ConfigError| section.mistake(key, &error.to_string());
        let mut metadata = ResourceMetadata::new(resource?).map_err(|error| noted("resource", error)).ok()?;
        for server in own_servers.as_deref().unwrap_or(issuers) {
            match metadata.clone().authorization_server(server) {
                Ok(more) => metadata = more,
                // That an issuer cannot be named is no mistake of this section: its own names it.
                Err(_) if from_issuers => {}
                Err(error) => noted("authorization_servers", error),
            }
        }
        metadata = metadata.scopes(scopes).dpop_algorithms(dpop);
        if let Some(name) = name {
            metadata = metadata.name(name);
        }
        if dpop_required {
            metadata = metadata.dpop_required();
        }
        if bound {
            metadata = metadata.certificate_bound_tokens();
        }
        if let Some(url) = documentation {
            match metadata.clone().documentation(url) {
                Ok(more) => metadata = more,
                Err(error) => noted("documentation", error),
            }
        }
        Some(Self { metadata })
    }

    pub(crate) fn to_json(&self) -> Value {
        let document = serde_json::from_str::<Value>(&self.metadata.to_json()).unwrap_or_default();
        json!({ "url": self.metadata.url(), "document": document })
    }
}
