use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::answer::{self, PageError};
use crate::connect::claims::{Claims, Purpose};
use crate::connect::connect::Connect;
use crate::connect::cookie::{Cookie, cookie};
use crate::connect::throttle::seconds;
use crate::connect::views::{ErrorKind, Section, Shell, View};
use crate::connector::Connector;
use crate::error::StoreError;
use crate::model::{CredentialId, Owner};
use crate::store::CredentialInfo;

/// The session of a browser, from its cookie.
#[derive(Clone)]
pub(super) struct PageSession {
    pub(super) connect: Connect,
    pub(super) claims: Claims,
    pub(super) owner: Owner,
}

/// There is none: the page that says so.
pub(super) struct NoSession(Box<Response>);

impl PageSession {
    pub(super) fn find(connect: &Connect, headers: &HeaderMap) -> Option<Self> {
        let claims: Claims = connect.open(Purpose::Cookie, cookie(headers, &cookie_name(connect))?)?;
        let owner = claims.owner().filter(|_| claims.is_good(connect.now()))?;
        Some(Self { connect: connect.clone(), claims, owner })
    }

    /// The cookie that keeps `claims` in a browser.
    pub(super) fn cookie_of(connect: &Connect, claims: &Claims) -> Option<http::HeaderValue> {
        let sealed = connect.seal(Purpose::Cookie, claims);
        let cookie = Cookie {
            name: &cookie_name(connect),
            value: sealed.expose_secret(),
            path: connect.url().path(),
            lifetime: claims.left(connect.now()),
            is_secure: connect.url().is_https(),
            crosses_sites: false,
        };
        cookie.to_header()
    }

    /// Where the session begins.
    pub(super) fn home(&self) -> String {
        let paths = self.connect.paths();
        match (self.claims.reconnects, self.claims.connectors.as_slice()) {
            (Some(id), _) => paths.action(&id.to_string(), "reconnect"),
            (None, [one]) => paths.connector(one),
            _ => paths.picker(),
        }
    }

    /// The connector, if the session may use it.
    pub(super) fn connector(&self, id: &str) -> Result<&Connector, PageError> {
        if self.claims.reconnects.is_some() {
            return Err(ErrorKind::NotAllowed.into());
        }
        match self.allows(id) {
            true => Ok(self.connect.store().connector(id)?),
            false => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn allows(&self, connector: &str) -> bool {
        self.claims.connectors.is_empty() || self.claims.connectors.iter().any(|own| own == connector)
    }

    /// A credential that the session may see. Unknown, foreign and not allowed look alike.
    pub(super) async fn credential(&self, id: &str) -> Result<(CredentialId, CredentialInfo), PageError> {
        let id: CredentialId = id.parse().map_err(|_| StoreError::not_found())?;
        let info = self.connect.store().get(&self.owner, id).await?;
        let is_bound = self.claims.reconnects.is_some_and(|bound| bound != id);
        match self.allows(&info.connector) && !is_bound {
            true => Ok((id, info)),
            false => Err(ErrorKind::NotFound.into()),
        }
    }

    /// For pages that a session for one reconnection does not have.
    pub(super) fn is_free(&self) -> Result<(), PageError> {
        match self.claims.reconnects {
            Some(_) => Err(ErrorKind::NotAllowed.into()),
            None => Ok(()),
        }
    }

    /// Counts an attempt to have a provider asked.
    pub(super) fn attempt(&self) -> Result<(), PageError> {
        self.connect
            .attempt(&self.owner)
            .map_err(|wait| ErrorKind::TooManyRequests { retry_after: Some(seconds(wait)) }.into())
    }

    pub(super) fn shell(&self, section: Option<Section>) -> Shell {
        answer::shell(&self.connect, Some(&self.claims), section)
    }

    pub(super) fn page(&self, view: &impl View) -> Response {
        answer::page(&self.connect, StatusCode::OK, view)
    }

    pub(super) fn redirect(&self, to: &str) -> Response {
        answer::redirect(&self.connect, to)
    }

    pub(super) fn fail(&self, error: &PageError) -> Response {
        answer::failure_page(&self.connect, Some(&self.claims), error)
    }

    pub(super) fn finish(&self, outcome: Result<Response, PageError>) -> Response {
        outcome.unwrap_or_else(|error| self.fail(&error))
    }
}

/// Browsers take a name that begins so with `Secure` only.
fn cookie_name(connect: &Connect) -> String {
    own_name(connect, "tower-auth-connect")
}

pub(super) fn own_name(connect: &Connect, name: &str) -> String {
    match connect.url().is_https() {
        true => format!("__Secure-{name}"),
        false => name.to_owned(),
    }
}

impl FromRequestParts<Connect> for PageSession {
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, connect: &Connect) -> Result<Self, NoSession> {
        let none = || NoSession(Box::new(answer::error_page(connect, None, ErrorKind::SessionExpired, None)));
        Self::find(connect, &parts.headers).ok_or_else(none)
    }
}

impl IntoResponse for NoSession {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// A form that a browser sent, with the token of its session checked.
pub(super) struct Sent(Vec<(String, String)>);

impl Sent {
    /// Reads the body of a form.
    pub(super) fn new(body: &str) -> Option<Self> {
        let decode = crate::connect::query::decode;
        let pairs = body.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    /// The same for a session: it must hold the session's own token.
    pub(super) fn of(session: &PageSession, body: &str) -> Result<Self, PageError> {
        let sent = Self::new(body).ok_or(ErrorKind::FormExpired)?;
        match session.connect.is_csrf(&session.claims, sent.get("csrf")) {
            true => Ok(sent),
            false => Err(ErrorKind::FormExpired.into()),
        }
    }

    /// The value of a field; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}
