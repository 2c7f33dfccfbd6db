use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use super::answer::{error_page, failure_page, is_ahead, not_yet, redirect, with_cookie};
use super::session::{PageSession, Sent};
use crate::connect::claims::{Claims, Purpose, random_text};
use crate::connect::connect::Connect;
use crate::connect::query::parameter;
use crate::connect::views::ErrorKind;
use crate::model::Timestamp;

/// How long a token opens the page. The session that it opens lasts longer.
const OPENS_FOR: Duration = Duration::from_secs(5 * 60);

/// Where the session of the browser begins.
pub(super) async fn index(session: PageSession) -> Response {
    session.redirect(&session.home())
}

/// `GET /start?session=…`
pub(super) async fn by_link(State(connect): State<Connect>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    if is_ahead(&headers) {
        return not_yet();
    }
    let token = query.as_deref().and_then(|query| parameter(query, "session"));
    begin(&connect, &headers, token.as_deref().unwrap_or_default()).await
}

/// `POST /start`, with the token in the body, where no log and no history keeps it.
pub(super) async fn by_form(State(connect): State<Connect>, headers: HeaderMap, body: String) -> Response {
    let sent = Sent::new(&body);
    begin(&connect, &headers, sent.as_ref().map_or("", |sent| sent.get("session"))).await
}

/// Exchanges a token for a cookie, and leads to a page whose address holds no secret.
async fn begin(connect: &Connect, headers: &HeaderMap, token: &str) -> Response {
    let refused = || error_page(connect, None, ErrorKind::SessionExpired, None);
    let now = connect.now();
    let Some(claims) = connect.open::<Claims>(Purpose::Token, token).filter(|claims| claims.is_good(now)) else {
        return refused();
    };
    // Somebody loads the same address again: the session is there already.
    if let Some(own) = PageSession::find(connect, headers).filter(|own| own.claims.id == claims.id) {
        return own.redirect(&own.home());
    }
    if claims.age(now) > OPENS_FOR {
        return refused();
    }
    match connect.claim(&claims.id, Timestamp(claims.from).after(OPENS_FOR)).await {
        Ok(true) => {}
        Ok(false) => return refused(),
        Err(error) => return failure_page(connect, None, &error.into()),
    }
    let (Ok(browser), Some(owner)) = (random_text(), claims.owner()) else { return refused() };
    let claims = claims.in_browser(browser);
    let cookie = PageSession::cookie_of(connect, &claims);
    let session = PageSession { connect: connect.clone(), claims, owner };
    with_cookie(redirect(connect, &session.home()), cookie)
}
