use std::time::Duration;

use super::check::{Database, Outcome, holds, same};
use super::sample::{ALICE, BRIEF, MINUTE, one, outlive_brief};
use crate::backend::{AuditEntry, Record};
use crate::model::CredentialId;

fn entry(actor: &str, credential: Option<CredentialId>) -> AuditEntry {
    AuditEntry {
        actor: actor.to_owned(),
        owner: credential.map(|_| ALICE),
        credential,
        connector: credential.map(|_| "mail".to_owned()),
        action: "created",
        result: "ok",
        detail: None,
    }
}

pub(super) async fn the_audit_trail_is_read_in_order_and_by_credential(database: Database) -> Outcome {
    let backend = &*database.one;
    let (first, second) = (CredentialId::generate()?, CredentialId::generate()?);
    let before = backend.now().await?;
    for (actor, credential) in [("1", None), ("2", Some(first)), ("3", Some(second)), ("4", Some(first))] {
        backend.record(entry(actor, credential).into()).await?;
    }
    backend.record(AuditEntry { detail: Some("d".to_owned()), ..entry("5", Some(second)) }.into()).await?;
    let mut all = Vec::new();
    loop {
        let page = database.two.audit_trail(None, all.last().map_or(0, |row: &crate::AuditRow| row.id), 2).await?;
        holds("a page is within its limit", page.len() <= 2)?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    same("all in order", all.iter().map(|row| row.actor.as_str()).collect::<Vec<_>>(), vec!["1", "2", "3", "4", "5"])?;
    holds("numbers grow", all.windows(2).all(|pair| pair[0].id < pair[1].id))?;
    holds("entries are dated", all.iter().all(|row| row.at >= before))?;
    let last = &all[4];
    same("names", (last.owner, last.credential, last.connector.as_deref()), (Some(ALICE), Some(second), Some("mail")))?;
    let texts = (last.action.as_str(), last.result.as_str(), last.detail.as_deref());
    same("what came of it", texts, ("created", "ok", Some("d")))?;
    same("without a credential", (all[0].owner, all[0].credential, all[0].connector.clone()), (None, None, None))?;
    let own = backend.audit_trail(Some(first), 0, 10).await?;
    same("of one", own.iter().map(|row| row.actor.as_str()).collect::<Vec<_>>(), vec!["2", "4"])?;
    same("of one after another", backend.audit_trail(Some(first), own[0].id, 10).await?.len(), 1)
}

pub(super) async fn the_audit_trail_outlives_its_credential(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    backend.record(entry("a", Some(id)).into()).await?;
    backend.delete(ALICE, id, Record::default()).await?;
    backend.purge(Duration::ZERO).await?;
    same("entries", backend.audit_trail(Some(id), 0, 10).await?.len(), 1)
}

pub(super) async fn the_oldest_entries_of_the_audit_trail_are_dropped_a_few_at_once(database: Database) -> Outcome {
    let backend = &*database.one;
    same("an empty trail", backend.trim_audit(Duration::ZERO, 10).await?, 0)?;
    for actor in ["1", "2", "3", "4", "5"] {
        backend.record(entry(actor, None).into()).await?;
    }
    outlive_brief().await;
    for actor in ["6", "7"] {
        backend.record(entry(actor, None).into()).await?;
    }
    same("none is as old", backend.trim_audit(MINUTE, 10).await?, 0)?;
    let actors = async || -> Result<Vec<String>, crate::BackendError> {
        Ok(database.two.audit_trail(None, 0, 10).await?.into_iter().map(|row| row.actor).collect())
    };
    let dropped = backend.trim_audit(BRIEF, 2).await?;
    holds("a few", (1..=2).contains(&dropped))?;
    same("the rest", actors().await?.len(), 7 - usize::try_from(dropped).unwrap_or(0))?;
    while backend.trim_audit(BRIEF, 2).await? > 0 {}
    same("those that are younger", actors().await?, vec!["6".to_owned(), "7".to_owned()])
}

pub(super) async fn a_request_log_keeps_the_last_entries(database: Database) -> Outcome {
    let backend = &*database.one;
    let (id, other) = (one(backend).await?, one(backend).await?);
    backend.log(other, b"other".to_vec(), 3).await?;
    for index in 0..6_u8 {
        backend.log(id, vec![index], 3).await?;
    }
    let rows = database.two.logged(ALICE, id, 10).await?;
    same("the newest first", rows.iter().map(|row| row.sealed[0]).collect::<Vec<_>>(), vec![5, 4, 3])?;
    holds("dated", rows.iter().all(|row| row.at.0 > 0))?;
    same("within the limit", backend.logged(ALICE, id, 2).await?.len(), 2)?;
    same("of the other", backend.logged(ALICE, other, 10).await?.len(), 1)?;
    backend.log(id, vec![6], 1).await?;
    same("a smaller number", backend.logged(ALICE, id, 10).await?.len(), 1)
}

pub(super) async fn a_request_log_is_its_owners(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    backend.log(id, b"x".to_vec(), 3).await?;
    holds("a foreign owner", backend.logged(super::sample::BOB, id, 10).await?.is_empty())
}

pub(super) async fn nothing_is_logged_for_what_is_gone(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    backend.delete(ALICE, id, Record::default()).await?;
    backend.log(id, b"x".to_vec(), 3).await?;
    let new = crate::NewCredential { id: CredentialId::generate()?, ..super::sample::new_credential()? };
    backend.log(new.id, b"early".to_vec(), 3).await?;
    let later = super::sample::kept(backend, new).await?;
    holds("what was logged before it was there", backend.logged(ALICE, later, 10).await?.is_empty())
}
