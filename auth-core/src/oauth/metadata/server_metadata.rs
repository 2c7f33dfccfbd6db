use std::fmt;
use std::sync::Arc;

use http::Uri;

use super::{ServerDiscovery, ServerEndpoint};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::http::{Endpoint, HttpClient, PlaintextRules};
use crate::metadata::{Document, DocumentError};
use crate::{Origin, TokenError};

/// What an authorization server says of itself (RFC 8414): a document that was fetched from its issuer and is about it.
///
/// `signed_metadata` is ignored as a whole, which RFC 8414 section 2.1 allows.
///
/// ```no_run
/// # #[cfg(feature = "http")]
/// # async fn example() -> Result<(), tower_auth_core::TokenError> {
/// use tower_auth_core::{HttpClient, ServerEndpoint, ServerMetadata};
///
/// let metadata = ServerMetadata::discover("https://login.example.com", &HttpClient::default()).await?;
/// println!("{:?}", metadata.announced(ServerEndpoint::Token));
/// # Ok(())
/// # }
/// ```
///
/// # Clone
/// Clones share the document.
#[derive(Clone)]
pub struct ServerMetadata(Arc<Inner>);

struct Inner {
    issuer: String,
    origin: Option<Origin>,
    endpoints: Vec<(ServerEndpoint, Endpoint)>,
    /// `mtls_endpoint_aliases` (RFC 8705 section 5).
    aliases: Vec<(ServerEndpoint, Endpoint)>,
    document: Document,
    lists: Vec<(&'static str, Vec<String>)>,
    announces_iss: Option<bool>,
    requires_push: bool,
}

/// The members that are lists of texts.
const LISTS: &[&str] = &[
    AUTH_METHODS,
    AUTH_ALGS,
    REVOCATION_AUTH_METHODS,
    INTROSPECTION_AUTH_METHODS,
    GRANT_TYPES,
    RESPONSE_TYPES,
    SCOPES,
    CHALLENGE_METHODS,
    DPOP_ALGS,
];
const AUTH_METHODS: &str = "token_endpoint_auth_methods_supported";
const REVOCATION_AUTH_METHODS: &str = "revocation_endpoint_auth_methods_supported";
const INTROSPECTION_AUTH_METHODS: &str = "introspection_endpoint_auth_methods_supported";
const AUTH_ALGS: &str = "token_endpoint_auth_signing_alg_values_supported";
const GRANT_TYPES: &str = "grant_types_supported";
const RESPONSE_TYPES: &str = "response_types_supported";
const SCOPES: &str = "scopes_supported";
const CHALLENGE_METHODS: &str = "code_challenge_methods_supported";
const DPOP_ALGS: &str = "dpop_signing_alg_values_supported";

impl ServerMetadata {
    /// Fetches the metadata of `issuer` by `http`; [`discovery`](Self::discovery) has more options.
    ///
    /// # Errors
    /// As [`ServerDiscovery::fetch`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the fetch up; nothing else is lost.
    pub async fn discover(issuer: impl Into<String>, http: &HttpClient) -> Result<Self, TokenError> {
        Self::discovery(issuer).http_client(http.clone()).fetch().await
    }

    /// Describes a fetch of the metadata of `issuer`.
    pub fn discovery(issuer: impl Into<String>) -> ServerDiscovery {
        ServerDiscovery::new(issuer.into())
    }

    /// The metadata in `body`, if it is that of `issuer`.
    pub(super) fn read(
        body: &[u8],
        issuer: &str,
        origin: Option<Origin>,
        rules: &PlaintextRules,
    ) -> Result<Self, DocumentError> {
        let document = Document::read(body, issuer)?;
        let endpoints = endpoints(&document, rules)?;
        let aliases = match document.nested("mtls_endpoint_aliases")? {
            Some(aliases) => self::endpoints(&aliases, rules)?,
            None => Vec::new(),
        };
        let mut lists = Vec::new();
        for &name in LISTS {
            if let Some(list) = document.get(name)? {
                lists.push((name, list));
            }
        }
        let announces_iss = document.get("authorization_response_iss_parameter_supported")?;
        let requires_push = document.get("require_pushed_authorization_requests")?.unwrap_or(false);
        Ok(Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            origin,
            endpoints,
            aliases,
            document,
            lists,
            announces_iss,
            requires_push,
        })))
    }

    /// The issuer identifier, as it was asked for and as the server writes itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The URL that the server announces for `endpoint`, wherever that is.
    ///
    /// # Security
    /// Send nothing secret there that has not passed [`endpoint`](Self::endpoint).
    #[must_use]
    pub fn announced(&self, endpoint: ServerEndpoint) -> Option<&Uri> {
        find(&self.0.endpoints, endpoint).map(Endpoint::uri)
    }

    /// The URL of `endpoint`, if the server has one: on the issuer's own origin, or on one of `allowed`.
    ///
    /// # Errors
    /// [`InvalidOrigin`](ConfigErrorKind::InvalidOrigin): the endpoint is on another origin. Metadata that was tampered with
    /// could send credentials anywhere, so such an origin must be named by whoever configures the client.
    pub fn endpoint(&self, endpoint: ServerEndpoint, allowed: &[Origin]) -> Result<Option<&Uri>, ConfigError> {
        Ok(self.usable(endpoint, false, allowed)?.map(Endpoint::uri))
    }

    /// As [`endpoint`](Self::endpoint), for a client that shows a certificate: the alias for mutual TLS if there is one
    /// (RFC 8705 section 5).
    ///
    /// # Errors
    /// As [`endpoint`](Self::endpoint).
    pub fn mtls_endpoint(&self, endpoint: ServerEndpoint, allowed: &[Origin]) -> Result<Option<&Uri>, ConfigError> {
        Ok(self.usable(endpoint, true, allowed)?.map(Endpoint::uri))
    }

    /// As [`endpoint`](Self::endpoint) or [`mtls_endpoint`](Self::mtls_endpoint), with what messages name it by.
    pub(in crate::oauth) fn usable(
        &self,
        endpoint: ServerEndpoint,
        mtls: bool,
        allowed: &[Origin],
    ) -> Result<Option<&Endpoint>, ConfigError> {
        let alias = if mtls { find(&self.0.aliases, endpoint) } else { None };
        let Some(found) = alias.or_else(|| find(&self.0.endpoints, endpoint)) else { return Ok(None) };
        if self.0.origin.iter().chain(allowed).any(|origin| origin.matches(found.uri())) {
            return Ok(Some(found));
        }
        Err(ConfigError::new(
            ConfigErrorKind::InvalidOrigin,
            format!(
                "the `{}` of {:?} is on another origin, {}: allow that origin if it is right",
                endpoint.member(),
                self.0.issuer,
                found.site()
            ),
        ))
    }

    /// The ways in which clients may authenticate at the token endpoint. Without the member, `client_secret_basic` alone
    /// (RFC 8414 section 2).
    pub fn token_endpoint_auth_methods(&self) -> impl Iterator<Item = &str> {
        self.or_default(AUTH_METHODS, &["client_secret_basic"])
    }

    /// The ways in which clients may authenticate at `endpoint`, if the server lists them.
    pub(in crate::oauth) fn listed_auth_methods(&self, endpoint: ServerEndpoint) -> Option<&[String]> {
        match endpoint {
            ServerEndpoint::Token | ServerEndpoint::DeviceAuthorization | ServerEndpoint::PushedAuthorization => {
                self.list(AUTH_METHODS)
            }
            ServerEndpoint::Revocation => self.list(REVOCATION_AUTH_METHODS),
            ServerEndpoint::Introspection => self.list(INTROSPECTION_AUTH_METHODS),
            ServerEndpoint::Authorization | ServerEndpoint::Keys | ServerEndpoint::Registration => None,
        }
    }

    /// The algorithms for client assertions; `None` if the server does not say.
    #[must_use]
    pub fn token_endpoint_auth_signing_algs(&self) -> Option<&[String]> {
        self.list(AUTH_ALGS)
    }

    /// The ways in which clients may authenticate at the revocation endpoint. Without the member, `client_secret_basic` alone.
    pub fn revocation_endpoint_auth_methods(&self) -> impl Iterator<Item = &str> {
        self.or_default(REVOCATION_AUTH_METHODS, &["client_secret_basic"])
    }

    /// The grant types. Without the member, `authorization_code` and `implicit` (RFC 8414 section 2).
    pub fn grant_types(&self) -> impl Iterator<Item = &str> {
        self.or_default(GRANT_TYPES, &["authorization_code", "implicit"])
    }

    /// The response types; `None` if the server does not say.
    #[must_use]
    pub fn response_types(&self) -> Option<&[String]> {
        self.list(RESPONSE_TYPES)
    }

    /// Scopes that the server wants to be known; there may be others.
    #[must_use]
    pub fn scopes(&self) -> Option<&[String]> {
        self.list(SCOPES)
    }

    /// The methods for proof keys (RFC 7636); `None` if the server does not say.
    #[must_use]
    pub fn code_challenge_methods(&self) -> Option<&[String]> {
        self.list(CHALLENGE_METHODS)
    }

    /// The algorithms for DPoP proofs (RFC 9449 section 5.1); `None` if the server does not say.
    #[must_use]
    pub fn dpop_signing_algs(&self) -> Option<&[String]> {
        self.list(DPOP_ALGS)
    }

    /// Whether answers of the authorization endpoint have an `iss` (RFC 9207 section 3). Without the member, false.
    #[must_use]
    pub fn announces_iss_parameter(&self) -> bool {
        self.0.announces_iss.unwrap_or(false)
    }

    /// Whether authorization requests must be pushed (RFC 9126 section 5). Without the member, false.
    #[must_use]
    pub fn requires_pushed_authorization_requests(&self) -> bool {
        self.0.requires_push
    }

    /// The JSON text of any member, extensions included. It is what the server sent: nothing was checked but its form.
    #[must_use]
    pub fn raw_member(&self, name: &str) -> Option<&str> {
        self.0.document.raw(name)
    }

    fn list(&self, name: &str) -> Option<&[String]> {
        self.0.lists.iter().find(|(own, _)| *own == name).map(|(_, list)| &list[..])
    }

    fn or_default<'a>(&'a self, name: &str, default: &'static [&'static str]) -> impl Iterator<Item = &'a str> {
        let list = self.list(name);
        let default = if list.is_some() { &[] } else { default };
        list.unwrap_or_default().iter().map(String::as_str).chain(default.iter().copied())
    }
}

/// The endpoints in `document`; each must be `https`, or plain where that was allowed (RFC 8414 section 2).
fn endpoints(document: &Document, rules: &PlaintextRules) -> Result<Vec<(ServerEndpoint, Endpoint)>, DocumentError> {
    let mut endpoints = Vec::new();
    for &endpoint in ServerEndpoint::ALL {
        let member = endpoint.member();
        if let Some(url) = document.text(member)? {
            let parsed = Endpoint::parse(member, &url, rules).map_err(|_| DocumentError::BadUrl(member))?;
            endpoints.push((endpoint, parsed));
        }
    }
    Ok(endpoints)
}

fn find(endpoints: &[(ServerEndpoint, Endpoint)], endpoint: ServerEndpoint) -> Option<&Endpoint> {
    endpoints.iter().find(|(own, _)| *own == endpoint).map(|(_, found)| found)
}

impl fmt::Debug for ServerMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerMetadata")
            .field("issuer", &self.0.issuer)
            .field("endpoints", &self.0.endpoints)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::PlaintextOptions;

    const ISSUER: &str = "https://login.example.com/a";

    fn read(members: &str) -> Result<ServerMetadata, DocumentError> {
        let rules = PlaintextOptions::default().rules().unwrap();
        let body = format!(r#"{{"issuer":"{ISSUER}"{members}}}"#);
        ServerMetadata::read(body.as_bytes(), ISSUER, Origin::of(&ISSUER.parse().unwrap()), &rules)
    }

    // R8414-2b
    #[test]
    fn what_is_left_out_has_the_standards_defaults() {
        let metadata = read("").unwrap();
        assert_eq!(metadata.token_endpoint_auth_methods().collect::<Vec<_>>(), ["client_secret_basic"]);
        assert_eq!(metadata.grant_types().collect::<Vec<_>>(), ["authorization_code", "implicit"]);
        assert!(!metadata.announces_iss_parameter() && !metadata.requires_pushed_authorization_requests());
        assert!(metadata.code_challenge_methods().is_none() && metadata.scopes().is_none());
        let written = r#","token_endpoint_auth_methods_supported":["none"],"grant_types_supported":["x"],
            "authorization_response_iss_parameter_supported":true,"require_pushed_authorization_requests":true,
            "code_challenge_methods_supported":["S256"],"y":{"z":1e400}"#;
        let metadata = read(written).unwrap();
        assert_eq!(metadata.token_endpoint_auth_methods().collect::<Vec<_>>(), ["none"]);
        assert_eq!(metadata.grant_types().collect::<Vec<_>>(), ["x"]);
        assert!(metadata.announces_iss_parameter() && metadata.requires_pushed_authorization_requests());
        assert_eq!(metadata.code_challenge_methods().unwrap(), ["S256"]);
        assert_eq!(metadata.raw_member("y"), Some(r#"{"z":1e400}"#));
    }

    // R8414-2.1a
    #[test]
    fn signed_metadata_changes_nothing() {
        let plain = r#","token_endpoint":"https://login.example.com/t""#;
        let signed = format!(
            r#"{plain},"signed_metadata":"eyJhbGciOiJub25lIn0.eyJ0b2tlbl9lbmRwb2ludCI6Imh0dHBzOi8vZXZpbC8ifQ.""#
        );
        let url = |members: &str| read(members).unwrap().announced(ServerEndpoint::Token).map(Uri::to_string);
        assert_eq!(url(&signed), url(plain));
        assert_eq!(url(plain).as_deref(), Some("https://login.example.com/t"));
    }

    // THREAT-T4
    #[test]
    fn an_endpoint_on_another_origin_must_be_allowed() {
        let other: Origin = "https://tokens.example.net".parse().unwrap();
        let members = r#","token_endpoint":"https://tokens.example.net/t","revocation_endpoint":"https://login.example.com:443/r""#;
        let metadata = read(members).unwrap();
        assert!(metadata.endpoint(ServerEndpoint::Revocation, &[]).unwrap().is_some());
        assert!(metadata.endpoint(ServerEndpoint::Registration, &[]).unwrap().is_none());
        let error = metadata.endpoint(ServerEndpoint::Token, &[]).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::InvalidOrigin);
        assert!(error.to_string().contains("tokens.example.net"), "{error}");
        let near: Origin = "https://tokens.example.net:8443".parse().unwrap();
        assert!(metadata.endpoint(ServerEndpoint::Token, &[near]).is_err());
        assert!(metadata.endpoint(ServerEndpoint::Token, &[other]).unwrap().is_some());
    }

    // THREAT-T4
    #[test]
    fn mutual_tls_prefers_an_alias_that_is_held_to_the_same_rules() {
        let members = r#","token_endpoint":"https://login.example.com/t","revocation_endpoint":"https://login.example.com/r",
            "mtls_endpoint_aliases":{"token_endpoint":"https://mtls.example.com/t"}"#;
        let metadata = read(members).unwrap();
        let allowed = ["https://mtls.example.com".parse().unwrap()];
        let url = |endpoint, allowed: &[Origin]| {
            metadata.mtls_endpoint(endpoint, allowed).map(|uri| uri.map(Uri::to_string).unwrap_or_default()).ok()
        };
        assert_eq!(url(ServerEndpoint::Token, &allowed).as_deref(), Some("https://mtls.example.com/t"));
        assert_eq!(url(ServerEndpoint::Token, &[]), None);
        assert_eq!(url(ServerEndpoint::Revocation, &[]).as_deref(), Some("https://login.example.com/r"));
        assert_eq!(metadata.announced(ServerEndpoint::Token).unwrap().host(), Some("login.example.com"));
        assert!(read(r#","mtls_endpoint_aliases":{"token_endpoint":"http://login.example.com/t"}"#).is_err());
    }

    // R8414-2a
    #[test]
    fn every_endpoint_is_an_https_url() {
        for endpoint in ServerEndpoint::ALL {
            let member = endpoint.member();
            let with = |url: &str| read(&format!(r#","{member}":{url}"#));
            assert!(with(r#""https://login.example.com/x""#).is_ok(), "{member}");
            for bad in [
                r#""http://login.example.com/x""#,
                r#""file:///x""#,
                r#""/x""#,
                r#""https://u@h/x""#,
                r#""https://h/#x""#,
                r#""""#,
            ] {
                assert_eq!(with(bad).unwrap_err(), DocumentError::BadUrl(member), "{bad}");
            }
            assert_eq!(with("1").unwrap_err(), DocumentError::WrongType(member));
        }
    }
}
