//! Rows to begin with.

use std::time::Duration;

use super::check::{Failure, present};
use crate::backend::{
    Backend, Claim, CredentialRow, Exchanged, Failed, Intent, JobKind, NewCredential, NewJob, Record, Tokens,
};
use crate::model::{CredentialId, CredentialStatus, OwnerDigest};

pub(super) const ALICE: OwnerDigest = OwnerDigest([0xa1; 32]);
pub(super) const BOB: OwnerDigest = OwnerDigest([0xb0; 32]);

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// A short lease, and more than its length. Databases on slow disks still do a few operations within it.
pub(super) const BRIEF: Duration = Duration::from_millis(600);

pub(super) async fn outlive_brief() {
    pass(BRIEF + Duration::from_millis(50)).await;
}

/// Waits by the real clock.
pub(super) async fn pass(length: Duration) {
    tokio::time::sleep(length).await;
}

/// Tokens that renew themselves and are not due.
pub(super) fn tokens(text: &str) -> Tokens {
    Tokens {
        sealed: text.into(),
        renews: true,
        expires_in: Some(HOUR),
        refresh_in: Some(HOUR),
        refresh_expires_in: None,
    }
}

/// Tokens that are due at once.
pub(super) fn due_tokens() -> Tokens {
    Tokens { refresh_in: Some(Duration::ZERO), ..tokens("tokens 1") }
}

/// A token that ends after `length` and does not renew itself.
pub(super) fn ending_tokens(length: Duration) -> Tokens {
    Tokens { renews: false, expires_in: Some(length), refresh_in: None, ..tokens("tokens 1") }
}

/// A valid credential of Alice for `mail`.
pub(super) fn new_credential() -> Result<NewCredential, Failure> {
    Ok(NewCredential {
        id: CredentialId::generate()?,
        owner: ALICE,
        owner_sealed: b"sealed owner".to_vec(),
        connector: "mail".to_owned(),
        method: "oauth".to_owned(),
        environment: None,
        label: b"sealed label".to_vec(),
        status: CredentialStatus::Valid,
        key_id: "k1".to_owned(),
        data_key: b"wrapped data key".to_vec(),
        secrets: b"sealed secrets".to_vec(),
        logs_requests: false,
        tokens: Some(tokens("tokens 1")),
        record: Record::default(),
    })
}

/// Keeps `new` and returns its name.
pub(super) async fn kept(backend: &dyn Backend, new: NewCredential) -> Result<CredentialId, Failure> {
    let id = new.id;
    backend.insert(new).await?;
    Ok(id)
}

/// Keeps a valid credential of Alice for `mail`.
pub(super) async fn one(backend: &dyn Backend) -> Result<CredentialId, Failure> {
    kept(backend, new_credential()?).await
}

/// The row, which must be there.
pub(super) async fn row(backend: &dyn Backend, id: CredentialId) -> Result<CredentialRow, Failure> {
    present("the credential", backend.find(id).await?)
}

/// The lease, which must be free.
pub(super) async fn taken(backend: &dyn Backend, id: CredentialId, ttl: Duration) -> Result<CredentialRow, Failure> {
    match backend.claim(id, ttl).await? {
        Claim::Taken(row) => Ok(*row),
        other => Err(Failure::new(format!("the lease was not to be had: {other:?}"))),
    }
}

pub(super) fn is_held(claim: &Claim) -> bool {
    matches!(claim, Claim::Held(_))
}

/// A message about a credential.
pub(super) fn message(id: CredentialId) -> Record {
    vec![NewJob { kind: JobKind::Webhook, credential: id, payload: b"sealed".to_vec() }].into()
}

pub(super) fn intent(id: i64) -> Intent {
    Intent { id, spends: vec![7; 32], at: crate::Timestamp(0), is_replay: false }
}

pub(super) fn exchanged(row: &CredentialRow, text: &str) -> Exchanged {
    Exchanged {
        id: row.id,
        fence: row.fence,
        generation: row.generation,
        tokens: tokens(text),
        record: Record::default(),
    }
}

pub(super) fn failed(row: &CredentialRow) -> Failed {
    Failed {
        id: row.id,
        fence: row.fence,
        generation: row.generation,
        status: Some(CredentialStatus::Degraded),
        reason: Some("endpoint.unreachable".to_owned()),
        provider_error: Some("temporarily_unavailable".to_owned()),
        retry_in: Some(MINUTE),
        keeps_intent: false,
        record: Record::default(),
    }
}
