//! What is kept together with a change.

use super::bind::Bind;
use super::pool::{Pool, Transaction};
use crate::backend::{AuditEntry, BackendError, JobKind, NewJob, Record};

const ADD_JOB: &str =
    "INSERT INTO {jobs} (kind, credential, payload, created_at, next_at) VALUES ($1, $2, $3, {now}, {now})";

const ADD_ENTRY: &str = "INSERT INTO {audit} (at, actor, owner, credential, connector, action, result, detail) \
    VALUES ({now}, $1, $2, $3, $4, $5, $6, $7)";

impl Pool {
    /// Changes one row, and keeps `record` with it. False if there was no such row; then nothing is kept.
    ///
    /// Each such transaction locks one row, and otherwise only adds some, so that no two wait for each other.
    pub(super) async fn change_with(
        &self,
        what: &'static str,
        statement: &'static str,
        binds: Vec<Bind>,
        record: Record,
    ) -> Result<bool, BackendError> {
        if record.is_empty() {
            return Ok(self.change(what, statement, binds).await? == 1);
        }
        let both = move |pool: Self| async move {
            let mut transaction = pool.begin().await?;
            if transaction.change(what, statement, binds).await? != 1 {
                return Ok(false);
            }
            transaction.keep(record).await?;
            transaction.commit().await?;
            Ok(true)
        };
        self.whole(both).await
    }

    pub(super) async fn record(&self, record: Record) -> Result<(), BackendError> {
        match record {
            Record { jobs, audit: None } if jobs.is_empty() => Ok(()),
            // One statement is a transaction of its own.
            Record { jobs, audit: Some(entry) } if jobs.is_empty() => {
                self.change("add to the audit trail", ADD_ENTRY, entry_binds(entry)).await.map(drop)
            }
            record => {
                let all = move |pool: Self| async move {
                    let mut transaction = pool.begin().await?;
                    transaction.keep(record).await?;
                    transaction.commit().await
                };
                self.whole(all).await
            }
        }
    }
}

impl Transaction {
    pub(super) async fn keep(&mut self, record: Record) -> Result<(), BackendError> {
        for job in record.jobs {
            self.change("add a job", ADD_JOB, job_binds(job)).await?;
        }
        if let Some(entry) = record.audit {
            self.change("add to the audit trail", ADD_ENTRY, entry_binds(entry)).await?;
        }
        Ok(())
    }
}

fn job_binds(job: NewJob) -> Vec<Bind> {
    vec![name_of(job.kind).into(), job.credential.into(), job.payload.into()]
}

fn entry_binds(entry: AuditEntry) -> Vec<Bind> {
    vec![
        entry.actor.into(),
        entry.owner.into(),
        entry.credential.into(),
        entry.connector.into(),
        entry.action.into(),
        entry.result.into(),
        entry.detail.into(),
    ]
}

pub(super) fn name_of(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Revoke => "revoke",
        JobKind::Webhook => "webhook",
    }
}
