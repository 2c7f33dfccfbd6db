use std::time::Duration;

use super::check::{Database, Failure, Outcome, holds, present, same};
use super::sample::{ALICE, BOB, kept, new_credential, one, row};
use crate::backend::{
    AuditEntry, BackendErrorKind, Due, ListFilter, LoginRow, NewCredential, Record, StatusChange, Tokens,
};
use crate::model::CredentialStatus;

/// Texts that mean something to databases, shells, formatters, browsers or terminals.
const CORPUS: &[&str] = &[
    "'",
    "''",
    "\"",
    "`",
    "\\",
    "\\'",
    "' OR '1'='1",
    "' OR 1=1 --",
    "1; DROP TABLE credentials; --",
    "'); DELETE FROM tower_auth_credentials; --",
    "x' UNION SELECT key_id, wrapped FROM tower_auth_store_key --",
    "$1",
    "?1",
    ":name",
    "{credentials}",
    "{now}",
    "%",
    "_",
    "%s%n",
    "NULL",
    "null",
    "TRUE",
    "0",
    "",
    " ",
    " leading and trailing ",
    "/*",
    "--",
    "line\nline\r\nline",
    "\t\u{b}\u{1b}[31m",
    "E'\\x00'",
    "pg_sleep(10)",
    "<script>alert(1)</script>",
    "\u{202e}drawkcab",
    "\u{e9} e\u{301}",
    "\u{ff07} OR 1=1",
    "\u{1f511}",
    "\u{feff}bom",
    "\u{fffd}\u{fffe}",
];

// THREAT-S5
pub(super) async fn hostile_texts_come_back_unchanged(database: Database) -> Outcome {
    let backend = &*database.one;
    let witness = one(backend).await?;
    for text in CORPUS {
        let own = || (*text).to_owned();
        let new = NewCredential {
            owner: BOB,
            connector: own(),
            method: own(),
            environment: Some(own()),
            label: text.as_bytes().to_vec(),
            key_id: own(),
            ..new_credential()?
        };
        let id = kept(backend, new).await?;
        let change = StatusChange {
            status: CredentialStatus::Degraded,
            reason: Some(own()),
            provider_error: Some(own()),
            generation: None,
            from: None,
            is_success: false,
            record: Record::default(),
        };
        backend.set_status(id, change).await?;
        let back = present("the credential", database.two.get(BOB, id).await?)?;
        same("connector", back.connector.as_str(), text)?;
        same("method and environment", (back.method.as_str(), back.environment.as_deref()), (text, Some(text)))?;
        same("label", back.label.as_slice(), text.as_bytes())?;
        same("key", back.key_id.as_str(), text)?;
        same("reason and error", (back.reason.as_deref(), back.provider_error.as_deref()), (Some(*text), Some(*text)))?;
        if !text.is_empty() {
            let filter = ListFilter { connector: Some(own()), limit: 10, ..ListFilter::default() };
            let found = backend.list(filter).await?;
            same("what is found by the connector", found.iter().map(|row| row.id).collect(), vec![id])?;
        }
        holds("nothing is due", backend.claim_due(own(), Due::Sound, 10, Duration::ZERO).await?.is_empty())?;
        backend.take_turn(own(), 1, Duration::ZERO).await?;
        backend.set_connector_fault(own(), Some(own()), Record::default()).await?;
        let entry = AuditEntry {
            actor: own(),
            owner: None,
            credential: Some(id),
            connector: Some(own()),
            action: "created",
            result: "ok",
            detail: Some(own()),
        };
        backend.record(entry.into()).await?;
        let trail = backend.audit_trail(Some(id), 0, 10).await?;
        same("actor", trail.iter().map(|row| row.actor.as_str()).collect(), vec![*text])?;
        same("detail", trail[0].detail.as_deref(), Some(*text))?;
        let login = LoginRow { state: own(), sealed: text.as_bytes().to_vec(), credential: id };
        backend.put_login(BOB, login, Duration::from_secs(60), 100).await?;
        let login = present("the login", backend.take_login(own()).await?)?;
        same("state", login.state.as_str(), text)?;
        holds("no store key", backend.store_key().await?.is_none())?;
    }
    same("how many of Bob", backend.count(BOB).await?, i64::try_from(CORPUS.len()).unwrap_or(0))?;
    let faults = backend.connector_faults().await?;
    holds("all faults", CORPUS.iter().all(|text| faults.iter().any(|fault| fault.connector == *text)))?;
    let own = row(backend, witness).await?;
    same("the witness", (own.owner, own.revision, own.connector.as_str()), (ALICE, 1, "mail"))
}

// THREAT-S5
pub(super) async fn large_values_come_back_unchanged(database: Database) -> Outcome {
    const MEBIBYTE: usize = 1 << 20;
    let backend = &*database.one;
    let blob: Vec<u8> = (0..MEBIBYTE).map(|_| fastrand::u8(..)).collect();
    let long = |length: usize| (0..length).map(|_| fastrand::alphanumeric()).collect::<String>();
    let (connector, text) = (long(2_000), long(MEBIBYTE));
    let new = NewCredential {
        connector: connector.clone(),
        method: text.clone(),
        label: blob.clone(),
        secrets: blob.clone(),
        data_key: blob.clone(),
        owner_sealed: blob.clone(),
        tokens: Some(Tokens { sealed: blob.clone(), ..super::sample::tokens("") }),
        ..new_credential()?
    };
    let id = kept(backend, new).await?;
    let own = row(&*database.two, id).await?;
    holds("texts", own.connector == connector && own.method == text)?;
    holds(
        "label, secrets, key and owner",
        [own.label, own.secrets, own.data_key, own.owner_sealed].iter().all(|own| *own == blob),
    )?;
    holds("tokens", own.tokens.as_ref() == Some(&blob))?;
    holds("logged", backend.log(id, blob.clone(), 1).await.is_ok())?;
    holds("the log", backend.logged(ALICE, id, 1).await?.iter().all(|row| row.sealed == blob))?;
    let entry = AuditEntry {
        actor: text.clone(),
        owner: None,
        credential: None,
        connector: None,
        action: "created",
        result: "ok",
        detail: None,
    };
    backend.record(entry.into()).await?;
    let trail = backend.audit_trail(None, 0, 1).await?;
    holds("the actor", trail.iter().any(|row| row.actor == text))
}

// THREAT-S5
pub(super) async fn a_text_with_nul_is_kept_or_refused_whole(database: Database) -> Outcome {
    let backend = &*database.one;
    let text = || "be\0fore".to_owned();
    let new = NewCredential { connector: text(), ..new_credential()? };
    let id = new.id;
    let kept = clean(backend.insert(new).await)?;
    let found = backend.find(id).await?.map(|row| row.connector);
    same("what was kept", found, kept.map(|()| text()))?;
    let id = one(backend).await?;
    let change = StatusChange {
        status: CredentialStatus::Degraded,
        reason: Some(text()),
        provider_error: None,
        generation: None,
        from: None,
        is_success: false,
        record: Record::default(),
    };
    let changed = clean(backend.set_status(id, change).await)?.is_some();
    let own = row(backend, id).await?;
    same("the reason", own.reason, changed.then(text))?;
    same("the revision", own.revision, if changed { 2 } else { 1 })?;
    let entry = AuditEntry {
        actor: text(),
        owner: None,
        credential: Some(id),
        connector: None,
        action: "created",
        result: "ok",
        detail: None,
    };
    let kept = clean(backend.record(entry.into()).await)?;
    let trail = backend.audit_trail(Some(id), 0, 10).await?;
    same(
        "the trail",
        trail.into_iter().map(|row| row.actor).collect::<Vec<_>>(),
        kept.map(|()| text()).into_iter().collect(),
    )?;
    clean(backend.take_login(text()).await)?;
    clean(backend.note_use(text(), Duration::from_secs(60)).await)?;
    clean(backend.claim_due(text(), Due::Sound, 1, Duration::ZERO).await)?;
    let filter = ListFilter { connector: Some(text()), limit: 1, ..ListFilter::default() };
    clean(backend.list(filter).await)?;
    holds("the backend works on", backend.find(id).await?.is_some())
}

/// What came of it, if the database did not refuse: an operator's matter then, not to be tried again.
fn clean<T>(outcome: Result<T, crate::BackendError>) -> Result<Option<T>, Failure> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            same("the kind of the error", error.kind(), BackendErrorKind::Broken)?;
            holds("the error does not repeat the text", !error.to_string().contains("fore"))?;
            Ok(None)
        }
    }
}

pub(super) async fn the_longest_durations_do_no_harm(database: Database) -> Outcome {
    let backend = &*database.one;
    let tokens = Tokens {
        sealed: b"x".to_vec(),
        renews: true,
        expires_in: Some(Duration::MAX),
        refresh_in: Some(Duration::MAX),
        refresh_expires_in: Some(Duration::MAX),
    };
    let id = kept(backend, NewCredential { tokens: Some(tokens), ..new_credential()? }).await?;
    let own = super::sample::taken(backend, id, Duration::MAX).await?;
    holds("the times are far away", own.expires_at > Some(own.now) && own.refresh_at > Some(own.now))?;
    same("extend", backend.extend(id, own.fence, Duration::MAX).await?, true)?;
    holds("it is held", super::sample::is_held(&database.two.claim(id, Duration::MAX).await?))?;
    same("take_turn", backend.take_turn("mail".to_owned(), u32::MAX, Duration::MAX).await?, true)?;
    backend.ending(Duration::MAX, u32::MAX).await?;
    backend.ended(u32::MAX).await?;
    backend.purge(Duration::MAX).await?;
    holds("it is still there", backend.find(id).await?.is_some())
}
