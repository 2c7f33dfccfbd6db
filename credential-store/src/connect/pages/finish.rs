use std::time::Duration;

use axum::extract::Path;
use axum::response::Response;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::answer::PageError;
use super::row::{label_of, moment, needs_a_hand};
use super::session::{PageSession, own_name};
use super::submit::is_flow;
use crate::connect::claims::{Claims, Purpose};
use crate::connect::connect::Connect;
use crate::connect::cookie::{Cookie, cookie};
use crate::connect::query::with_query;
use crate::connect::views::{ErrorKind, Flash, FlashKind, Handover, Renewal, Section, Success, WebUrl};
use crate::model::CredentialId;
use crate::store::FinishedLogin;

/// What came of an attempt to connect. It waits in a cookie for the page that shows it.
#[derive(Serialize, Deserialize)]
pub(super) struct Finish {
    session: String,
    id: CredentialId,
    reconnected: bool,
    account: Option<String>,
    account_before: Option<String>,
    scopes: Vec<String>,
    missing_scopes: Vec<String>,
}

const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// So that the cookie is not too long.
const SCOPES: usize = 20;

impl Finish {
    pub(super) fn new(claims: &Claims, id: CredentialId, reconnected: bool) -> Self {
        Self {
            session: claims.id.clone(),
            id,
            reconnected,
            account: None,
            account_before: None,
            scopes: Vec::new(),
            missing_scopes: Vec::new(),
        }
    }

    pub(super) fn of_login(claims: &Claims, login: &FinishedLogin, reconnected: bool) -> Self {
        let shortened = |scopes: &[String]| -> Vec<String> {
            scopes.iter().take(SCOPES).map(|scope| scope.chars().take(60).collect()).collect()
        };
        Self {
            account: login.account.clone(),
            account_before: login.account_before.clone().filter(|_| login.is_other_account),
            scopes: shortened(&login.scopes),
            missing_scopes: shortened(&login.missing_scopes),
            ..Self::new(claims, login.credential.id, reconnected)
        }
    }

    pub(super) fn cookie(&self, connect: &Connect, flow: &str) -> Option<HeaderValue> {
        let sealed = connect.seal(Purpose::Finish, self);
        let cookie = Cookie {
            name: &name(connect, flow),
            value: sealed.expose_secret(),
            path: &connect.path("/finished"),
            lifetime: LIFETIME,
            is_secure: connect.url().is_https(),
            crosses_sites: false,
        };
        cookie.to_header()
    }
}

fn name(connect: &Connect, flow: &str) -> String {
    own_name(connect, &format!("tower-auth-done-{flow}"))
}

/// The application's own address with the id of the credential (SYS-C12).
pub(super) fn return_with_id(claims: &Claims, id: CredentialId) -> Option<String> {
    claims.redirect_uri.as_deref().map(|uri| with_query(uri, &[("credentialId", &id.to_string())]))
}

/// `GET /finished/{flow}`: what came of it, or the application's own page where there is nothing more to be read.
pub(super) async fn page(session: PageSession, headers: HeaderMap, Path(flow): Path<String>) -> Response {
    session.finish(draw(&session, &headers, &flow).await)
}

async fn draw(session: &PageSession, headers: &HeaderMap, flow: &str) -> Result<Response, PageError> {
    let connect = &session.connect;
    let sealed = is_flow(flow).then(|| cookie(headers, &name(connect, flow))).flatten();
    let finish: Option<Finish> = sealed.and_then(|sealed| connect.open(Purpose::Finish, sealed));
    let Some(finish) = finish.filter(|finish| finish.session == session.claims.id) else {
        return match session.is_free() {
            Ok(()) => Ok(session.redirect(&connect.paths().connections())),
            Err(_) => Err(ErrorKind::NotFound.into()),
        };
    };
    let info = connect.store().get(&session.owner, finish.id).await?;
    let connector = connect.store().connector(&info.connector)?;
    let claims = &session.claims;
    let back = return_with_id(claims, finish.id);
    let by_hand = needs_a_hand(&info);
    let is_plain = finish.missing_scopes.is_empty() && finish.account_before.is_none() && !by_hand;
    if let Some(back) = back.as_deref().filter(|_| is_plain && claims.opener_origin.is_none()) {
        return Ok(session.redirect(back));
    }
    let mut shell = session.shell(Some(Section::Connections));
    shell.return_url = back.as_deref().and_then(WebUrl::new);
    if let Some(before) = &finish.account_before {
        let text = format!("Another account answered: before it was {before}. If you did not mean that, reconnect.");
        shell.flash = Some(Flash { kind: FlashKind::Warning, text });
    }
    let now = connect.now().to_system_time();
    Ok(session.page(&Success {
        shell,
        connector: label_of(connector),
        id: finish.id.to_string(),
        reconnected: finish.reconnected,
        label: Some(info.label.clone()).filter(|label| finish.account.as_ref() != Some(label)),
        account: finish.account,
        scopes: finish.scopes,
        missing_scopes: finish.missing_scopes,
        renewal: match by_hand {
            true => Renewal::ByHand { expires: info.expires_at.map(|at| moment(at, now)) },
            false => Renewal::Automatic,
        },
        can_close: claims.opener_origin.is_some(),
        handover: claims
            .opener_origin
            .clone()
            .map(|opener_origin| Handover { opener_origin, credential_id: Some(finish.id.to_string()) }),
    }))
}
