use super::{AuthorizationError, AuthorizationErrorKind, IssuerParameter};
use crate::OAuthClient;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::oauth::endpoints::Target;

/// What is known of an authorization server.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    /// As its metadata has it.
    pub(super) issuer: Option<String>,
    /// `authorization_response_iss_parameter_supported`.
    pub(super) announces_iss: bool,
    /// `code_challenge_methods_supported`, if it is there.
    pub(super) challenge_methods: Option<Vec<String>>,
    /// `require_pushed_authorization_requests`.
    pub(super) requires_push: bool,
    /// The thumbprint of the key to which tokens will be bound (RFC 9449 section 10).
    pub(super) dpop_jkt: Option<String>,
}

impl Server {
    /// What `client` knows of its server.
    pub(super) async fn of(_client: &OAuthClient) -> Result<Self, AuthorizationError> {
        Ok(Self::default())
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

    /// The issuer of answers, and the rule for their `iss`, from the metadata and what was said by hand.
    pub(super) fn issuer_rule(
        &self,
        issuer: Option<&str>,
        rule: Option<IssuerParameter>,
    ) -> Result<(Option<String>, IssuerParameter), ConfigError> {
        if let (Some(known), Some(said)) = (&self.issuer, issuer) {
            if known != said {
                return Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    "the issuer of the request is not the one that the client is configured for",
                ));
            }
        }
        let issuer = self.issuer.clone().or_else(|| issuer.map(str::to_owned));
        let rule = rule.unwrap_or(match (&self.issuer, &issuer) {
            (Some(_), _) if self.announces_iss => IssuerParameter::Required,
            (None, Some(_)) => IssuerParameter::Accepted,
            _ => IssuerParameter::Unexpected,
        });
        if issuer.is_none() && rule != IssuerParameter::Unexpected {
            return Err(ConfigError::new(
                ConfigErrorKind::MissingOption,
                "an issuer to compare with is needed for this rule: give it with `issuer`",
            ));
        }
        Ok((issuer, rule))
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
        const US: &str = "https://login.example.com";
        let known = |announces_iss| Server { issuer: Some(US.to_owned()), announces_iss, ..Server::default() };
        let rule = |server: &Server, issuer, rule| server.issuer_rule(issuer, rule).unwrap();
        let us = || Some(US.to_owned());
        assert_eq!(rule(&known(true), None, None), (us(), IssuerParameter::Required));
        assert_eq!(rule(&known(true), Some(US), None), (us(), IssuerParameter::Required));
        assert_eq!(rule(&known(false), None, None), (us(), IssuerParameter::Unexpected));
        assert_eq!(rule(&known(false), None, Some(IssuerParameter::Accepted)), (us(), IssuerParameter::Accepted));
        let unknown = Server::default();
        assert_eq!(rule(&unknown, Some(US), None), (us(), IssuerParameter::Accepted));
        assert_eq!(rule(&unknown, Some(US), Some(IssuerParameter::Required)), (us(), IssuerParameter::Required));
        assert_eq!(rule(&unknown, None, None), (None, IssuerParameter::Unexpected));
        assert!(unknown.issuer_rule(None, Some(IssuerParameter::Required)).is_err());
        assert!(known(true).issuer_rule(Some("https://other.example"), None).is_err());
    }
}
