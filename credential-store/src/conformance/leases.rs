use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Failure, Outcome, holds, same};
use super::sample::{
    ALICE, BRIEF, HOUR, MINUTE, due_tokens, ending_tokens, exchanged, failed, is_held, kept, new_credential, one,
    outlive_brief, pass, row, taken,
};
use crate::backend::{Backend, Claim, Due, Exchanged, Failed, NewCredential, Record, StatusChange, Tokens};
use crate::model::{CredentialId, CredentialStatus};

// THREAT-S8
pub(super) async fn a_lease_is_held_until_it_is_released(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let before = backend.now().await?;
    let lease = taken(backend, id, MINUTE).await?;
    holds("the first fence is above none", lease.fence > 0)?;
    same("the row is the one of the credential", (lease.id, lease.generation), (id, 1))?;
    holds("the row says when it was read", lease.now >= before)?;
    match database.two.claim(id, MINUTE).await? {
        Claim::Held(left) => holds("it is held for the time left", left <= MINUTE && left > MINUTE / 2)?,
        other => return Err(Failure::new(format!("the lease was given twice: {other:?}"))),
    }
    same("a claim that got nothing leaves the fence", row(backend, id).await?.fence, lease.fence)?;
    backend.release(id, lease.fence).await?;
    let next = taken(&*database.two, id, MINUTE).await?;
    holds("the fence grows", next.fence > lease.fence)?;
    let unknown = database.one.claim(CredentialId::generate()?, MINUTE).await?;
    holds("an unknown credential is missing", matches!(unknown, Claim::Missing))
}

pub(super) async fn an_expired_lease_is_taken_by_the_next(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lost = taken(backend, id, BRIEF).await?;
    outlive_brief().await;
    let next = taken(&*database.two, id, MINUTE).await?;
    holds("the fence grows", next.fence > lost.fence)?;
    same("extend by the first", backend.extend(id, lost.fence, HOUR).await?, false)?;
    holds("the second has it", is_held(&backend.claim(id, MINUTE).await?))
}

// THREAT-S8
pub(super) async fn of_many_claims_at_once_one_wins(database: Database) -> Outcome {
    let id = one(&*database.one).await?;
    for round in 1..=3 {
        let mut asking = JoinSet::new();
        for index in 0..24 {
            let backend = database.handle(index);
            asking.spawn(async move { backend.claim(id, MINUTE).await });
        }
        let mut fences = Vec::new();
        while let Some(done) = asking.join_next().await {
            if let Claim::Taken(row) = done?? {
                fences.push(row.fence);
            }
        }
        same("the fence of the only winner", fences.clone(), vec![round])?;
        database.one.release(id, fences[0]).await?;
    }
    Ok(())
}

pub(super) async fn a_lease_is_extended_by_its_holder_alone(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    same("extend without a lease", backend.extend(id, 0, MINUTE).await?, false)?;
    let lease = taken(backend, id, BRIEF).await?;
    same("extend by another", backend.extend(id, lease.fence + 1, HOUR).await?, false)?;
    same("extend", backend.extend(id, lease.fence, MINUTE).await?, true)?;
    outlive_brief().await;
    holds("it lasts longer", is_held(&database.two.claim(id, MINUTE).await?))?;
    backend.release(id, lease.fence).await?;
    same("extend after the release", backend.extend(id, lease.fence, MINUTE).await?, false)?;
    same("extend of an unknown one", backend.extend(CredentialId::generate()?, 1, MINUTE).await?, false)
}

pub(super) async fn a_late_release_does_not_end_anothers_lease(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let lost = taken(backend, id, BRIEF).await?;
    outlive_brief().await;
    taken(&*database.two, id, MINUTE).await?;
    backend.release(id, lost.fence).await?;
    holds("the second still has it", is_held(&backend.claim(id, MINUTE).await?))
}

async fn due(backend: &dyn Backend) -> Result<CredentialId, Failure> {
    kept(backend, NewCredential { tokens: Some(due_tokens()), ..new_credential()? }).await
}

pub(super) async fn due_credentials_are_claimed_in_order_and_within_the_limit(database: Database) -> Outcome {
    let backend = &*database.one;
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(due(backend).await?);
        pass(Duration::from_millis(4)).await;
    }
    let mut claimed = Vec::new();
    for wanted in [3, 3, 1, 0] {
        let rows = database.two.claim_due("mail".to_owned(), Due::Sound, 3, MINUTE).await?;
        same("how many", rows.len(), wanted)?;
        holds("they are leased", rows.iter().all(|row| row.fence == 1 && row.now >= row.created_at))?;
        claimed.extend(rows.into_iter().map(|row| row.id));
    }
    same("the most overdue first", claimed, ids.clone())?;
    holds("nobody else gets one", is_held(&backend.claim(ids[0], MINUTE).await?))?;
    same("extend", backend.extend(ids[0], 1, MINUTE).await?, true)?;
    backend.release(ids[0], 1).await?;
    same("a released one is due again", backend.claim_due("mail".to_owned(), Due::Sound, 3, MINUTE).await?.len(), 1)?;
    same("within no limit", backend.claim_due("mail".to_owned(), Due::Sound, 0, MINUTE).await?.len(), 0)
}

pub(super) async fn only_what_is_due_is_claimed(database: Database) -> Outcome {
    let backend = &*database.one;
    let wanted = due(backend).await?;
    let degraded = due(backend).await?;
    let status = |status| StatusChange {
        status,
        reason: None,
        provider_error: None,
        generation: None,
        from: None,
        is_success: false,
        record: Record::default(),
    };
    backend.set_status(degraded, status(CredentialStatus::Degraded)).await?;
    for other in [
        CredentialStatus::Pending,
        CredentialStatus::NeedsReauth,
        CredentialStatus::Revoked,
        CredentialStatus::ExpiredManual,
        CredentialStatus::Unconfirmed,
    ] {
        let id = due(backend).await?;
        backend.set_status(id, status(other)).await?;
    }
    one(backend).await?;
    let not_renewing = Tokens { refresh_in: Some(Duration::ZERO), ..ending_tokens(HOUR) };
    kept(backend, NewCredential { tokens: Some(not_renewing), ..new_credential()? }).await?;
    let never = Tokens { refresh_in: None, ..due_tokens() };
    kept(backend, NewCredential { tokens: Some(never), ..new_credential()? }).await?;
    let elsewhere = NewCredential { connector: "files".to_owned(), tokens: Some(due_tokens()), ..new_credential()? };
    kept(backend, elsewhere).await?;
    let waiting = due(backend).await?;
    let lease = taken(backend, waiting, MINUTE).await?;
    backend.fail_exchange(failed(&lease)).await?;
    let held = due(backend).await?;
    taken(backend, held, MINUTE).await?;
    let deleted = due(backend).await?;
    backend.delete(ALICE, deleted, Record::default()).await?;
    pass(Duration::from_millis(5)).await;
    let rows = backend.claim_due("mail".to_owned(), Due::Sound, 100, MINUTE).await?;
    let claimed: HashSet<_> = rows.iter().map(|row| row.id).collect();
    same("who is due", claimed, HashSet::from([wanted, degraded]))
}

pub(super) async fn what_failed_before_is_claimed_apart_from_the_rest(database: Database) -> Outcome {
    let backend = &*database.one;
    let mut failing = Vec::new();
    for _ in 0..3 {
        let id = due(backend).await?;
        let lease = taken(backend, id, MINUTE).await?;
        backend.fail_exchange(Failed { retry_in: None, ..failed(&lease) }).await?;
        failing.push(id);
        pass(Duration::from_millis(4)).await;
    }
    let mail = || "mail".to_owned();
    same("only those that failed are due", backend.has_due(mail(), Due::Sound).await?, false)?;
    let sound = due(backend).await?;
    pass(Duration::from_millis(5)).await;
    for (which, wanted) in [(Due::Sound, vec![sound]), (Due::Failing, failing.clone())] {
        same("it is due", database.two.has_due(mail(), which).await?, true)?;
        let rows = database.two.claim_due(mail(), which, 10, MINUTE).await?;
        same("of the kind, the most overdue first", rows.iter().map(|row| row.id).collect::<Vec<_>>(), wanted)?;
        same("taken", database.two.has_due(mail(), which).await?, false)?;
        for row in rows {
            backend.release(row.id, row.fence).await?;
        }
    }
    let lease = taken(backend, failing[0], MINUTE).await?;
    let tokens = due_tokens();
    backend.finish_exchange(Exchanged { tokens, ..exchanged(&lease, "") }).await?;
    pass(Duration::from_millis(5)).await;
    let rows = backend.claim_due(mail(), Due::Sound, 10, MINUTE).await?;
    let claimed: HashSet<_> = rows.iter().map(|row| row.id).collect();
    same("a success makes it sound", claimed, HashSet::from([sound, failing[0]]))
}

// THREAT-S8
pub(super) async fn competitors_never_claim_the_same(database: Database) -> Outcome {
    const ALL: usize = 120;
    for _ in 0..ALL {
        due(&*database.one).await?;
    }
    pass(Duration::from_millis(5)).await;
    let mut claiming = JoinSet::new();
    for index in 0..8 {
        let backend = database.handle(index);
        claiming.spawn(async move {
            let mut own = Vec::new();
            loop {
                let rows = backend.claim_due("mail".to_owned(), Due::Sound, 7, MINUTE).await?;
                holds("within the limit", rows.len() <= 7)?;
                if rows.is_empty() {
                    return Ok::<_, Failure>(own);
                }
                own.extend(rows.into_iter().map(|row| (row.id, row.fence)));
            }
        });
    }
    let mut all = Vec::new();
    while let Some(done) = claiming.join_next().await {
        all.extend(done??);
    }
    // One who finds all that is left locked goes away with nothing, and the rest waits for the next round.
    all.extend(
        database
            .one
            .claim_due("mail".to_owned(), Due::Sound, 1000, MINUTE)
            .await?
            .into_iter()
            .map(|row| (row.id, row.fence)),
    );
    same("how many", all.len(), ALL)?;
    holds("each has its first lease", all.iter().all(|(_, fence)| *fence == 1))?;
    same("how many different", all.into_iter().collect::<HashSet<_>>().len(), ALL)
}
