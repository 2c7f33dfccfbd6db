use std::fmt;

use super::client::Inner;
use super::{ClientAuth, ServerEndpoint, ServerMetadata};
use crate::error::{ConfigError, printable};
use crate::http::{Endpoint, PlaintextRules};
use crate::{Origin, TokenError, TokenErrorKind};

/// What a client wants of an authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Where grants are exchanged for tokens.
    Token,
    /// Where refresh tokens are; the token endpoint, unless a server has another one for that.
    Refresh,
    /// Where a user agent is sent. Nothing is posted there.
    Authorization,
    /// RFC 8628.
    DeviceAuthorization,
    /// RFC 9126.
    PushedAuthorization,
    /// RFC 7009.
    Revocation,
    /// RFC 7662.
    Introspection,
}

/// Which endpoints in a server's metadata a client uses.
#[derive(Clone)]
pub(super) struct EndpointRules {
    /// Origins beside the issuer's own.
    pub(super) origins: Vec<Origin>,
    /// Whether the client shows a certificate, so that the aliases for mutual TLS are for it (RFC 8705 section 5).
    pub(super) mtls: bool,
}

/// The endpoints that were configured.
#[derive(Clone, Default)]
pub(super) struct Endpoints(Vec<(Target, Endpoint)>);

impl Target {
    /// How messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Token => "token endpoint",
            Self::Refresh => "refresh endpoint",
            Self::Authorization => "authorization endpoint",
            Self::DeviceAuthorization => "device authorization endpoint",
            Self::PushedAuthorization => "pushed authorization request endpoint",
            Self::Revocation => "revocation endpoint",
            Self::Introspection => "introspection endpoint",
        }
    }

    /// How messages about an exchange name the endpoint: refresh tokens go to a token endpoint too.
    pub(super) fn kind(self) -> &'static str {
        if self.is_token() { Self::Token.name() } else { self.name() }
    }

    /// How messages name its URL.
    pub(super) fn url(self) -> String {
        if self.is_token() { "token URL".to_owned() } else { format!("URL of the {}", self.name()) }
    }

    /// How messages name a request to it.
    pub(super) fn request(self) -> &'static str {
        if self.is_token() { "token request" } else { "request" }
    }

    fn is_token(self) -> bool {
        matches!(self, Self::Token | Self::Refresh)
    }

    /// What metadata calls it.
    fn in_metadata(self) -> ServerEndpoint {
        match self {
            Self::Token | Self::Refresh => ServerEndpoint::Token,
            Self::Authorization => ServerEndpoint::Authorization,
            Self::DeviceAuthorization => ServerEndpoint::DeviceAuthorization,
            Self::PushedAuthorization => ServerEndpoint::PushedAuthorization,
            Self::Revocation => ServerEndpoint::Revocation,
            Self::Introspection => ServerEndpoint::Introspection,
        }
    }
}

impl Endpoints {
    /// Checks `urls`.
    pub(super) fn parse(urls: &[(Target, String)], rules: &PlaintextRules) -> Result<Self, ConfigError> {
        let parse = |(target, url): &(Target, String)| {
            Endpoint::parse(target.name(), url, rules).map(|endpoint| (*target, endpoint))
        };
        Ok(Self(urls.iter().map(parse).collect::<Result<_, _>>()?))
    }

    pub(super) fn get(&self, target: Target) -> Option<&Endpoint> {
        let find = |target| self.0.iter().rev().find(|(own, _)| *own == target).map(|(_, endpoint)| endpoint);
        find(target).or_else(|| if target == Target::Refresh { find(Target::Token) } else { None })
    }
}

impl Inner {
    /// Where `target` is: as configured, else as the issuer's metadata says.
    pub(super) async fn endpoint(&self, target: Target) -> Result<Endpoint, TokenError> {
        if let Some(endpoint) = self.endpoints.get(target) {
            return Ok(endpoint.clone());
        }
        let Some(metadata) = &self.metadata else {
            let message = format!("the {} is not known: configure its URL", target.name());
            return Err(TokenError::new(TokenErrorKind::Misconfigured, message));
        };
        self.endpoint_in(&metadata.get().await?, target)
    }

    /// Whether a flow by the authorization endpoint goes by the metadata.
    #[cfg(feature = "authorization-code")]
    pub(super) fn discovers(&self) -> bool {
        let configured =
            [Target::Authorization, Target::Token].iter().all(|target| self.endpoints.get(*target).is_some());
        self.metadata.is_some() && !configured
    }

    fn endpoint_in(&self, metadata: &ServerMetadata, target: Target) -> Result<Endpoint, TokenError> {
        let misconfigured = |message| TokenError::new(TokenErrorKind::Misconfigured, message);
        let name = target.in_metadata();
        let mtls = self.endpoint_rules.mtls && target != Target::Authorization;
        let found = metadata.usable(name, mtls, &self.endpoint_rules.origins).map_err(|error| {
            misconfigured(format!("the {} in the server's metadata is not used", target.name())).with_source(error)
        })?;
        let Some(endpoint) = found else {
            let message =
                format!("the metadata of {:?} names no {}: configure its URL", metadata.issuer(), target.name());
            return Err(misconfigured(message));
        };
        if self.tokens_for(target).is_none() {
            self.check_auth_method(metadata, name)?;
        }
        Ok(endpoint.clone())
    }

    /// Refuses a method of authentication that is not among those the server lists. Public clients do not authenticate, and
    /// many servers that have them do not list `none`.
    fn check_auth_method(&self, metadata: &ServerMetadata, endpoint: ServerEndpoint) -> Result<(), TokenError> {
        let method = self.auth.method();
        let Some(listed) = metadata.listed_auth_methods(endpoint).filter(|_| method != ClientAuth::None) else {
            return Ok(());
        };
        let names = method.registered_names();
        if listed.iter().any(|listed| names.contains(&listed.as_str())) {
            return Ok(());
        }
        let message = format!(
            "the `{}` of {:?} takes clients that authenticate by {}, and this one does by {}: choose another `client_auth`",
            endpoint.member(),
            metadata.issuer(),
            printable(&listed.join(", "), 200),
            names.join(" or "),
        );
        Err(TokenError::new(TokenErrorKind::Misconfigured, message))
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, endpoint)| endpoint)).finish()
    }
}
