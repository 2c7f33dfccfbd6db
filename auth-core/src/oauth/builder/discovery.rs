use super::OAuthClientBuilder;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Endpoint, PlaintextRules};
use crate::oauth::ServerMetadata;
use crate::oauth::endpoints::{EndpointRules, Endpoints, Target};
use crate::oauth::metadata::MetadataCache;

impl OAuthClientBuilder {
    /// What names the server in messages, and where its metadata comes from.
    pub(super) fn discovery(
        &self,
        endpoints: &Endpoints,
        rules: &PlaintextRules,
    ) -> Result<(String, Option<MetadataCache>), ConfigError> {
        let token = endpoints.get(Target::Token);
        let Some(issuer) = &self.issuer else {
            let missing =
                || ConfigError::new(ConfigErrorKind::MissingOption, "the URL of the token endpoint is missing");
            return Ok((token.ok_or_else(missing)?.site().to_owned(), None));
        };
        let mut discovery = ServerMetadata::discovery(issuer)
            .clock(self.clock.clone())
            .timeout(self.timeout)
            .plaintext(self.plaintext.clone());
        if let Some(http) = &self.http {
            discovery = discovery.http_client(http.clone());
        }
        let checked = discovery.checked_issuer(rules);
        match (token, checked) {
            // An issuer that is only a name for assertions need not be a URL.
            (Some(token), checked) => {
                Ok((token.site().to_owned(), checked.is_ok().then(|| MetadataCache::new(discovery))))
            }
            (None, checked) => Ok((Endpoint::site(&checked?).to_owned(), Some(MetadataCache::new(discovery)))),
        }
    }

    pub(super) fn endpoint_rules(&self) -> Result<EndpointRules, ConfigError> {
        let origins = self.endpoint_origins.iter().map(|origin| origin.parse()).collect::<Result<_, _>>()?;
        Ok(EndpointRules { origins, mtls: self.identity.method.uses_certificate() || self.shows_certificate() })
    }
}
