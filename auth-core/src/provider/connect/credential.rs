use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::client::invalid;
use super::scope::Scope;
use super::signers::Signers;
use crate::credential::Piece;
use crate::error::ConfigError;
use crate::http::PlaintextRules;
use crate::provider::filled::FilledProvider;
use crate::provider::kind::{AuthKind, SignerKind, UrlKey};
use crate::provider::model::{Located, Place, PlacementSpec};
use crate::provider::path::Path;
use crate::provider::template::Template;
use crate::{BaseUrl, Clock, Credential, Secret, Token};

/// Makes what goes on every request to the API.
pub(super) struct CredentialMaker {
    pub(super) filled: Arc<FilledProvider>,
    pub(super) clock: Clock,
    pub(super) signers: Signers,
    /// Where a late base URL may be plain `http`.
    pub(super) plaintext: PlaintextRules,
    /// What tokens are bound to.
    #[cfg(feature = "dpop")]
    pub(super) key: Option<crate::DpopKey>,
}

impl CredentialMaker {
    /// `token` where `placement` puts it, what the description always sends, and the signature.
    pub(super) fn make(
        &self,
        placement: &[PlacementSpec],
        token: Option<&Token>,
        captured: &BTreeMap<String, Secret>,
    ) -> Result<Credential, ConfigError> {
        let method = self.filled.method();
        let scope = self.scope(token, captured)?;
        let mut pieces = Vec::new();
        let base = self.base_url(captured);
        let is_late = self.filled.url_of(UrlKey::Base).is_some_and(|url| url.text.is_none());
        let base_path = base.as_ref().map(|base| base.path().to_owned()).unwrap_or_default();
        pieces.extend(base.filter(|_| is_late).map(Piece::Base));
        let bound = self.bound(token)?;
        if bound.is_some() && !placement.is_empty() {
            return Err(invalid(
                "a token that is bound to a DPoP key goes into `Authorization` (RFC 9449 section 7.1), not elsewhere",
            ));
        }
        if placement.is_empty() && !self.signs_instead() && bound.is_none() {
            pieces.extend(usual(method.kind(), &scope)?);
        }
        for spec in placement {
            match &spec.place {
                Place::Header(name) => pieces.extend(header(&scope, name, &spec.value)?),
                Place::Query(name) => pieces.push(Piece::Query(name.clone(), text(&scope, &spec.value)?)),
                Place::Cookie(name) => pieces.push(Piece::Cookie(name.clone(), text(&scope, &spec.value)?)),
                Place::Path(path) => {
                    let prefix = scope.filling().path(path).map_err(unfillable)?;
                    pieces.push(Piece::Path { after: base_path.clone(), prefix });
                }
                // A layer of its own puts it there: a credential sees no body.
                Place::Body(_) => {}
            }
        }
        for (name, template) in &method.api_headers {
            let value = scope.filling().header(&template.value).map_err(unfillable)?;
            if !value.is_empty() {
                pieces.push(Piece::Extra(name.clone(), value));
            }
        }
        for (name, value) in &method.api_query {
            let value = scope.param(name, &value.value).map_err(|error| invalid(error.to_string()))?;
            if !value.is_empty() {
                pieces.push(Piece::Query(name.clone(), value));
            }
        }
        let mut credential = Credential::of_pieces(pieces)?;
        if let Some(bound) = &bound {
            credential = credential.signed_by(bound);
        }
        Ok(match &method.signer {
            Some(signer) => credential.signed_by(&self.signers.make(signer, &scope, &self.clock)?),
            None => credential,
        })
    }

    /// What proves with each request that the token is ours, if it is bound to our key.
    #[cfg(feature = "dpop")]
    fn bound(&self, token: Option<&Token>) -> Result<Option<Credential>, ConfigError> {
        match (&self.key, token) {
            (Some(key), Some(token)) if token.kind() == crate::TokenKind::Dpop => {
                Credential::dpop(token, key).map(Some)
            }
            _ => Ok(None),
        }
    }

    #[cfg(not(feature = "dpop"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "stands for the one with the feature")]
    fn bound(&self, _: Option<&Token>) -> Result<Option<Credential>, ConfigError> {
        Ok(None)
    }

    /// What goes into request bodies, and where.
    pub(super) fn body_members(
        &self,
        token: Option<&Token>,
        captured: &BTreeMap<String, Secret>,
    ) -> Result<Vec<(Path, Secret)>, ConfigError> {
        let scope = self.scope(token, captured)?;
        let placements = self.filled.method().placement.iter();
        let in_bodies = placements.filter_map(|spec| match &spec.place {
            Place::Body(path) => Some(text(&scope, &spec.value).map(|value| (path.clone(), value))),
            _ => None,
        });
        in_bodies.collect()
    }

    /// Where the API is, as far as that is known with `captured`.
    pub(super) fn base_url(&self, captured: &BTreeMap<String, Secret>) -> Option<BaseUrl> {
        let url = self.filled.url_of(UrlKey::Base)?;
        if let Some(text) = &url.text {
            return text.parse().ok();
        }
        let scope = Scope::new(&self.filled, &self.clock).captured(captured);
        let text = scope.filling().url(&url.template).ok()?;
        // The others were found to be `https` when the description was read.
        let is_allowed = text.parse().is_ok_and(|uri| self.plaintext.check(&uri).is_ok());
        text.parse().ok().filter(|_| is_allowed)
    }

    fn scope<'a>(
        &'a self,
        token: Option<&Token>,
        captured: &'a BTreeMap<String, Secret>,
    ) -> Result<Scope<'a>, ConfigError> {
        let scope = Scope::new(&self.filled, &self.clock).captured(captured);
        Ok(match main_value(&self.filled, token, &self.clock)? {
            Some(value) => scope.with("token", value),
            None => scope,
        })
    }

    /// Whether the signature takes the place of the usual credential: where nothing else is sent, or it would stand in the same header.
    fn signs_instead(&self) -> bool {
        let method = self.filled.method();
        let has_token = method.kind().has_token_request();
        method.signer.as_ref().is_some_and(|signer| !has_token || signer.kind != SignerKind::Custom)
    }
}

/// What `{token}` stands for.
pub(super) fn main_value(
    filled: &FilledProvider,
    token: Option<&Token>,
    clock: &Clock,
) -> Result<Option<Secret>, ConfigError> {
    Ok(match (filled.method().kind(), token) {
        (_, Some(token)) => Some(token.secret().clone()),
        (AuthKind::ApiKey, None) => filled.value("api_key").cloned(),
        (AuthKind::Basic, None) => Some(basic(filled, clock)?),
        (_, None) => None,
    })
}

/// The base64 of a Basic pair.
fn basic(filled: &FilledProvider, clock: &Clock) -> Result<Secret, ConfigError> {
    let method = filled.method();
    let scope = Scope::new(filled, clock);
    let (user, password) = match &method.token.basic {
        Some((user, password)) => (text(&scope, user)?, text(&scope, password)?),
        None => {
            let names = if method.field("client_id").is_some() {
                ["client_id", "client_secret"]
            } else {
                ["username", "password"]
            };
            let [user, password] = names.map(|name| filled.value(name).cloned().unwrap_or_else(|| Secret::new("")));
            (user, password)
        }
    };
    let pair = crate::Basic::new(user.expose_secret(), password)?;
    let text = pair.header_text();
    Ok(Secret::from(text.expose_secret().trim_start_matches("Basic ")))
}

/// Where credentials of a kind go unless the description says otherwise.
fn usual(kind: AuthKind, scope: &Scope<'_>) -> Result<Option<Piece>, ConfigError> {
    let source = match kind {
        AuthKind::None => return Ok(None),
        AuthKind::Basic => "Basic {token}",
        _ => "Bearer {token}",
    };
    let template = Template::parse(source).map_err(unfillable)?;
    let value = scope.filling().header(&template).map_err(unfillable)?;
    Ok(Some(Piece::Header(AUTHORIZATION, value)))
}

fn header(scope: &Scope<'_>, name: &HeaderName, template: &Located<Template>) -> Result<Option<Piece>, ConfigError> {
    let value = scope.filling().header(&template.value).map_err(unfillable)?;

    Ok((!value.is_empty()).then(|| Piece::Header(name.clone(), value)))
}

fn text(scope: &Scope<'_>, template: &Located<Template>) -> Result<Secret, ConfigError> {
    scope.filling().text(&template.value).map_err(unfillable)
}

fn unfillable(why: String) -> ConfigError {
    invalid(format!("the credential of the description cannot be filled: {why}"))
}
