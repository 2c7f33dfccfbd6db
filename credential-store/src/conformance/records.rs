use tokio::task::JoinSet;

use super::check::{Database, Failure, Outcome, holds, same};
use super::sample::{ALICE, BOB, MINUTE, exchanged, failed, new_credential, one, taken};
use crate::backend::{
    AuditEntry, Backend, BackendError, BackendErrorKind, CredentialRow, Exchanged, Failed, JobKind, NewCredential,
    NewJob, Record, SecretsChange, StatusChange,
};
use crate::model::{CredentialId, CredentialStatus};

/// Every method that keeps a record with its change.
#[derive(Clone, Copy, Debug)]
enum Method {
    Insert,
    SetLabel,
    SetLogsRequests,
    SetStatus,
    SetStatusFrom,
    SetSecrets,
    FinishExchange,
    FailExchange,
    SetWarned,
    ReplaceDataKey,
    SetConnectorFault,
    EndConnectorFault,
    Delete,
}

const METHODS: [Method; 13] = [
    Method::Insert,
    Method::SetLabel,
    Method::SetLogsRequests,
    Method::SetStatus,
    Method::SetStatusFrom,
    Method::SetSecrets,
    Method::FinishExchange,
    Method::FailExchange,
    Method::SetWarned,
    Method::ReplaceDataKey,
    Method::SetConnectorFault,
    Method::EndConnectorFault,
    Method::Delete,
];

/// Two jobs and an entry.
fn record(id: CredentialId, actor: &str) -> Record {
    let job = |kind| NewJob { kind, credential: id, payload: b"sealed".to_vec() };
    let entry = AuditEntry {
        actor: actor.to_owned(),
        owner: Some(ALICE),
        credential: Some(id),
        connector: Some("mail".to_owned()),
        action: "tried",
        result: "ok",
        detail: None,
    };
    Record { jobs: vec![job(JobKind::Webhook), job(JobKind::Revoke)], audit: Some(entry) }
}

/// Does it with the credential of `row`, under its lease; with what does not fit the row if it is not to take effect.
async fn change(
    backend: &dyn Backend,
    method: Method,
    row: &CredentialRow,
    fits: bool,
    record: Record,
) -> Result<bool, BackendError> {
    let (id, owner) = (row.id, if fits { ALICE } else { BOB });
    let generation = if fits { row.generation } else { row.generation + 1 };
    let status = |from| StatusChange {
        status: CredentialStatus::NeedsReauth,
        reason: None,
        provider_error: None,
        generation: Some(generation),
        from,
        is_success: false,
        record: record.clone(),
    };
    match method {
        Method::Insert => {
            let own =
                new_credential().map_err(|_| BackendError::new(BackendErrorKind::Unavailable, "there is no id"))?;
            // The id that is there already is refused.
            let id = if fits { own.id } else { id };
            backend.insert(NewCredential { id, record, ..own }).await.map(|()| true)
        }
        Method::SetLabel => backend.set_label(owner, id, b"x".to_vec(), record).await,
        Method::SetLogsRequests => backend.set_logs_requests(owner, id, true, record).await,
        Method::SetStatus => backend.set_status(id, status(None)).await,
        Method::SetStatusFrom => {
            let from = if fits { row.status } else { CredentialStatus::Degraded };
            let change = StatusChange { generation: None, ..status(Some(from)) };
            backend.set_status(id, change).await
        }
        Method::SetSecrets => {
            let change = SecretsChange {
                secrets: b"x".to_vec(),
                secrets_version: row.secrets_version,
                generation,
                method: "oauth".to_owned(),
                environment: None,
                tokens: None,
                status: CredentialStatus::Revoked,
                reason: None,
                record,
            };
            backend.set_secrets(ALICE, id, change).await
        }
        Method::FinishExchange => {
            backend.finish_exchange(Exchanged { generation, record, ..exchanged(row, "tokens 2") }).await
        }
        Method::FailExchange => backend.fail_exchange(Failed { generation, record, ..failed(row) }).await,
        Method::SetWarned => backend.set_warned(id, generation, record).await,
        Method::ReplaceDataKey => {
            let old = if fits { row.data_key.clone() } else { b"another".to_vec() };
            backend.replace_data_key(id, old, "k2".to_owned(), b"x".to_vec(), record).await
        }
        Method::SetConnectorFault | Method::EndConnectorFault => {
            let has_fault = fits == matches!(method, Method::EndConnectorFault);
            let code = || Some("invalid_client".to_owned());
            let connector = id.to_string();
            backend.set_connector_fault(connector.clone(), code().filter(|_| has_fault), Record::default()).await?;
            let code = code().filter(|_| matches!(method, Method::SetConnectorFault));
            backend.set_connector_fault(connector, code, record).await
        }
        Method::Delete => backend.delete(owner, id, record).await,
    }
}

/// How many jobs of either kind, and entries, there are.
async fn counts(backend: &dyn Backend) -> Result<(i64, i64, usize), Failure> {
    let jobs = (backend.count_jobs(JobKind::Webhook).await?, backend.count_jobs(JobKind::Revoke).await?);
    Ok((jobs.0, jobs.1, backend.audit_trail(None, 0, 1_000).await?.len()))
}

// THREAT-S12
pub(super) async fn a_record_is_kept_if_and_only_if_its_change_takes_effect(database: Database) -> Outcome {
    let (backend, mut kept) = (&*database.one, 0);
    for method in METHODS {
        let id = one(backend).await?;
        let row = taken(backend, id, MINUTE).await?;
        let refused = change(backend, method, &row, false, record(id, "a")).await;
        holds(&format!("{method:?} does not take effect"), !matches!(refused, Ok(true)))?;
        let all = i64::from(kept);
        same(&format!("after a {method:?} that is none"), counts(&*database.two).await?, (all, all, kept as usize))?;
        let done = change(backend, method, &row, true, record(id, "a")).await?;
        same(&format!("{method:?}"), done, true)?;
        kept += 1;
        let all = i64::from(kept);
        same(&format!("after {method:?}"), counts(&*database.two).await?, (all, all, kept as usize))?;
        let trail = database.two.audit_trail(Some(id), 0, 10).await?;
        same("the entry", trail.iter().map(|row| row.action.as_str()).collect(), vec!["tried"])?;
    }
    let jobs = backend.claim_jobs(JobKind::Webhook, 100, MINUTE).await?;
    holds("the jobs are whole, and due", jobs.len() == METHODS.len() && jobs.iter().all(|job| job.payload == b"sealed"))
}

// THREAT-S12
pub(super) async fn a_change_whose_record_is_refused_is_not_made(database: Database) -> Outcome {
    let backend = &*database.one;
    for method in METHODS {
        let id = one(backend).await?;
        let row = taken(backend, id, MINUTE).await?;
        let before = counts(backend).await?;
        // Not every database keeps such a text.
        let outcome = change(backend, method, &row, true, record(id, "be\0fore")).await;
        let after = counts(backend).await?;
        let added = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
        match outcome {
            Ok(done) => same(&format!("{method:?} with what is kept of it"), (done, added), (true, (1, 1, 1)))?,
            Err(_) => {
                same(&format!("what is kept of a {method:?} that was refused"), added, (0, 0, 0))?;
                let again = change(backend, method, &row, true, record(id, "a")).await?;
                same(&format!("{method:?} was not made, and can be"), again, true)?;
            }
        }
    }
    Ok(())
}

// THREAT-S8
pub(super) async fn of_many_changes_at_once_one_leaves_its_record(database: Database) -> Outcome {
    for method in [Method::SetStatusFrom, Method::SetSecrets, Method::FinishExchange, Method::SetWarned] {
        let before = counts(&*database.one).await?;
        let id = one(&*database.one).await?;
        let row = taken(&*database.one, id, MINUTE).await?;
        let mut changing = JoinSet::new();
        for index in 0..12 {
            let (backend, row) = (database.handle(index), row.clone());
            changing.spawn(async move { change(&*backend, method, &row, true, record(id, "a")).await });
        }
        let mut winners = 0;
        while let Some(done) = changing.join_next().await {
            winners += u32::from(done??);
        }
        same(&format!("winners of {method:?}"), winners, 1)?;
        let after = counts(&*database.one).await?;
        let added = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
        same(&format!("what is kept of {method:?}"), added, (1, 1, 1))?;
    }
    Ok(())
}

pub(super) async fn what_no_change_caused_is_kept_whole(database: Database) -> Outcome {
    let (backend, id) = (&*database.one, CredentialId::generate()?);
    backend.record(Record::default()).await?;
    same("nothing", counts(backend).await?, (0, 0, 0))?;
    backend.record(Record { jobs: Vec::new(), ..record(id, "a") }).await?;
    same("an entry", counts(backend).await?, (0, 0, 1))?;
    backend.record(Record { audit: None, ..record(id, "a") }).await?;
    same("jobs", counts(backend).await?, (1, 1, 1))?;
    backend.record(record(id, "a")).await?;
    same("both", counts(&*database.two).await?, (2, 2, 2))
}
