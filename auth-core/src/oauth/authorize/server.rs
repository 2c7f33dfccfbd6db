use super::{AuthorizationError, AuthorizationErrorKind, IssuerParameter};
use crate::OAuthClient;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::endpoints::Target;

/// What is known of an authorization server.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    pub(super) issuer: Option<String>,
    /// `authorization_response_iss_parameter_supported`; `None` where no metadata is known.
    pub(super) announces_iss: Option<bool>,
    /// `code_challenge_methods_supported`, if it is there.
    pub(super) challenge_methods: Option<Vec<String>>,
    /// `require_pushed_authorization_requests`.
    pub(super) requires_push: bool,
    /// The thumbprint of the key to which tokens will be bound (RFC 9449 section 10).
    pub(super) dpop_jkt: Option<String>,
}

impl Server {
    /// What `client` knows of its server.
    pub(super) async fn of(client: &OAuthClient) -> Result<Self, AuthorizationError> {
        let server = Self { issuer: client.0.issuer.clone(), dpop_jkt: client.dpop_jkt(), ..Self::default() };
        if !client.0.discovers() {
            return Ok(server);
        }
        let metadata = client.metadata().await.map_err(|error| {
            AuthorizationError::start_failed("the metadata of the authorization server could not be had", error)
        })?;
        Ok(Self {
            announces_iss: Some(metadata.announces_iss_parameter()),
            challenge_methods: metadata.code_challenge_methods().map(<[String]>::to_vec),
            requires_push: metadata.requires_pushed_authorization_requests(),
            ..server
        })
    }

    /// Refuses a server whose metadata lists methods for proof keys, and not ours: whatever lets a list of `plain` pass
    /// can be talked out of proof keys (RFC 9700 section 4.8.2).
    pub(super) fn check_challenge_method(&self) -> Result<(), AuthorizationError> {
        match &self.challenge_methods {
            Some(methods) if !methods.iter().any(|method| method == super::pkce::METHOD) => {
                Err(AuthorizationError::new(
                    AuthorizationErrorKind::PkceUnsupported,
                    "the authorization server's metadata does not list S256 for proof keys (code_challenge_methods_supported): \
                     have it enabled, or declare with without_pkce that this server has none",
                ))
            }
            _ => Ok(()),
        }
    }

    /// The rule for `iss` in answers: `rule` if it was said, else what the metadata announces.
    pub(super) fn issuer_rule(&self, rule: Option<IssuerParameter>) -> Result<IssuerParameter, ConfigError> {
        let rule = rule.unwrap_or(match (self.announces_iss, &self.issuer) {
            (Some(true), _) => IssuerParameter::Required,
            (None, Some(_)) => IssuerParameter::Accepted,
            _ => IssuerParameter::Unexpected,
        });
        if self.issuer.is_none() && rule != IssuerParameter::Unexpected {
            return Err(ConfigError::new(
                ConfigErrorKind::MissingOption,
                "an issuer to compare with is needed for this rule: give it to the client with `issuer`",
            ));
        }
        Ok(rule)
    }
}

/// The URL of the token endpoint, without its query: what tells servers apart whose issuers are not known.
pub(super) async fn token_endpoint(client: &OAuthClient) -> Result<String, AuthorizationError> {
    let endpoint = client.0.endpoint(Target::Token).await.map_err(|error| {
        AuthorizationError::start_failed("the token endpoint of the authorization server is not known", error)
    })?;
    let uri = endpoint.uri();
    Ok(format!("{}://{}{}", uri.scheme_str().unwrap_or_default(), endpoint.site(), uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(methods: Option<&[&str]>) -> Server {
        let challenge_methods = methods.map(|methods| methods.iter().map(|&method| method.to_owned()).collect());
        Server { challenge_methods, ..Server::default() }
    }

    // THREAT-C2, R7636-4.2b
    #[test]
    fn metadata_without_our_method_is_an_error() {
        for good in [None, Some(&["S256"][..]), Some(&["plain", "S256"])] {
            assert!(server(good).check_challenge_method().is_ok(), "{good:?}");
        }
        for bad in [&["plain"][..], &[], &["s256"], &["S512"]] {
            let error = server(Some(bad)).check_challenge_method().unwrap_err();
            assert_eq!(error.kind(), AuthorizationErrorKind::PkceUnsupported, "{bad:?}");
        }
    }

    // R9207-2.4b, R9207-2.4c
    #[test]
    fn the_rule_follows_from_what_is_known() {
        let server = |issuer: Option<&str>, announces_iss| Server {
            issuer: issuer.map(str::to_owned),
            announces_iss,
            ..Server::default()
        };
        let rule = |server: Server, rule| server.issuer_rule(rule).ok();
        let us = Some("https://login.example.com");
        assert_eq!(rule(server(us, Some(true)), None), Some(IssuerParameter::Required));
        assert_eq!(rule(server(us, Some(false)), None), Some(IssuerParameter::Unexpected));
        assert_eq!(rule(server(us, None), None), Some(IssuerParameter::Accepted));
        assert_eq!(rule(server(None, None), None), Some(IssuerParameter::Unexpected));
        for said in [IssuerParameter::Required, IssuerParameter::Accepted, IssuerParameter::Unexpected] {
            assert_eq!(rule(server(us, Some(false)), Some(said)), Some(said));
            assert_eq!(rule(server(None, None), Some(said)).is_some(), said == IssuerParameter::Unexpected);
        }
    }
}
