use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Outcome, holds, present, same};
use super::sample::{
    ALICE, BOB, HOUR, MINUTE, exchanged, intent, is_held, kept, new_credential, one, pass, row, taken, tokens,
};
use crate::backend::{BackendErrorKind, ListFilter, NewCredential, Record, SecretsChange, StatusChange, Tokens};
use crate::model::CredentialStatus;

pub(super) async fn a_new_credential_is_read_back_whole(database: Database) -> Outcome {
    let backend = &*database.one;
    let before = backend.now().await?;
    let new = NewCredential {
        environment: Some("sandbox".to_owned()),
        logs_requests: true,
        tokens: Some(Tokens {
            sealed: b"\0\xfftokens".to_vec(),
            renews: true,
            expires_in: Some(HOUR),
            refresh_in: Some(MINUTE),
            refresh_expires_in: Some(HOUR * 24),
        }),
        ..new_credential()?
    };
    let id = kept(backend, new.clone()).await?;
    let after = backend.now().await?;
    let own = present("the credential of its owner", database.two.get(ALICE, id).await?)?;
    same("the id", own.id, id)?;
    same("the owner", own.owner, ALICE)?;
    same("the sealed owner", own.owner_sealed, new.owner_sealed)?;
    same("the connector", own.connector, new.connector)?;
    same("the method", own.method, new.method)?;
    same("the environment", own.environment, new.environment)?;
    same("the label", own.label, new.label)?;
    same("the status", own.status, CredentialStatus::Valid)?;
    same("the reason and the provider's error", (own.reason, own.provider_error), (None, None))?;
    same("the key", (own.key_id, own.data_key), (new.key_id, new.data_key))?;
    same("the secrets", (own.secrets, own.secrets_version), (new.secrets, 1))?;
    same("the tokens", own.tokens, new.tokens.map(|tokens| tokens.sealed))?;
    same("generation and revision", (own.generation, own.revision), (1, 1))?;
    holds("it renews itself and its requests are logged", own.renews && own.logs_requests)?;
    same("attempts, fence and intent", (own.attempts, own.fence, own.intent), (0, 0, None))?;
    same("the times of next attempt and last use", (own.next_attempt_at, own.last_used_at), (None, None))?;
    holds("it was created between before and after", (before..=after).contains(&own.created_at))?;
    let about = |what: &str, time: Option<crate::Timestamp>, length: Duration| {
        let time = present(what, time)?;
        holds(what, (before.after(length)..=after.after(length)).contains(&time))
    };
    about("the token ends after its life", own.expires_at, HOUR)?;
    about("it is due when asked", own.refresh_at, MINUTE)?;
    about("the refresh token ends after its life", own.refresh_expires_at, HOUR * 24)?;
    about("a valid credential begins with a success", own.last_success_at, Duration::ZERO)?;
    holds("the row says when it was read", own.now >= own.created_at)?;
    holds("the database's time does not go back", backend.now().await? >= after)
}

pub(super) async fn a_credential_without_tokens_has_none_and_no_times(database: Database) -> Outcome {
    let backend = &*database.one;
    let new = NewCredential { status: CredentialStatus::Pending, tokens: None, ..new_credential()? };
    let own = row(backend, kept(backend, new).await?).await?;
    same("the status", own.status, CredentialStatus::Pending)?;
    same("tokens and generation", (own.tokens, own.generation, own.renews), (None, 0, false))?;
    same("times of tokens", (own.expires_at, own.refresh_at, own.refresh_expires_at), (None, None, None))?;
    same("a success", own.last_success_at, None)
}

pub(super) async fn an_id_is_used_once(database: Database) -> Outcome {
    let backend = &*database.one;
    let new = new_credential()?;
    let id = kept(backend, new.clone()).await?;
    let again = NewCredential { owner: BOB, secrets: b"others".to_vec(), ..new.clone() };
    let refused = backend.insert(again).await;
    same("an error of the kind", refused.err().map(|error| error.kind()), Some(BackendErrorKind::Broken))?;
    let own = row(backend, id).await?;
    same("owner and secrets of the first", (own.owner, own.secrets), (ALICE, new.secrets.clone()))?;
    backend.delete(ALICE, id, Record::default()).await?;
    holds("the id of a deleted credential is not used again", backend.insert(new).await.is_err())
}

pub(super) async fn a_foreign_owner_finds_nothing_anywhere(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    backend.log(id, b"sealed".to_vec(), 5).await?;
    let before = row(backend, id).await?;
    holds("get finds nothing", backend.get(BOB, id).await?.is_none())?;
    same("count", backend.count(BOB).await?, 0)?;
    let filter = ListFilter { owner: Some(BOB), limit: 10, ..ListFilter::default() };
    holds("list finds nothing", backend.list(filter).await?.is_empty())?;
    same("set_label", backend.set_label(BOB, id, b"foreign".to_vec(), Record::default()).await?, false)?;
    same("set_logs_requests", backend.set_logs_requests(BOB, id, true, Record::default()).await?, false)?;
    same("set_secrets", backend.set_secrets(BOB, id, secrets_change(1, 1)).await?, false)?;
    let job = crate::NewJob { kind: crate::JobKind::Revoke, credential: id, payload: b"sealed".to_vec() };
    same("delete", backend.delete(BOB, id, vec![job].into()).await?, false)?;
    same("jobs of a deletion that was none", backend.count_jobs(crate::JobKind::Revoke).await?, 0)?;
    holds("logged finds nothing", backend.logged(BOB, id, 10).await?.is_empty())?;
    let after = row(backend, id).await?;
    same(
        "label, secrets and revision",
        (after.label, after.secrets, after.revision),
        (before.label, before.secrets, 1),
    )?;
    same("the owner's own log", backend.logged(ALICE, id, 10).await?.len(), 1)
}

pub(super) async fn a_label_is_changed_and_is_no_revision(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    same("set_label", backend.set_label(ALICE, id, b"work".to_vec(), Record::default()).await?, true)?;
    let own = row(&*database.two, id).await?;
    same("label and revision", (own.label, own.revision), (b"work".to_vec(), 1))
}

pub(super) async fn request_logging_is_turned_on_and_off(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    for (round, on) in [(2, true), (3, false)] {
        same("set_logs_requests", backend.set_logs_requests(ALICE, id, on, Record::default()).await?, true)?;
        let own = row(&*database.two, id).await?;
        same("whether it logs, and its revision", (own.logs_requests, own.revision), (on, round))?;
    }
    Ok(())
}

pub(super) async fn a_status_change_counts_and_keeps_its_time(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let change = |status, is_success| StatusChange {
        status,
        reason: Some("token.refused".to_owned()),
        provider_error: Some("invalid_token".to_owned()),
        generation: None,
        from: None,
        is_success,
        record: Record::default(),
    };
    let lease = taken(backend, id, MINUTE).await?;
    backend.fail_exchange(super::sample::failed(&lease)).await?;
    pass(Duration::from_millis(5)).await;
    same("set_status", backend.set_status(id, change(CredentialStatus::NeedsReauth, false)).await?, true)?;
    let first = row(backend, id).await?;
    same("the status", first.status, CredentialStatus::NeedsReauth)?;
    same("the reason", first.reason.as_deref(), Some("token.refused"))?;
    same("the provider's error", first.provider_error.as_deref(), Some("invalid_token"))?;
    same("the revision", first.revision, 3)?;
    holds("it is so since now, not since it was created", first.status_since > first.created_at)?;
    holds("failures are still counted", first.attempts == 1 && first.next_attempt_at.is_some())?;
    pass(Duration::from_millis(5)).await;
    backend.set_status(id, change(CredentialStatus::NeedsReauth, false)).await?;
    let second = row(backend, id).await?;
    same("since when, if it was so already", second.status_since, first.status_since)?;
    holds("a change is dated", second.updated_at > first.updated_at)?;
    backend.set_status(id, change(CredentialStatus::Valid, true)).await?;
    let third = row(backend, id).await?;
    same("attempts after a success", (third.attempts, third.next_attempt_at), (0, None))?;
    holds("a success is dated", third.last_success_at > first.last_success_at)?;
    let unknown = crate::CredentialId::generate()?;
    same("an unknown one", backend.set_status(unknown, change(CredentialStatus::Valid, true)).await?, false)
}

pub(super) async fn a_status_change_for_another_generation_or_from_another_status_does_nothing(
    database: Database,
) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let change = |generation| StatusChange {
        status: CredentialStatus::Revoked,
        reason: None,
        provider_error: None,
        generation: Some(generation),
        from: None,
        is_success: false,
        record: Record::default(),
    };
    for other in [0, 2, -1, i64::MAX] {
        same("set_status for another generation", backend.set_status(id, change(other)).await?, false)?;
    }
    for other in [CredentialStatus::Degraded, CredentialStatus::Revoked] {
        let change = StatusChange { from: Some(other), ..change(1) };
        same("set_status from another status", backend.set_status(id, change).await?, false)?;
    }
    let own = row(backend, id).await?;
    same("status and revision", (own.status, own.revision), (CredentialStatus::Valid, 1))?;
    let fits = StatusChange { from: Some(CredentialStatus::Valid), ..change(1) };
    same("set_status for its generation from its status", backend.set_status(id, fits.clone()).await?, true)?;
    same("the status", row(backend, id).await?.status, CredentialStatus::Revoked)?;
    same("set_status again", backend.set_status(id, fits).await?, false)
}

fn secrets_change(secrets_version: i64, generation: i64) -> SecretsChange {
    SecretsChange {
        secrets: b"new secrets".to_vec(),
        secrets_version,
        generation,
        method: "api_key".to_owned(),
        environment: Some("eu".to_owned()),
        tokens: Some(tokens("new tokens")),
        status: CredentialStatus::Valid,
        reason: None,
        record: Record::default(),
    }
}

pub(super) async fn new_secrets_are_compared_and_set_and_end_lease_and_intent(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lease = taken(backend, id, MINUTE).await?;
    backend.begin_exchange(id, lease.fence, 1, intent(5)).await?;
    for (version, generation) in [(2, 1), (1, 2), (0, 0)] {
        let changed = backend.set_secrets(ALICE, id, secrets_change(version, generation)).await?;
        same("set_secrets for another version or generation", changed, false)?;
    }
    same("the revision", row(backend, id).await?.revision, 1)?;
    same("set_secrets", backend.set_secrets(ALICE, id, secrets_change(1, 1)).await?, true)?;
    let own = row(&*database.two, id).await?;
    same("secrets", (own.secrets, own.secrets_version), (b"new secrets".to_vec(), 2))?;
    same("tokens", (own.tokens, own.generation), (Some(b"new tokens".to_vec()), 2))?;
    same("method and environment", (own.method.as_str(), own.environment.as_deref()), ("api_key", Some("eu")))?;
    same("the intent", own.intent, None)?;
    holds("a new fence keeps the old lease out", own.fence > lease.fence)?;
    same("extend", backend.extend(id, lease.fence, MINUTE).await?, false)?;
    same("begin_exchange", backend.begin_exchange(id, lease.fence, 2, intent(6)).await?, false)?;
    same("finish_exchange", backend.finish_exchange(exchanged(&lease, "late")).await?, false)?;
    same("fail_exchange", backend.fail_exchange(super::sample::failed(&lease)).await?, false)?;
    taken(backend, id, MINUTE).await?;
    let reason = || Some("revoked_by_owner".to_owned());
    let without =
        SecretsChange { tokens: None, status: CredentialStatus::Revoked, reason: reason(), ..secrets_change(2, 2) };
    same("set_secrets without tokens", backend.set_secrets(ALICE, id, without).await?, true)?;
    let own = row(backend, id).await?;
    same("tokens", (own.tokens, own.renews, own.expires_at, own.refresh_at), (None, false, None, None))?;
    same(
        "generation, status and reason",
        (own.generation, own.status, own.reason),
        (3, CredentialStatus::Revoked, reason()),
    )?;
    same("set_secrets again", backend.set_secrets(ALICE, id, secrets_change(3, 3)).await?, true)?;
    let own = row(backend, id).await?;
    same("status and reason", (own.status, own.reason), (CredentialStatus::Valid, None))
}

pub(super) async fn of_many_reconnections_at_once_one_wins(database: Database) -> Outcome {
    let id = one(&*database.one).await?;
    let mut asking = JoinSet::new();
    for index in 0..20 {
        let backend = database.handle(index);
        asking.spawn(async move { backend.set_secrets(ALICE, id, secrets_change(1, 1)).await });
    }
    let mut winners = 0;
    while let Some(done) = asking.join_next().await {
        winners += u32::from(done??);
    }
    same("winners", winners, 1)?;
    same("the version", row(&*database.one, id).await?.secrets_version, 2)
}

pub(super) async fn a_use_is_noted_and_changes_nothing_else(database: Database) -> Outcome {
    let backend = &*database.one;
    let (first, second) = (one(backend).await?, one(backend).await?);
    let before = row(backend, first).await?;
    pass(Duration::from_millis(5)).await;
    let unknown = crate::CredentialId::generate()?;
    backend.touch(vec![first, unknown, second, first]).await?;
    backend.touch(Vec::new()).await?;
    let after = row(backend, first).await?;
    holds("the use is dated", after.last_used_at > Some(before.created_at))?;
    same("revision and change", (after.revision, after.updated_at), (before.revision, before.updated_at))?;
    holds("the lease is free", !is_held(&backend.claim(first, MINUTE).await?))?;
    let mut touching = JoinSet::new();
    for index in 0..20 {
        let backend = database.handle(index);
        let ids = if index % 4 < 2 { vec![first, second] } else { vec![second, first] };
        touching.spawn(async move { backend.touch(ids).await });
    }
    while let Some(done) = touching.join_next().await {
        done??;
    }
    Ok(())
}
