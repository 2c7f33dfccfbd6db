use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Outcome, holds, same};
use super::sample::{
    ALICE, HOUR, MINUTE, due_tokens, exchanged, failed, intent, kept, new_credential, one, pass, row, taken,
};
use crate::backend::{
    Claim, Due, JobKind, ListFilter, LoginRow, NewCredential, NewJob, Record, SecretsChange, StatusChange,
};
use crate::model::{CredentialId, CredentialStatus, Timestamp};

fn revocation(credential: CredentialId) -> NewJob {
    NewJob { kind: JobKind::Revoke, credential, payload: b"sealed token".to_vec() }
}

// THREAT-S12
pub(super) async fn a_deleted_credential_is_unknown_to_everything(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = kept(backend, NewCredential { tokens: Some(due_tokens()), ..new_credential()? }).await?;
    let other = one(backend).await?;
    let old = row(backend, id).await?;
    backend.log(id, b"sealed".to_vec(), 5).await?;
    let login = LoginRow { state: "s".to_owned(), sealed: b"sealed".to_vec(), credential: id };
    backend.put_login(ALICE, login, HOUR, 9).await?;
    same("delete", backend.delete(ALICE, id, vec![revocation(id)].into()).await?, true)?;

    let backend = &*database.two;
    same("delete again", backend.delete(ALICE, id, vec![revocation(id)].into()).await?, false)?;
    same("jobs", backend.count_jobs(JobKind::Revoke).await?, 1)?;
    holds("get", backend.get(ALICE, id).await?.is_none())?;
    holds("find", backend.find(id).await?.is_none())?;
    same("count", backend.count(ALICE).await?, 1)?;
    let listed = backend.list(ListFilter { limit: 10, ..ListFilter::default() }).await?;
    same("list", listed.iter().map(|row| row.id).collect::<Vec<_>>(), vec![other])?;
    same("set_label", backend.set_label(ALICE, id, b"x".to_vec(), Record::default()).await?, false)?;
    same("set_logs_requests", backend.set_logs_requests(ALICE, id, true, Record::default()).await?, false)?;
    let status = StatusChange {
        status: CredentialStatus::Valid,
        reason: None,
        provider_error: None,
        generation: None,
        from: None,
        is_success: true,
        record: Record::default(),
    };
    same("set_status", backend.set_status(id, status).await?, false)?;
    let secrets = SecretsChange {
        secrets: b"x".to_vec(),
        secrets_version: 1,
        generation: 1,
        method: "oauth".to_owned(),
        environment: None,
        tokens: None,
        status: CredentialStatus::Valid,
        reason: None,
        record: Record::default(),
    };
    same("set_secrets", backend.set_secrets(ALICE, id, secrets).await?, false)?;
    backend.touch(vec![id]).await?;
    holds("claim", matches!(backend.claim(id, MINUTE).await?, Claim::Missing))?;
    holds("claim_due", backend.claim_due("mail".to_owned(), Due::Sound, 10, MINUTE).await?.is_empty())?;
    for fence in 0..3 {
        same("extend", backend.extend(id, fence, MINUTE).await?, false)?;
        same("begin_exchange", backend.begin_exchange(id, fence, 1, intent(1)).await?, false)?;
    }
    same("finish_exchange", backend.finish_exchange(exchanged(&old, "x")).await?, false)?;
    same("fail_exchange", backend.fail_exchange(failed(&old)).await?, false)?;
    same("wrapped_otherwise", backend.wrapped_otherwise("k2".to_owned(), None, 10).await?.len(), 1)?;
    same("keys_in_use", backend.keys_in_use().await?, vec![("k1".to_owned(), 1)])?;
    for old_key in [b"wrapped data key".to_vec(), Vec::new()] {
        let replaced = backend.replace_data_key(id, old_key, "k2".to_owned(), b"x".to_vec(), Record::default()).await?;
        same("replace_data_key", replaced, false)?;
    }
    holds("logged", backend.logged(ALICE, id, 10).await?.is_empty())?;
    holds("take_login", backend.take_login("s".to_owned()).await?.is_none())?;
    let changes = backend.changes_since(Timestamp(0), None, 10).await?;
    let own = changes.iter().find(|touched| touched.id == id);
    same("changes_since tells it", own.map(|touched| (touched.is_deleted, touched.revision)), Some((true, 2)))
}

pub(super) async fn what_was_secret_is_not_returned_by_deletion_jobs_are_kept(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let webhook = NewJob { kind: JobKind::Webhook, credential: id, payload: b"event".to_vec() };
    backend.delete(ALICE, id, vec![revocation(id), webhook].into()).await?;
    let jobs = database.two.claim_jobs(JobKind::Revoke, 10, MINUTE).await?;
    same("jobs", jobs.len(), 1)?;
    same("its payload", (jobs[0].payload.as_slice(), jobs[0].credential), (b"sealed token".as_slice(), id))?;
    same("jobs of the other kind", backend.count_jobs(JobKind::Webhook).await?, 1)
}

pub(super) async fn deletion_under_a_lease_ends_it(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lease = taken(backend, id, MINUTE).await?;
    backend.begin_exchange(id, lease.fence, 1, intent(1)).await?;
    same("delete", database.two.delete(ALICE, id, Record::default()).await?, true)?;
    same("finish_exchange", backend.finish_exchange(exchanged(&lease, "late")).await?, false)?;
    same("extend", backend.extend(id, lease.fence, MINUTE).await?, false)?;
    backend.release(id, lease.fence).await?;
    holds("it stays unknown", backend.find(id).await?.is_none())
}

pub(super) async fn of_many_deletions_at_once_one_wins_and_leaves_one_job(database: Database) -> Outcome {
    let id = one(&*database.one).await?;
    let mut asking = JoinSet::new();
    for index in 0..16 {
        let backend = database.handle(index);
        asking.spawn(async move { backend.delete(ALICE, id, vec![revocation(id)].into()).await });
    }
    let mut winners = 0;
    while let Some(done) = asking.join_next().await {
        winners += u32::from(done??);
    }
    same("winners", winners, 1)?;
    same("jobs", database.one.count_jobs(JobKind::Revoke).await?, 1)
}

pub(super) async fn purging_drops_old_remains_and_nothing_else(database: Database) -> Outcome {
    let backend = &*database.one;
    let (gone, stays) = (one(backend).await?, one(backend).await?);
    let login = |state: &str| LoginRow { state: state.to_owned(), sealed: b"sealed".to_vec(), credential: stays };
    backend.put_login(ALICE, login("over"), Duration::from_millis(1), 9).await?;
    backend.put_login(ALICE, login("open"), HOUR, 9).await?;
    backend.delete(ALICE, gone, vec![revocation(gone)].into()).await?;
    pass(Duration::from_millis(20)).await;
    backend.purge(HOUR).await?;
    same("changes while the remains are young", backend.changes_since(Timestamp(0), None, 10).await?.len(), 2)?;
    backend.purge(Duration::from_millis(1)).await?;
    let left = backend.changes_since(Timestamp(0), None, 10).await?;
    same("changes after", left.iter().map(|touched| touched.id).collect::<Vec<_>>(), vec![stays])?;
    same("jobs", backend.count_jobs(JobKind::Revoke).await?, 1)?;
    holds("an open login stays", backend.take_login("open".to_owned()).await?.is_some())
}
