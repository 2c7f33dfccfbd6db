use std::time::Duration;

use super::renewal::Rotation;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::builder::OAuthClientBuilder;
use crate::oauth::client::OAuthClient;
use crate::oauth::request::{Params, repeated};
use crate::{Lifetime, ScopeSet, TokenResponse};

/// What is the same in every grant: over which client, for what, and how its refresh tokens are spent.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) client: OAuthClientBuilder,
    pub(crate) scopes: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) default_lifetime: Option<Duration>,
    pub(crate) rotation: Rotation,
    pub(crate) reuse_grace: Duration,
}

/// [`Terms`] that were checked.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub(crate) client: OAuthClient,
    pub(crate) scope: ScopeSet,
    /// Audiences and resources.
    pub(crate) params: Params,
    /// The resources alone, for refreshes (RFC 8707 section 2.2).
    pub(crate) resources: Params,
    pub(crate) default_lifetime: Option<Duration>,
    pub(crate) rotation: Rotation,
    pub(crate) reuse_grace: Duration,
}

impl Terms {
    pub(crate) fn over(client: OAuthClientBuilder) -> Self {
        Self {
            client,
            scopes: Vec::new(),
            audiences: Vec::new(),
            resources: Vec::new(),
            default_lifetime: None,
            rotation: Rotation::default(),
            reuse_grace: Duration::ZERO,
        }
    }

    /// Checks everything. `own` are the parameters that the grant itself sends: no extra one may repeat them.
    pub(crate) fn agree(&self, own: &[&str]) -> Result<Agreed, ConfigError> {
        let scope = ScopeSet::new(&self.scopes)?;
        let (mut params, mut resources) = (Params::default(), Params::default());
        for audience in &self.audiences {
            params.push("audience", audience.as_str());
        }
        for resource in &self.resources {
            check_resource(resource)?;
            resources.push("resource", resource.as_str());
        }
        params.extend(&resources);
        let client = self.client.clone().build()?;
        if let Some(name) = params.names().chain(own.iter().copied()).find(|name| client.has_param(name)) {
            return Err(repeated(name));
        }
        if let Some(name) = resources.names().find(|name| client.has_refresh_param(name)) {
            return Err(repeated(name));
        }
        let (rotation, reuse_grace) = (self.rotation, self.reuse_grace);
        Ok(Agreed { client, scope, params, resources, default_lifetime: self.default_lifetime, rotation, reuse_grace })
    }
}

impl Agreed {
    /// `response`, with the lifetime that was configured if it does not say one.
    pub(crate) fn with_lifetime(&self, response: TokenResponse) -> TokenResponse {
        match (response.lifetime(), self.default_lifetime) {
            (Lifetime::Unknown, Some(lifetime)) => response.expires_in(lifetime),
            _ => response,
        }
    }
}

impl OAuthClient {
    /// Whether `name` is among the extra parameters of refreshes.
    pub(super) fn has_refresh_param(&self, name: &str) -> bool {
        self.0.refresh_params.has(name)
    }
}

/// An absolute URI without fragment (RFC 8707 section 2, RFC 3986 section 4.3).
pub(crate) fn check_resource(resource: &str) -> Result<(), ConfigError> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let absolute = resource.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty());
    if !absolute || !resource.bytes().all(|byte| matches!(byte, b'!'..=b'~' if byte != b'#')) {
        return Err(ConfigError::new(
            ConfigErrorKind::InvalidUrl,
            format!("the resource {resource:?} is not an absolute URI without fragment"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // R8707-2a, R8707-P1
    #[test]
    fn a_resource_is_an_absolute_uri_without_fragment() {
        for good in ["https://api.example.com", "https://a/b?c", "urn:example:api", "api://1234"] {
            assert!(check_resource(good).is_ok(), "{good}");
        }
        for bad in ["", "api", "/a", "//a", ":a", "1a:b", "https:", "https://a#b", "https://a b", "https://\u{e4}"] {
            assert!(check_resource(bad).is_err(), "{bad}");
        }
    }
}
