use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Failure, Outcome, holds, present, same};
use super::sample::{ALICE, MINUTE, exchanged, failed, kept, new_credential, one, pass, row, taken};
use crate::backend::{Backend, PageKey, Record, StatusChange, Touched};
use crate::model::{CredentialId, CredentialStatus, Timestamp};

async fn all_pages(backend: &dyn Backend, since: Timestamp, limit: u32) -> Result<Vec<Touched>, Failure> {
    let mut all: Vec<Touched> = Vec::new();
    loop {
        let after = all.last().map(|last| PageKey { created_at: last.updated_at, id: last.id });
        let page = backend.changes_since(since, after, limit).await?;
        holds("a page is within its limit", page.len() <= limit as usize)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn needs_reauth() -> StatusChange {
    StatusChange {
        status: CredentialStatus::NeedsReauth,
        reason: None,
        provider_error: None,
        generation: None,
        from: None,
        is_success: false,
        record: Record::default(),
    }
}

pub(super) async fn changes_are_told_in_order_and_none_is_missed(database: Database) -> Outcome {
    let backend = &*database.one;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(one(backend).await?);
        pass(Duration::from_millis(3)).await;
    }
    let told = all_pages(&*database.two, Timestamp(0), 4).await?;
    same("all, the oldest first", told.iter().map(|touched| touched.id).collect::<Vec<_>>(), ids.clone())?;
    let since = backend.now().await?;
    pass(Duration::from_millis(3)).await;
    let lease = taken(backend, ids[4], MINUTE).await?;
    backend.finish_exchange(exchanged(&lease, "x")).await?;
    pass(Duration::from_millis(3)).await;
    let lease = taken(backend, ids[1], MINUTE).await?;
    backend.fail_exchange(failed(&lease)).await?;
    pass(Duration::from_millis(3)).await;
    backend.set_status(ids[2], needs_reauth()).await?;
    pass(Duration::from_millis(3)).await;
    backend.delete(ALICE, ids[0], Record::default()).await?;
    backend.touch(vec![ids[5]]).await?;
    taken(backend, ids[3], MINUTE).await?;
    let told = all_pages(&*database.two, since, 2).await?;
    let wanted = vec![(ids[4], 2, 2, false), (ids[1], 1, 2, false), (ids[2], 1, 2, false), (ids[0], 1, 2, true)];
    let told = told.iter().map(|own| (own.id, own.generation, own.revision, own.is_deleted)).collect::<Vec<_>>();
    same("id, generation, revision and end of each", told, wanted)?;
    let last = row(backend, ids[2]).await?;
    let at = backend.changes_since(last.updated_at, None, 10).await?;
    holds("a change at that very time is told", at.iter().any(|touched| touched.id == ids[2]))
}

pub(super) async fn changes_of_one_instant_are_paged_through(database: Database) -> Outcome {
    const ALL: usize = 300;
    let mut keeping = JoinSet::new();
    for index in 0..ALL {
        let backend = database.handle(index);
        keeping.spawn(async move { kept(&*backend, new_credential()?).await });
    }
    while let Some(done) = keeping.join_next().await {
        done??;
    }
    let told = all_pages(&*database.one, Timestamp(0), 3).await?;
    same("how many", told.len(), ALL)?;
    same("how many different", told.iter().map(|touched| touched.id).collect::<HashSet<_>>().len(), ALL)?;
    holds("the oldest first", told.windows(2).all(|pair| pair[0].updated_at <= pair[1].updated_at))
}

pub(super) async fn changes_are_announced_where_the_database_announces(database: Database) -> Outcome {
    let backend = &*database.one;
    let Some(mut announced) = database.two.listen().await? else {
        return Ok(());
    };
    let mut ids: Vec<CredentialId> = Vec::new();
    for _ in 0..7 {
        ids.push(one(backend).await?);
    }
    let ended = kept(
        backend,
        crate::NewCredential { tokens: Some(super::sample::ending_tokens(Duration::ZERO)), ..new_credential()? },
    )
    .await?;
    pass(Duration::from_millis(3)).await;
    let lease = taken(backend, ids[0], MINUTE).await?;
    backend.finish_exchange(exchanged(&lease, "x")).await?;
    let lease = taken(backend, ids[1], MINUTE).await?;
    backend.fail_exchange(failed(&lease)).await?;
    backend.set_status(ids[2], needs_reauth()).await?;
    backend.delete(ALICE, ids[3], Record::default()).await?;
    backend.set_logs_requests(ALICE, ids[4], true, Record::default()).await?;
    backend.set_status(ended, needs_reauth()).await?;
    // What announces nothing, because nothing changed that others must know.
    backend.touch(vec![ids[5]]).await?;
    taken(backend, ids[6], MINUTE).await?;
    let mut missing: HashSet<_> = ids[..5].iter().copied().chain([ended]).collect();
    while !missing.is_empty() {
        let next = tokio::time::timeout(Duration::from_secs(5), announced.next()).await;
        let id = present("an announcement within five seconds", next.ok())??;
        holds("only what changed is announced", missing.remove(&id) || !ids[5..].contains(&id))?;
    }
    Ok(())
}
