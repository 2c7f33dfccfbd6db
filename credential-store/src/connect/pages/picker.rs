use std::collections::HashMap;

use axum::extract::RawQuery;
use axum::response::Response;

use super::answer::PageError;
use super::session::PageSession;
use crate::connect::query::{parameter, printable};
use crate::connect::views::{Picker, PickerEntry, Section};
use crate::store::ListQuery;

/// `GET /connectors?q=…`
pub(super) async fn page(session: PageSession, RawQuery(query): RawQuery) -> Response {
    session.finish(draw(&session, query.as_deref().unwrap_or_default()).await)
}

async fn draw(session: &PageSession, query: &str) -> Result<Response, PageError> {
    session.is_free()?;
    if session.claims.connectors.len() == 1 {
        return Ok(session.redirect(&session.home()));
    }
    let query = printable(&parameter(query, "q").unwrap_or_default(), 100);
    // Counts are a hint: those among the newest 500 are enough.
    let store = session.connect.store();
    let mut counts: HashMap<String, u64> = HashMap::new();
    for info in store.list(&session.owner, ListQuery::new().limit(500)).await?.credentials {
        *counts.entry(info.connector).or_default() += 1;
    }
    let allowed = store.connectors().filter(|connector| session.allows(connector.id()));
    let entries = allowed.map(|connector| {
        let mut entry = PickerEntry::from_spec(connector.spec(), counts.get(connector.id()).copied().unwrap_or(0));
        entry.connector.description = connector.about().map(str::to_owned);
        entry
    });
    let mut entries: Vec<_> = entries.filter(|entry| entry.matches(&query)).collect();
    entries.sort_by_key(|entry| entry.connector.name.to_lowercase());
    Ok(session.page(&Picker { shell: session.shell(Some(Section::Picker)), query, entries }))
}
