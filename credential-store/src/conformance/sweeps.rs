use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Failure, Outcome, holds, same};
use super::sample::{
    ALICE, HOUR, MINUTE, ending_tokens, exchanged, kept, message, new_credential, one, pass, row, taken, tokens,
};
use crate::backend::{Backend, CredentialRow, JobKind, NewCredential, Record, StatusChange, Tokens};
use crate::model::{CredentialId, CredentialStatus};

async fn with(backend: &dyn Backend, tokens: Tokens) -> Result<CredentialId, Failure> {
    kept(backend, NewCredential { tokens: Some(tokens), ..new_credential()? }).await
}

/// Notes that a credential of `ended` has ended.
async fn note_end(backend: &dyn Backend, row: &CredentialRow) -> Result<bool, Failure> {
    let change = StatusChange {
        status: CredentialStatus::ExpiredManual,
        reason: Some("token_ended".to_owned()),
        provider_error: None,
        generation: Some(row.generation),
        from: Some(row.status),
        is_success: false,
        record: message(row.id),
    };
    Ok(backend.set_status(row.id, change).await?)
}

fn ids(rows: &[CredentialRow]) -> Vec<CredentialId> {
    rows.iter().map(|row| row.id).collect()
}

pub(super) async fn what_ended_is_listed_until_its_status_says_so(database: Database) -> Outcome {
    let backend = &*database.one;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(with(backend, ending_tokens(Duration::ZERO)).await?);
        pass(Duration::from_millis(4)).await;
    }
    let first = database.two.ended(2).await?;
    same("the first to end first, within the limit", ids(&first), all[..2].to_vec())?;
    same("the rows as they are", first[0].status, CredentialStatus::Valid)?;
    same("nobody has noted it", ids(&backend.ended(2).await?), all[..2].to_vec())?;
    same("the note", note_end(&*database.two, &first[0]).await?, true)?;
    same("the note of another who found it too", note_end(backend, &first[0]).await?, false)?;
    let own = row(backend, all[0]).await?;
    same("status and revision", (own.status, own.revision), (CredentialStatus::ExpiredManual, 2))?;
    holds("there is a reason, since now", own.reason.is_some() && own.status_since > own.created_at)?;
    same("what is left", ids(&backend.ended(10).await?), all[1..].to_vec())
}

pub(super) async fn only_what_ended_is_listed(database: Database) -> Outcome {
    let backend = &*database.one;
    let ended = with(backend, ending_tokens(Duration::ZERO)).await?;
    with(backend, ending_tokens(HOUR)).await?;
    with(backend, Tokens { expires_in: None, ..ending_tokens(HOUR) }).await?;
    with(backend, Tokens { expires_in: Some(Duration::ZERO), ..tokens("renews") }).await?;
    let revoked = with(backend, ending_tokens(Duration::ZERO)).await?;
    let change = StatusChange {
        status: CredentialStatus::Revoked,
        reason: None,
        provider_error: None,
        generation: None,
        from: None,
        is_success: false,
        record: Record::default(),
    };
    backend.set_status(revoked, change).await?;
    let deleted = with(backend, ending_tokens(Duration::ZERO)).await?;
    backend.delete(ALICE, deleted, Record::default()).await?;
    pass(Duration::from_millis(5)).await;
    same("what ended", ids(&backend.ended(100).await?), vec![ended])
}

pub(super) async fn what_ends_soon_is_listed_until_it_is_told_and_again_with_another_end(
    database: Database,
) -> Outcome {
    let backend = &*database.one;
    let ends = with(backend, ending_tokens(MINUTE)).await?;
    let refresh_ends = with(backend, Tokens { refresh_expires_in: Some(MINUTE), ..tokens("x") }).await?;
    let both = with(backend, Tokens { refresh_expires_in: Some(MINUTE), ..ending_tokens(MINUTE) }).await?;
    let far = Tokens { refresh_expires_in: Some(HOUR * 3), ..tokens("x") };
    with(backend, far.clone()).await?;
    with(backend, Tokens { expires_in: Some(MINUTE), ..tokens("renews itself") }).await?;
    with(backend, ending_tokens(HOUR * 3)).await?;
    one(backend).await?;
    let all = HashSet::from([ends, refresh_ends, both]);
    same("within the limit", database.two.ending(HOUR, 2).await?.len(), 2)?;
    same("who", database.two.ending(HOUR, 10).await?.iter().map(|row| row.id).collect(), all.clone())?;
    for id in all {
        same("of another generation", backend.set_warned(id, 2, message(id)).await?, false)?;
        same("the note", backend.set_warned(id, 1, message(id)).await?, true)?;
        same("once", database.two.set_warned(id, 1, message(id)).await?, false)?;
    }
    same("what is told", backend.count_jobs(JobKind::Webhook).await?, 3)?;
    same("what is left", backend.ending(HOUR, 10).await?.len(), 0)?;
    // The refresh token ends when it did, also if the provider repeats that; with a later end it is another matter.
    for (end, told) in [(None, vec![]), (Some(MINUTE), vec![]), (Some(HOUR / 2), vec![refresh_ends])] {
        let lease = taken(backend, refresh_ends, MINUTE).await?;
        let again = Tokens { refresh_expires_in: end, ..tokens("x") };
        backend.finish_exchange(crate::Exchanged { tokens: again, ..exchanged(&lease, "") }).await?;
        same("after new tokens", ids(&backend.ending(HOUR, 10).await?), told)?;
    }
    same("a warning is no change", row(backend, ends).await?.revision, 1)
}

// THREAT-S8
pub(super) async fn of_many_who_find_the_same_end_one_tells_it(database: Database) -> Outcome {
    const ALL: i64 = 60;
    for _ in 0..ALL {
        with(&*database.one, ending_tokens(Duration::ZERO)).await?;
    }
    pass(Duration::from_millis(5)).await;
    for (is_warning, told) in [(true, ALL), (false, 2 * ALL)] {
        let mut telling = JoinSet::new();
        for index in 0..8 {
            let backend = database.handle(index);
            telling.spawn(async move { tell_all(&*backend, is_warning).await });
        }
        let mut changes = 0;
        while let Some(done) = telling.join_next().await {
            changes += done??;
        }
        same("changes that took effect", changes, ALL)?;
        same("messages", database.one.count_jobs(JobKind::Webhook).await?, told)?;
    }
    Ok(())
}

/// How many this one told.
async fn tell_all(backend: &dyn Backend, is_warning: bool) -> Result<i64, Failure> {
    let mut told = 0;
    loop {
        let rows = if is_warning { backend.ending(HOUR, 20).await? } else { backend.ended(20).await? };
        if rows.is_empty() {
            return Ok(told);
        }
        for row in rows {
            told += i64::from(match is_warning {
                true => backend.set_warned(row.id, row.generation, message(row.id)).await?,
                false => note_end(backend, &row).await?,
            });
        }
    }
}
