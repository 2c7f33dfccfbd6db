use std::sync::Arc;

use super::OAuthClientBuilder;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::PlaintextRules;
use crate::oauth::endpoints::{EndpointRules, Endpoints, Target};
use crate::oauth::metadata::MetadataCache;
use crate::oauth::{ServerDiscovery, ServerMetadata};

impl OAuthClientBuilder {
    /// What names the server in messages, and where its metadata comes from.
    pub(super) fn discovery(
        &self,
        endpoints: &Endpoints,
        rules: &PlaintextRules,
    ) -> Result<(String, Option<Arc<MetadataCache>>), ConfigError> {
        // A resource server that only looks tokens up has no use for a token endpoint.
        let token = endpoints.get(Target::Token).or_else(|| endpoints.get(Target::Introspection));
        let Some(issuer) = &self.issuer else {
            let missing =
                || ConfigError::new(ConfigErrorKind::MissingOption, "the URL of the token endpoint is missing");
            return Ok((token.ok_or_else(missing)?.site().to_owned(), None));
        };
        let discovery = self.server_discovery(issuer);
        let checked = discovery.checked_issuer(rules);
        let metadata = match &self.metadata {
            Some(shared) if shared.issuer() == issuer => Arc::clone(shared),
            _ => Arc::new(MetadataCache::new(discovery)),
        };
        match (token, checked) {
            // An issuer that is only a name for assertions need not be a URL.
            (Some(token), checked) => Ok((token.site().to_owned(), checked.is_ok().then_some(metadata))),
            (None, checked) => Ok((checked?.site().to_owned(), Some(metadata))),
        }
    }

    /// How the metadata of `issuer` is fetched.
    pub(in crate::oauth) fn server_discovery(&self, issuer: &str) -> ServerDiscovery {
        let discovery = ServerMetadata::discovery(issuer)
            .clock(self.clock.clone())
            .timeout(self.timeout)
            .plaintext(self.plaintext.clone());
        match &self.http {
            Some(http) => discovery.http_client(http.clone()),
            None => discovery,
        }
    }

    /// Shares what is known of the issuer with every client that this builder makes.
    pub(in crate::oauth) fn shared_metadata(mut self, metadata: Arc<MetadataCache>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    pub(super) fn endpoint_rules(&self) -> Result<EndpointRules, ConfigError> {
        let origins = self.endpoint_origins.iter().map(|origin| origin.parse()).collect::<Result<_, _>>()?;
        Ok(EndpointRules { origins, mtls: self.identity.method.uses_certificate() || self.shows_certificate() })
    }
}
