use std::collections::HashSet;

use tokio::task::JoinSet;

use super::check::{Database, Failure, Outcome, holds, same};
use super::sample::{ALICE, BOB, kept, new_credential};
use crate::backend::{Backend, CredentialRow, ListFilter, NewCredential, PageKey};
use crate::model::CredentialStatus;

/// So many that pages begin and end within one millisecond.
const MANY: usize = 2_000;

async fn fill(database: &Database) -> Outcome {
    let mut keeping = JoinSet::new();
    for index in 0..MANY {
        let backend = database.handle(index);
        keeping.spawn(async move {
            let owner = if index % 10 == 0 { BOB } else { ALICE };
            kept(&*backend, NewCredential { owner, ..new_credential()? }).await
        });
        if keeping.len() >= 16 {
            keeping.join_next().await.transpose()?.transpose()?;
        }
    }
    while let Some(done) = keeping.join_next().await {
        done??;
    }
    Ok(())
}

fn key(row: &CredentialRow) -> PageKey {
    PageKey { created_at: row.created_at, id: row.id }
}

async fn all_pages(backend: &dyn Backend, filter: ListFilter) -> Result<Vec<CredentialRow>, Failure> {
    let mut rows: Vec<CredentialRow> = Vec::new();
    loop {
        let after = rows.last().map(key);
        let page = backend.list(ListFilter { after, ..filter.clone() }).await?;
        holds("a page is within its limit", page.len() <= filter.limit as usize)?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

pub(super) async fn pages_hold_every_credential_once_the_newest_first(database: Database) -> Outcome {
    fill(&database).await?;
    let backend = &*database.one;
    for (owner, wanted) in [(Some(ALICE), MANY * 9 / 10), (Some(BOB), MANY / 10), (None, MANY)] {
        let rows = all_pages(backend, ListFilter { owner, limit: 97, ..ListFilter::default() }).await?;
        same("how many", rows.len(), wanted)?;
        same("how many different", rows.iter().map(|row| row.id).collect::<HashSet<_>>().len(), wanted)?;
        holds("no foreign one", rows.iter().all(|row| owner.is_none_or(|owner| owner == row.owner)))?;
        holds("the newest first", rows.windows(2).all(|pair| pair[0].created_at >= pair[1].created_at))?;
    }
    same("count", backend.count(ALICE).await?, i64::try_from(MANY * 9 / 10).unwrap_or(0))
}

pub(super) async fn filters_combine(database: Database) -> Outcome {
    let backend = &*database.one;
    for connector in ["mail", "files", "it's"] {
        for status in [CredentialStatus::Valid, CredentialStatus::NeedsReauth] {
            for owner in [ALICE, BOB] {
                let connector = connector.to_owned();
                kept(backend, NewCredential { connector, status, owner, ..new_credential()? }).await?;
            }
        }
    }
    for (owner, connector, status, wanted) in [
        (None, None, None, 12),
        (Some(ALICE), None, None, 6),
        (None, Some("files"), None, 4),
        (None, None, Some(CredentialStatus::NeedsReauth), 6),
        (Some(BOB), Some("it's"), None, 2),
        (Some(BOB), Some("it's"), Some(CredentialStatus::Valid), 1),
        (None, Some("mail"), Some(CredentialStatus::Valid), 2),
        (None, Some("Mail"), None, 0),
        (None, Some("%"), None, 0),
        (Some(ALICE), None, Some(CredentialStatus::Revoked), 0),
    ] {
        let filter = ListFilter { owner, connector: connector.map(str::to_owned), status, after: None, limit: 5 };
        let rows = all_pages(backend, filter).await?;
        same(&format!("how many of {connector:?} {status:?}"), rows.len(), wanted)?;
        let fits = |row: &CredentialRow| {
            owner.is_none_or(|owner| owner == row.owner)
                && connector.is_none_or(|connector| connector == row.connector)
                && status.is_none_or(|status| status == row.status)
        };
        holds("only what was asked for", rows.iter().all(fits))?;
    }
    Ok(())
}

pub(super) async fn an_empty_list_is_empty(database: Database) -> Outcome {
    let backend = &*database.one;
    holds("nothing", backend.list(ListFilter { limit: 10, ..ListFilter::default() }).await?.is_empty())?;
    kept(backend, new_credential()?).await?;
    holds("nothing within no limit", backend.list(ListFilter::default()).await?.is_empty())?;
    same("count of nobody", backend.count(BOB).await?, 0)
}
