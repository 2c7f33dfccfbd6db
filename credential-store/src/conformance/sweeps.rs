use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Failure, Outcome, holds, same};
use super::sample::{
    ALICE, HOUR, MINUTE, ending_tokens, exchanged, kept, new_credential, one, pass, row, taken, tokens,
};
use crate::backend::{Backend, NewCredential, StatusChange, Tokens};
use crate::model::{CredentialId, CredentialStatus};

async fn with(backend: &dyn Backend, tokens: Tokens) -> Result<CredentialId, Failure> {
    kept(backend, NewCredential { tokens: Some(tokens), ..new_credential()? }).await
}

pub(super) async fn each_ended_credential_is_expired_once(database: Database) -> Outcome {
    let backend = &*database.one;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(with(backend, ending_tokens(Duration::ZERO)).await?);
        pass(Duration::from_millis(4)).await;
    }
    let mut expired = Vec::new();
    for wanted in [2, 1, 0] {
        let rows = database.two.expire(2).await?;
        same("how many", rows.len(), wanted)?;
        expired.extend(rows);
    }
    same("the first to end first", expired.iter().map(|row| row.id).collect::<Vec<_>>(), ids)?;
    for own in expired {
        same("the row as it is now", (own.status, own.revision), (CredentialStatus::ExpiredManual, 2))?;
        holds("there is a reason, since now", own.reason.is_some() && own.status_since > own.created_at)?;
    }
    Ok(())
}

pub(super) async fn only_what_ended_expires(database: Database) -> Outcome {
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
        is_success: false,
    };
    backend.set_status(revoked, change).await?;
    let deleted = with(backend, ending_tokens(Duration::ZERO)).await?;
    backend.delete(ALICE, deleted, Vec::new()).await?;
    pass(Duration::from_millis(5)).await;
    let rows = backend.expire(100).await?;
    same("who expires", rows.iter().map(|row| row.id).collect::<Vec<_>>(), vec![ended])
}

pub(super) async fn each_credential_is_warned_of_once_until_new_tokens_come(database: Database) -> Outcome {
    let backend = &*database.one;
    let ends = with(backend, ending_tokens(MINUTE)).await?;
    let refresh_ends = with(backend, Tokens { refresh_expires_in: Some(MINUTE), ..tokens("x") }).await?;
    let both = with(backend, Tokens { refresh_expires_in: Some(MINUTE), ..ending_tokens(MINUTE) }).await?;
    let far = Tokens { refresh_expires_in: Some(HOUR * 3), ..tokens("x") };
    with(backend, far.clone()).await?;
    with(backend, Tokens { expires_in: Some(MINUTE), ..tokens("renews itself") }).await?;
    with(backend, ending_tokens(HOUR * 3)).await?;
    one(backend).await?;
    let mut warned = Vec::new();
    for wanted in [2, 1, 0] {
        let rows = database.two.warn(HOUR, 2).await?;
        same("how many", rows.len(), wanted)?;
        warned.extend(rows.into_iter().map(|row| row.id));
    }
    same("who", warned.into_iter().collect::<HashSet<_>>(), HashSet::from([ends, refresh_ends, both]))?;
    // The refresh token ends when it did, also if the provider repeats that; with a later end it is another matter.
    for (end, told) in [(None, vec![]), (Some(MINUTE), vec![]), (Some(HOUR / 2), vec![refresh_ends])] {
        let lease = taken(backend, refresh_ends, MINUTE).await?;
        let again = Tokens { refresh_expires_in: end, ..tokens("x") };
        backend.finish_exchange(crate::Exchanged { tokens: again, ..exchanged(&lease, "") }).await?;
        let rows = backend.warn(HOUR, 10).await?;
        same("after new tokens", rows.iter().map(|row| row.id).collect::<Vec<_>>(), told)?;
    }
    same("a warning is no change", row(backend, ends).await?.revision, 1)
}

// THREAT-S8
pub(super) async fn competitors_never_expire_or_warn_of_the_same(database: Database) -> Outcome {
    const ALL: usize = 80;
    for _ in 0..ALL {
        with(&*database.one, ending_tokens(Duration::ZERO)).await?;
    }
    pass(Duration::from_millis(5)).await;
    for is_warning in [true, false] {
        let mut sweeping = JoinSet::new();
        for index in 0..8 {
            let backend = database.handle(index);
            sweeping.spawn(async move { sweep(&*backend, is_warning, 5).await });
        }
        let mut all = Vec::new();
        while let Some(done) = sweeping.join_next().await {
            all.extend(done??);
        }
        // One who finds all that is left locked goes away with nothing.
        all.extend(sweep(&*database.one, is_warning, 1000).await?);
        same("how many", all.len(), ALL)?;
        same("how many different", all.into_iter().collect::<HashSet<_>>().len(), ALL)?;
    }
    Ok(())
}

async fn sweep(backend: &dyn Backend, is_warning: bool, limit: u32) -> Result<Vec<CredentialId>, Failure> {
    let mut own = Vec::new();
    loop {
        let rows = if is_warning { backend.warn(HOUR, limit).await? } else { backend.expire(limit).await? };
        holds("within the limit", rows.len() <= limit as usize)?;
        if rows.is_empty() {
            return Ok(own);
        }
        own.extend(rows.into_iter().map(|row| row.id));
    }
}
