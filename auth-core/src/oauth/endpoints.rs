use std::fmt;

use super::client::Inner;
use crate::error::ConfigError;
use crate::http::{Endpoint, PlaintextRules};
use crate::{TokenError, TokenErrorKind};

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
    #[cfg(feature = "provider")]
    Introspection,
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
            #[cfg(feature = "provider")]
            Self::Introspection => "introspection endpoint",
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

    /// Host and port of the token endpoint.
    pub(super) fn site(&self) -> &str {
        self.get(Target::Token).map_or("", Endpoint::site)
    }
}

impl Inner {
    /// Where `target` is.
    pub(super) async fn endpoint(&self, target: Target) -> Result<Endpoint, TokenError> {
        self.endpoints.get(target).cloned().ok_or_else(|| {
            let message = format!("the {} is not known: configure its URL", target.name());
            TokenError::new(TokenErrorKind::Misconfigured, message)
        })
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, endpoint)| endpoint)).finish()
    }
}
