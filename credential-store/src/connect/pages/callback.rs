use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tower_auth_core::Secret;

use super::answer::{error_page, failure_page, is_ahead, not_yet, page, redirect, shell, with_cookie};
use super::finish::{Finish, return_with_id};
use super::row::label_of;
use super::session::own_name;
use crate::connect::claims::{Claims, Purpose, random_text};
use crate::connect::connect::{Connect, digest};
use crate::connect::cookie::{Cookie, cookie};
use crate::connect::query::{parameter, printable, with_query};
use crate::connect::views::{ErrorKind, Handover, OAuthDone, Outcome, WebUrl};
use crate::connector::Connector;
use crate::error::{StoreError, StoreErrorKind};
use crate::model::Timestamp;
use crate::store::{FailedLogin, FinishedLogin};

/// What a page wants to know again when its login comes back. It is kept with the login, sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct LoginNote {
    /// Names the attempt.
    pub(super) flow: String,
    /// Whether a page of ours waits for it, beside the window in which it happens.
    pub(super) is_popup: bool,
    pub(super) claims: Claims,
    /// Where to try again.
    pub(super) back: String,
    pub(super) is_reconnect: bool,
}

impl LoginNote {
    pub(super) fn to_text(&self) -> Secret {
        Secret::from(serde_json::to_string(self).unwrap_or_default())
    }

    fn from_text(text: &Secret) -> Option<Self> {
        serde_json::from_str(text.expose_secret()).ok()
    }
}

/// Binds a login to the browser in which it began. Each login has a cookie of its own, so that several at once do not disturb each other.
pub(in crate::connect) struct LoginCookie(Secret);

/// Longer than a login, so that one that took too long is told from one of another browser.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

impl LoginCookie {
    pub(in crate::connect) fn new() -> Result<Self, StoreError> {
        random_text().map(|text| Self(Secret::from(text)))
    }

    pub(in crate::connect) fn browser(&self) -> &Secret {
        &self.0
    }

    /// For the login that leads to `url`.
    pub(super) fn header(&self, connect: &Connect, connector: &Connector, url: &str) -> Option<HeaderValue> {
        let link = Link::new(connector, url, self)?;
        link.cookie(connect)
    }
}

/// What leads a browser to the provider, for a login that somebody else began on its behalf.
#[derive(Serialize, Deserialize)]
pub(in crate::connect) struct Link {
    url: String,
    /// Of the cookie.
    name: String,
    browser: String,
    crosses_sites: bool,
    #[serde(default)]
    until: i64,
}

/// How long a link may be followed.
const LINK: Duration = Duration::from_secs(5 * 60);

impl Link {
    /// `None` if the URL has no state, which no URL of the store lacks.
    fn new(connector: &Connector, url: &str, cookie: &LoginCookie) -> Option<Self> {
        let query = url.split_once('?')?.1;
        let query = query.split('#').next().unwrap_or(query);
        Some(Self {
            url: url.to_owned(),
            name: cookie_name(&state_of(connector, query)?),
            browser: cookie.browser().expose_secret().to_owned(),
            // The form of another site brings no other cookies along.
            crosses_sites: parameter(query, "response_mode").as_deref() == Some("form_post"),
            until: 0,
        })
    }

    /// The address to give to the browser for a login that leads to `url`: it follows it once, within five minutes.
    pub(in crate::connect) fn address(
        connect: &Connect,
        connector: &Connector,
        url: &str,
        cookie: &LoginCookie,
    ) -> Option<String> {
        let link = Self { until: connect.now().after(LINK).0, ..Self::new(connector, url, cookie)? };
        let sealed = connect.seal(Purpose::Link, &link);
        Some(connect.absolute(&format!("/go/{}", sealed.expose_secret())))
    }

    fn cookie(&self, connect: &Connect) -> Option<HeaderValue> {
        let cookie = Cookie {
            name: &own_name(connect, &self.name),
            value: &self.browser,
            path: &connect.path("/callback"),
            lifetime: LIFETIME,
            is_secure: connect.url().is_https(),
            crosses_sites: self.crosses_sites,
        };
        cookie.to_header()
    }
}

/// `GET /go/{link}`: binds a login to this browser, and leads it to the provider.
pub(super) async fn go(State(connect): State<Connect>, headers: HeaderMap, Path(sealed): Path<String>) -> Response {
    if is_ahead(&headers) {
        return not_yet();
    }
    let now = connect.now();
    let link = connect.open(Purpose::Link, &sealed).filter(|link: &Link| now.0 < link.until);
    let Some(link) = link else { return error_page(&connect, None, ErrorKind::SessionExpired, None) };
    match connect.claim(&sealed, Timestamp(link.until)).await {
        Ok(true) => with_cookie(redirect(&connect, &link.url), link.cookie(&connect)),
        Ok(false) => error_page(&connect, None, ErrorKind::SessionExpired, None),
        Err(error) => failure_page(&connect, None, &error.into()),
    }
}

/// `GET /callback/{connector}`
pub(super) async fn by_query(
    State(connect): State<Connect>,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    finish(&connect, &id, &headers, query.as_deref().unwrap_or_default()).await
}

/// `POST /callback/{connector}`: the answer in the body (`response_mode=form_post`).
pub(super) async fn by_form(
    State(connect): State<Connect>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    finish(&connect, &id, &headers, &body).await
}

async fn finish(connect: &Connect, id: &str, headers: &HeaderMap, query: &str) -> Response {
    let Ok(connector) = connect.store().connector(id) else {
        return error_page(connect, None, ErrorKind::NotFound, None);
    };
    let Some(name) = state_of(connector, query).map(|state| own_name(connect, &cookie_name(&state))) else {
        return done(connect, connector, Outcome::StateExpired, None, None);
    };
    // A stranger's browser does not even use a login up.
    let Some(browser) = cookie(headers, &name) else {
        return done(connect, connector, Outcome::StateMismatch, None, None);
    };
    let response = match connect.store().finish_login(id, query, Secret::from(browser)).await {
        Ok(finished) => succeeded(connect, connector, &finished),
        Err(failed) => {
            tracing::info!(connector = id, code = failed.error.code(), error = %failed.error, "a login was not finished");
            not_finished(connect, connector, &failed, query)
        }
    };
    let over = Cookie {
        name: &name,
        value: "",
        path: &connect.path("/callback"),
        lifetime: Duration::ZERO,
        is_secure: connect.url().is_https(),
        crosses_sites: false,
    };
    with_cookie(response, over.to_header())
}

fn succeeded(connect: &Connect, connector: &Connector, finished: &FinishedLogin) -> Response {
    let id = finished.credential.id;
    let Some(note) = finished.note.as_ref().and_then(LoginNote::from_text) else {
        // The API began it: the application waits at its own address.
        return redirect(connect, &with_query(&finished.redirect_uri, &[("credentialId", &id.to_string())]));
    };
    let flow = note.flow.as_str();
    let finish = Finish::of_login(&note.claims, finished, note.is_reconnect);
    let cookie = finish.cookie(connect, flow);
    let outcome = match (&finished.account_before, &finished.account) {
        (Some(before), Some(now)) if finished.is_other_account => {
            Outcome::OtherAccount { before: before.clone(), now: now.clone() }
        }
        _ => Outcome::Connected { account: finished.account.clone() },
    };
    let to = connect.path(&format!("/finished/{flow}"));
    let response = match note.is_popup {
        true => done(connect, connector, outcome, Some(&note), Some((to, Some(id.to_string())))),
        false => redirect(connect, &to),
    };
    with_cookie(response, cookie)
}

fn not_finished(connect: &Connect, connector: &Connector, failed: &FailedLogin, query: &str) -> Response {
    let outcome = outcome_of(failed, query);
    let note = failed.note.as_ref().and_then(LoginNote::from_text);
    if let (None, Some(uri)) = (&note, &failed.redirect_uri) {
        return redirect(connect, &with_error(uri, &outcome));
    }
    let back = note.as_ref().map(|note| (note.back.clone(), None));
    done(connect, connector, outcome, note.as_ref(), back)
}

/// The application's address with what went wrong.
fn with_error(uri: &str, outcome: &Outcome) -> String {
    let code = match outcome {
        Outcome::ProviderError { code, .. } => Some(code.as_str()),
        Outcome::ExchangeFailed { code, .. } | Outcome::CheckFailed { code, .. } => code.as_deref(),
        _ => None,
    };
    let mut parameters = vec![("error", outcome.as_str())];
    parameters.extend(code.map(|code| ("providerError", code)));
    with_query(uri, &parameters)
}

/// Reasons that say that an answer is not one of the provider to this browser.
const FOREIGN: &[&str] = &[
    "authorization.binding_mismatch",
    "authorization.state_mismatch",
    "authorization.issuer_mismatch",
    "authorization.invalid_callback",
    "authorization.redirect_uri_mismatch",
    "authorization.wrong_client",
];

/// What a failed login means to the person.
fn outcome_of(failed: &FailedLogin, query: &str) -> Outcome {
    let error = &failed.error;
    let code = || failed.provider_error.as_deref().or(error.reason()).map(|code| printable(code, 100));
    match (error.kind(), error.reason()) {
        (_, Some(reason)) if FOREIGN.contains(&reason) => Outcome::StateMismatch,
        (StoreErrorKind::LoginExpired, _) => Outcome::StateExpired,
        (_, Some("authorization.denied")) => Outcome::Denied,
        (StoreErrorKind::Refused, Some("authorization.provider_error" | "authorization.interaction_required")) => {
            let description = parameter(query, "error_description").map(|text| printable(&text, 300));
            Outcome::ProviderError { code: code().unwrap_or_default(), description }
        }
        _ if failed.is_check => Outcome::CheckFailed { status: None, code: code() },
        _ => Outcome::ExchangeFailed { status: None, code: code() },
    }
}

/// The page at the end. `to` is where it leads on, with the id of the credential if there is one.
fn done(
    connect: &Connect,
    connector: &Connector,
    outcome: Outcome,
    note: Option<&LoginNote>,
    to: Option<(String, Option<String>)>,
) -> Response {
    let claims = note.map(|note| &note.claims);
    let (back, credential_id) = to.map_or((None, None), |(back, id)| (Some(back), id));
    let mut shell = shell(connect, claims, None);
    if let Some(claims) = claims {
        let own = credential_id.as_deref().and_then(|id| id.parse().ok()).and_then(|id| return_with_id(claims, id));
        let failed = || claims.redirect_uri.as_deref().map(|uri| with_error(uri, &outcome));
        shell.return_url = own.or_else(failed).as_deref().and_then(WebUrl::new);
    }
    let status = match &outcome {
        outcome if outcome.is_success() => StatusCode::OK,
        Outcome::StateMismatch => StatusCode::FORBIDDEN,
        Outcome::ExchangeFailed { .. } | Outcome::CheckFailed { .. } => StatusCode::BAD_GATEWAY,
        _ => StatusCode::BAD_REQUEST,
    };
    let view = OAuthDone {
        shell,
        connector: label_of(connector),
        outcome,
        flow: note.map(|note| note.flow.clone()),
        back,
        handover: claims
            .and_then(|claims| claims.opener_origin.clone())
            .map(|opener_origin| Handover { opener_origin, credential_id }),
    };
    page(connect, status, &view)
}

/// The `state` of an answer or of a request for one.
fn state_of(connector: &Connector, query: &str) -> Option<String> {
    let redirects = connector.spec().methods().iter().filter(|method| method.needs_redirect());
    let mut states = redirects.filter_map(|method| parameter(query, method.state_param()));
    states.next().filter(|state| !state.is_empty())
}

/// States are secrets: the name of a cookie holds a part of a digest.
fn cookie_name(state: &str) -> String {
    let digest = BASE64_URL_SAFE_NO_PAD.encode(digest(state));
    format!("tower-auth-login-{}", &digest[..16])
}
