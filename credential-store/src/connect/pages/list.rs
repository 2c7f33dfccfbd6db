use axum::extract::RawQuery;
use axum::response::Response;

use super::answer::PageError;
use super::row::row;
use super::session::PageSession;
use crate::connect::query::parameter;
use crate::connect::views::{ConnectionList, Flash, FlashKind, Section, Status};
use crate::model::CredentialStatus;
use crate::store::ListQuery;

/// How many connections a page has.
const PAGE: u32 = 25;

/// `GET /connections?status=…&after=…`
pub(super) async fn page(session: PageSession, RawQuery(query): RawQuery) -> Response {
    session.finish(draw(&session, query.as_deref().unwrap_or_default()).await)
}

async fn draw(session: &PageSession, query: &str) -> Result<Response, PageError> {
    session.is_free()?;
    let filter = parameter(query, "status").as_deref().and_then(Status::parse);
    let after = parameter(query, "after");
    let mut wanted = ListQuery::new().limit(PAGE);
    if let Some(status) = filter.and_then(|filter| CredentialStatus::from_name(filter.as_str())) {
        wanted = wanted.status(status);
    }
    if let [one] = session.claims.connectors.as_slice() {
        wanted = wanted.connector(one);
    }
    if let Some(after) = &after {
        wanted = wanted.after(after);
    }
    let found = session.connect.store().list(&session.owner, wanted).await?;
    let mut shell = session.shell(Some(Section::Connections));
    if parameter(query, "notice").as_deref() == Some("deleted") {
        shell.flash = Some(Flash { kind: FlashKind::Good, text: "The connection was deleted.".to_owned() });
    }
    let rows = found.credentials.iter().filter(|info| session.allows(&info.connector)).map(|info| row(session, info));
    let view = ConnectionList { shell, filter, rows: rows.collect(), is_continued: after.is_some(), next: found.next };
    Ok(session.page(&view))
}
