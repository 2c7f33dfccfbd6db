use axum::extract::{Path, RawQuery};
use axum::response::Response;

use super::answer::PageError;
use super::row::{moment, row, title_of};
use super::session::PageSession;
use crate::connect::query::parameter;
use crate::connect::views::{Details, Flash, FlashKind, LogEntry, LogView, Message, Moment, Section, Tab};
use crate::model::Timestamp;
use crate::store::{CredentialInfo, LoggedRequest};

/// How many requests of the log are shown.
const SHOWN: u32 = 50;

/// `GET /connections/{id}`
pub(super) async fn overview(session: PageSession, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let flash = query.as_deref().and_then(notice);
    let drawn = async {
        session.is_free()?;
        let (_, info) = session.credential(&id).await?;
        Ok(draw(&session, &info, flash).await)
    };
    session.finish(drawn.await)
}

/// What is known of a connection.
pub(super) async fn draw(session: &PageSession, info: &CredentialInfo, flash: Option<Flash>) -> Response {
    let mut view = details(session, info, Tab::Overview, flash);
    // The page is there even for what cannot be opened.
    view.scopes = session.connect.store().scopes(&session.owner, info.id).await.unwrap_or_default();
    session.page(&view)
}

/// `GET /connections/{id}/log`
pub(super) async fn log(session: PageSession, Path(id): Path<String>) -> Response {
    session.finish(draw_log(&session, &id).await)
}

async fn draw_log(session: &PageSession, id: &str) -> Result<Response, PageError> {
    session.is_free()?;
    let (id, info) = session.credential(id).await?;
    let logged = session.connect.store().requests(&session.owner, id, SHOWN).await?;
    let entries = logged.into_iter().map(|request| entry(request, session)).collect();
    let tab = Tab::Log(LogView { enabled: info.logs_requests, entries });
    Ok(session.page(&details(session, &info, tab, None)))
}

fn details(session: &PageSession, info: &CredentialInfo, tab: Tab, flash: Option<Flash>) -> Details {
    let connector = session.connect.store().connector(&info.connector).ok();
    let method = connector.and_then(|connector| connector.spec().method(&info.method));
    let mut shell = session.shell(Some(Section::Connections));
    shell.flash = flash;
    Details {
        shell,
        connection: row(session, info),
        method: method.map_or(info.method.as_str(), title_of).to_owned(),
        created: Moment::new(info.created_at.to_system_time(), session.connect.now().to_system_time()),
        owner: None,
        scopes: Vec::new(),
        tab,
    }
}

/// What came of the request before, from the closed list of what a link may say.
fn notice(query: &str) -> Option<Flash> {
    let (kind, text) = match parameter(query, "notice")?.as_str() {
        "renamed" => (FlashKind::Good, "The connection has its new name."),
        "revoked" => (FlashKind::Warning, "The access is ended at the provider. You can reconnect."),
        _ => return None,
    };
    Some(Flash { kind, text: text.to_owned() })
}

/// A request of the log. All of it is masked already.
fn entry(request: LoggedRequest, session: &PageSession) -> LogEntry {
    let body = |text: String| Some(text).filter(|text| !text.is_empty());
    let is_answered = request.status.is_some();
    LogEntry {
        at: moment(Timestamp(request.at), session.connect.now().to_system_time()),
        method: request.method,
        url: request.url,
        status: request.status,
        milliseconds: request.took_ms,
        error: (!is_answered).then(|| request.response_body.clone()),
        request: Message { headers: request.request_headers, body: body(request.request_body) },
        response: Message {
            headers: request.response_headers,
            body: body(request.response_body).filter(|_| is_answered),
        },
    }
}
