use std::collections::BTreeMap;

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::client::invalid;
use super::scope::Scope;
use crate::credential::Piece;
use crate::error::ConfigError;
use crate::provider::filled::FilledProvider;
use crate::provider::kind::AuthKind;
use crate::provider::model::{Located, Place, PlacementSpec};
use crate::provider::template::Template;
use crate::{Clock, Credential, Secret, Token};

/// What goes on every request to the API: `token` where the description places it, and what it always sends.
pub(super) fn credential(
    filled: &FilledProvider,
    placement: &[PlacementSpec],
    token: Option<&Token>,
    captured: &BTreeMap<String, Secret>,
    clock: &Clock,
) -> Result<Credential, ConfigError> {
    let method = filled.method();
    let scope = Scope::new(filled, clock).captured(captured);
    let scope = match main_value(filled, token, clock)? {
        Some(value) => scope.with("token", value),
        None => scope,
    };
    let mut pieces = Vec::new();
    if placement.is_empty() {
        pieces.extend(usual(method.kind(), &scope)?);
    }
    for spec in placement {
        match &spec.place {
            Place::Header(name) => pieces.extend(header(&scope, name, &spec.value)?),
            Place::Query(name) => pieces.push(Piece::Query(name.clone(), text(&scope, &spec.value)?)),
            Place::Cookie(name) => pieces.push(Piece::Cookie(name.clone(), text(&scope, &spec.value)?)),
            Place::Path(path) => {
                let prefix = scope.filling().path(path).map_err(unfillable)?;
                pieces.push(Piece::Path(prefix));
            }
            // A layer of its own puts it there: a credential sees no body.
            Place::Body(_) => {}
        }
    }
    for (name, template) in &method.api_headers {
        pieces.extend(header(&scope, name, template)?);
    }
    for (name, value) in &method.api_query {
        let value = scope.param(name, &value.value).map_err(|error| invalid(error.to_string()))?;
        if !value.is_empty() {
            pieces.push(Piece::Query(name.clone(), value));
        }
    }
    Credential::of_pieces(pieces)
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
