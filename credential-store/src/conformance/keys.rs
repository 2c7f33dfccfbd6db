use std::collections::HashSet;

use tokio::task::JoinSet;

use super::check::{Database, Outcome, holds, same};
use super::sample::{kept, new_credential, one, row};
use crate::backend::{NewCredential, Record, StoreKeyRow};
use crate::model::CredentialId;

fn key(key_id: &str, wrapped: &str) -> StoreKeyRow {
    StoreKeyRow { key_id: key_id.to_owned(), wrapped: wrapped.into() }
}

pub(super) async fn the_first_store_key_wins(database: Database) -> Outcome {
    same("no key", database.one.store_key().await?, None)?;
    let mut putting = JoinSet::new();
    for index in 0..16_usize {
        let backend = database.handle(index);
        putting.spawn(async move {
            let own = key("k1", &index.to_string());
            backend.put_store_key(own.clone()).await.map(|first| first.then_some(own))
        });
    }
    let mut winners = Vec::new();
    while let Some(done) = putting.join_next().await {
        winners.extend(done??);
    }
    same("winners", winners.len(), 1)?;
    same("the key", database.two.store_key().await?, winners.pop())
}

pub(super) async fn a_store_key_is_replaced_if_it_is_still_the_same(database: Database) -> Outcome {
    let backend = &*database.one;
    same("nothing to replace", backend.replace_store_key(key("k1", "a"), key("k2", "b")).await?, false)?;
    backend.put_store_key(key("k1", "a")).await?;
    same("another", backend.replace_store_key(key("k1", "x"), key("k2", "b")).await?, false)?;
    same("replaced", backend.replace_store_key(key("k1", "a"), key("k2", "b")).await?, true)?;
    same("again", database.two.replace_store_key(key("k1", "a"), key("k3", "c")).await?, false)?;
    same("the key", database.two.store_key().await?, Some(key("k2", "b")))
}

pub(super) async fn credentials_under_other_keys_are_paged_through(database: Database) -> Outcome {
    let backend = &*database.one;
    let mut others = HashSet::new();
    for index in 0..60 {
        let key_id = ["k1", "k2", "k3"][index % 3].to_owned();
        let is_other = key_id != "k2";
        let id = kept(backend, NewCredential { key_id, ..new_credential()? }).await?;
        if is_other {
            others.insert(id);
        }
    }
    let mut found: Vec<CredentialId> = Vec::new();
    loop {
        let page = database.two.wrapped_otherwise("k2".to_owned(), found.last().copied(), 7).await?;
        holds("a page is within its limit", page.len() <= 7)?;
        holds("none is wrapped with the key", page.iter().all(|row| row.key_id != "k2"))?;
        if page.is_empty() {
            break;
        }
        found.extend(page.iter().map(|row| row.id));
    }
    same("how many", found.len(), others.len())?;
    same("which", found.into_iter().collect::<HashSet<_>>(), others)?;
    let mut counts = backend.keys_in_use().await?;
    counts.sort();
    same("counts", counts, ["k1", "k2", "k3"].map(|key| (key.to_owned(), 20)).to_vec())
}

// THREAT-S3
pub(super) async fn a_data_key_is_replaced_once_and_is_no_revision(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let old = row(backend, id).await?;
    let wrong =
        backend.replace_data_key(id, b"other".to_vec(), "k2".to_owned(), b"new".to_vec(), Record::default()).await?;
    same("another", wrong, false)?;
    let mut replacing = JoinSet::new();
    for index in 0..12 {
        let (backend, old) = (database.handle(index), old.data_key.clone());
        let new = vec![u8::try_from(index).unwrap_or(0); 40];
        replacing
            .spawn(async move { backend.replace_data_key(id, old, "k2".to_owned(), new, Record::default()).await });
    }
    let mut winners = 0;
    while let Some(done) = replacing.join_next().await {
        winners += u32::from(done??);
    }
    same("winners", winners, 1)?;
    let own = row(backend, id).await?;
    same("key and revision", (own.key_id.as_str(), own.data_key.len(), own.revision), ("k2", 40, old.revision))
}
