use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Outcome, holds, present, same};
use super::sample::{
    BRIEF, HOUR, MINUTE, exchanged, failed, intent, is_held, kept, new_credential, one, outlive_brief, pass, row, taken,
};
use crate::backend::{Exchanged, Failed, Intent, NewCredential, Record, StatusChange, Tokens};
use crate::model::{CredentialId, CredentialStatus};

// THREAT-S6
pub(super) async fn an_exchange_begins_under_a_live_lease_and_the_right_generation_alone(
    database: Database,
) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    same("without a lease", backend.begin_exchange(id, 0, 1, intent(1)).await?, false)?;
    let lease = taken(backend, id, BRIEF).await?;
    same("under another fence", backend.begin_exchange(id, lease.fence + 1, 1, intent(1)).await?, false)?;
    same("of another generation", backend.begin_exchange(id, lease.fence, 2, intent(1)).await?, false)?;
    same("the intent", row(backend, id).await?.intent, None)?;
    let before = backend.now().await?;
    let replay = Intent { id: i64::MIN, is_replay: true, ..intent(1) };
    same("begin_exchange", backend.begin_exchange(id, lease.fence, 1, replay.clone()).await?, true)?;
    let own = row(&*database.two, id).await?;
    let kept = present("the intent", own.intent)?;
    holds("the time is the database's", kept.at >= before && kept.at <= own.now)?;
    same("the intent", kept.clone(), Intent { at: kept.at, ..replay })?;
    same("revision and generation", (own.revision, own.generation), (1, 1))?;
    outlive_brief().await;
    same("when the lease is over", backend.begin_exchange(id, lease.fence, 1, intent(2)).await?, false)?;
    let next = taken(backend, id, MINUTE).await?;
    same("who comes next sees the intent", next.intent.map(|intent| intent.id), Some(i64::MIN))?;
    let unknown = CredentialId::generate()?;
    same("of an unknown one", backend.begin_exchange(unknown, 1, 1, intent(1)).await?, false)
}

pub(super) async fn a_finished_exchange_is_kept_once(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lease = taken(backend, id, MINUTE).await?;
    backend.fail_exchange(failed(&lease)).await?;
    let lease = taken(backend, id, MINUTE).await?;
    backend.begin_exchange(id, lease.fence, 1, intent(1)).await?;
    let wrong = Exchanged { generation: 2, ..exchanged(&lease, "tokens x") };
    same("for another generation", backend.finish_exchange(wrong).await?, false)?;
    let tokens = Tokens {
        sealed: b"tokens 2".to_vec(),
        renews: false,
        expires_in: Some(MINUTE),
        refresh_in: None,
        refresh_expires_in: Some(HOUR),
    };
    let before = backend.now().await?;
    same("finish", backend.finish_exchange(Exchanged { tokens, ..exchanged(&lease, "") }).await?, true)?;
    same("finish again", database.two.finish_exchange(exchanged(&lease, "tokens 3")).await?, false)?;
    let own = row(&*database.two, id).await?;
    same("tokens", (own.tokens, own.generation, own.renews), (Some(b"tokens 2".to_vec()), 2, false))?;
    same("status", (own.status, own.reason, own.provider_error), (CredentialStatus::Valid, None, None))?;
    same("attempts", (own.attempts, own.next_attempt_at), (0, None))?;
    same("intent and revision", (own.intent, own.revision), (None, 3))?;
    same("when it is due", own.refresh_at, None)?;
    holds("the token's end counts from now", own.expires_at >= Some(before.after(MINUTE)))?;
    holds("the refresh token's end counts from now", own.refresh_expires_at >= Some(before.after(HOUR)))?;
    holds("the success is dated", own.last_success_at >= Some(before) && own.updated_at >= before)?;
    holds("the lease is free", !is_held(&backend.claim(id, MINUTE).await?))
}

// THREAT-S8
pub(super) async fn a_finished_exchange_is_kept_though_the_lease_was_lost(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lost = taken(backend, id, BRIEF).await?;
    backend.begin_exchange(id, lost.fence, 1, intent(1)).await?;
    outlive_brief().await;
    let next = taken(&*database.two, id, MINUTE).await?;
    same("finish after the lease was lost", backend.finish_exchange(exchanged(&lost, "tokens 2")).await?, true)?;
    holds("the lease of the second stays", is_held(&backend.claim(id, MINUTE).await?))?;
    same("the second cannot begin", backend.begin_exchange(id, next.fence, 1, intent(2)).await?, false)?;
    same("the second cannot finish", backend.finish_exchange(exchanged(&next, "tokens x")).await?, false)?;
    same("the second cannot fail it", backend.fail_exchange(failed(&next)).await?, false)?;
    let own = row(backend, id).await?;
    same("tokens", (own.tokens, own.generation), (Some(b"tokens 2".to_vec()), 2))
}

pub(super) async fn tokens_that_come_for_a_revoked_credential_leave_it_revoked(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lease = taken(backend, id, MINUTE).await?;
    backend.begin_exchange(id, lease.fence, 1, intent(1)).await?;
    let revoked = StatusChange {
        status: CredentialStatus::Revoked,
        reason: Some("revoked_by_owner".to_owned()),
        provider_error: None,
        generation: None,
        from: None,
        is_success: false,
        record: Record::default(),
    };
    same("revoke", database.two.set_status(id, revoked).await?, true)?;
    same("finish", backend.finish_exchange(exchanged(&lease, "tokens 2")).await?, true)?;
    let own = row(backend, id).await?;
    same("status", (own.status, own.reason.as_deref()), (CredentialStatus::Revoked, Some("revoked_by_owner")))?;
    same("tokens", (own.tokens, own.generation), (Some(b"tokens 2".to_vec()), 2))
}

pub(super) async fn the_end_of_a_refresh_token_stays_known_if_the_provider_says_nothing_new(
    database: Database,
) -> Outcome {
    let backend = &*database.one;
    let first = Tokens { refresh_expires_in: Some(HOUR), ..super::sample::tokens("tokens 1") };
    let id = kept(backend, NewCredential { tokens: Some(first), ..new_credential()? }).await?;
    let lease = taken(backend, id, MINUTE).await?;
    let end = lease.refresh_expires_at;
    holds("the end is known", end.is_some())?;
    backend.finish_exchange(exchanged(&lease, "tokens 2")).await?;
    same("the end", row(backend, id).await?.refresh_expires_at, end)
}

pub(super) async fn a_failed_exchange_is_noted_and_ends_the_lease(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lease = taken(backend, id, MINUTE).await?;
    backend.begin_exchange(id, lease.fence, 1, intent(1)).await?;
    pass(Duration::from_millis(5)).await;
    let before = backend.now().await?;
    same("fail", backend.fail_exchange(failed(&lease)).await?, true)?;
    let own = row(&*database.two, id).await?;
    same("the status", own.status, CredentialStatus::Degraded)?;
    same("the reason", own.reason.as_deref(), Some("endpoint.unreachable"))?;
    same("the provider's error", own.provider_error.as_deref(), Some("temporarily_unavailable"))?;
    holds("it is so since now", own.status_since >= before)?;
    same(
        "attempts, generation, revision and intent",
        (own.attempts, own.generation, own.revision, own.intent),
        (1, 1, 2, None),
    )?;
    holds("the next attempt waits", own.next_attempt_at >= Some(before.after(MINUTE)))?;
    same("the token serves on", own.tokens, Some(b"tokens 1".to_vec()))?;
    let lease = taken(backend, id, MINUTE).await?;
    let now = Failed { retry_in: None, ..failed(&lease) };
    same("fail again", backend.fail_exchange(now).await?, true)?;
    let own = row(backend, id).await?;
    same("attempts and the next one", (own.attempts, own.next_attempt_at), (2, None))
}

// THREAT-S7
pub(super) async fn a_failed_exchange_can_leave_status_and_intent(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lease = taken(backend, id, MINUTE).await?;
    backend.begin_exchange(id, lease.fence, 1, Intent { is_replay: true, ..intent(9) }).await?;
    let unknown = Failed { status: None, reason: None, provider_error: None, keeps_intent: true, ..failed(&lease) };
    same("fail", backend.fail_exchange(unknown).await?, true)?;
    let own = row(backend, id).await?;
    same("status", (own.status, own.status_since), (CredentialStatus::Valid, lease.status_since))?;
    let kept = present("the intent", own.intent)?;
    same("the intent", (kept.id, kept.spends, kept.is_replay), (9, vec![7; 32], true))?;
    holds("the lease is free", !is_held(&backend.claim(id, MINUTE).await?))
}

// THREAT-S9
pub(super) async fn a_loser_cannot_overwrite_a_good_state(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let loser = taken(backend, id, BRIEF).await?;
    outlive_brief().await;
    let winner = taken(&*database.two, id, MINUTE).await?;
    same("fail under a lost lease", backend.fail_exchange(failed(&loser)).await?, false)?;
    same("finish", database.two.finish_exchange(exchanged(&winner, "tokens 2")).await?, true)?;
    let stale = Failed { status: Some(CredentialStatus::NeedsReauth), ..failed(&winner) };
    same("fail of a generation that is over", backend.fail_exchange(stale).await?, false)?;
    let own = row(backend, id).await?;
    same("state", (own.status, own.attempts, own.revision), (CredentialStatus::Valid, 0, 2))
}

pub(super) async fn of_many_finishing_at_once_one_wins(database: Database) -> Outcome {
    let id = one(&*database.one).await?;
    let lease = taken(&*database.one, id, MINUTE).await?;
    let mut finishing = JoinSet::new();
    for index in 0..20 {
        let (backend, done) = (database.handle(index), exchanged(&lease, "tokens 2"));
        finishing.spawn(async move { backend.finish_exchange(done).await });
    }
    let mut winners = 0;
    while let Some(done) = finishing.join_next().await {
        winners += u32::from(done??);
    }
    same("winners", winners, 1)?;
    let own = row(&*database.one, id).await?;
    same("generation and revision", (own.generation, own.revision), (2, 2))
}
