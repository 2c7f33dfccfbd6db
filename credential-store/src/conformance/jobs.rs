use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Failure, Outcome, holds, same};
use super::sample::{BRIEF, MINUTE, outlive_brief, pass};
use crate::backend::{JobKind, NewJob, Record};
use crate::model::CredentialId;

fn job(kind: JobKind, text: &str) -> Result<NewJob, Failure> {
    Ok(NewJob { kind, credential: CredentialId::generate()?, payload: text.into() })
}

pub(super) async fn jobs_are_claimed_the_oldest_first_and_by_kind(database: Database) -> Outcome {
    let backend = &*database.one;
    backend.record(Record::default()).await?;
    backend
        .record(Record::from(vec![job(JobKind::Revoke, "1")?, job(JobKind::Webhook, "w")?, job(JobKind::Revoke, "2")?]))
        .await?;
    pass(Duration::from_millis(4)).await;
    backend.record(Record::from(vec![job(JobKind::Revoke, "3")?])).await?;
    pass(Duration::from_millis(4)).await;
    same("count", backend.count_jobs(JobKind::Revoke).await?, 3)?;
    let mut payloads = Vec::new();
    for wanted in [2, 1, 0] {
        let jobs = database.two.claim_jobs(JobKind::Revoke, 2, MINUTE).await?;
        same("how many", jobs.len(), wanted)?;
        holds(
            "of the kind, not tried before",
            jobs.iter().all(|job| job.kind == JobKind::Revoke && job.attempts == 0),
        )?;
        payloads.extend(jobs.into_iter().map(|job| job.payload));
    }
    same("the oldest first", payloads, ["1", "2", "3"].map(|text| text.as_bytes().to_vec()).to_vec())?;
    same("a claimed one still waits to be done", backend.count_jobs(JobKind::Revoke).await?, 3)?;
    same("the other kind", backend.claim_jobs(JobKind::Webhook, 5, MINUTE).await?.len(), 1)
}

pub(super) async fn a_job_is_leased_and_comes_back_if_its_worker_dies(database: Database) -> Outcome {
    let backend = &*database.one;
    backend.record(Record::from(vec![job(JobKind::Revoke, "1")?])).await?;
    let lost = backend.claim_jobs(JobKind::Revoke, 5, BRIEF).await?;
    holds("it is leased", database.two.claim_jobs(JobKind::Revoke, 5, MINUTE).await?.is_empty())?;
    outlive_brief().await;
    let next = database.two.claim_jobs(JobKind::Revoke, 5, MINUTE).await?;
    same("it comes back", (lost.len(), next.len()), (1, 1))?;
    holds("the fence grows", next[0].id == lost[0].id && next[0].fence > lost[0].fence)?;
    same("the first cannot end it", backend.finish_job(lost[0].id, lost[0].fence).await?, false)?;
    same("the first cannot delay it", backend.retry_job(lost[0].id, lost[0].fence, MINUTE).await?, false)?;
    same("the second can", backend.finish_job(next[0].id, next[0].fence).await?, true)?;
    same("once", backend.finish_job(next[0].id, next[0].fence).await?, false)?;
    same("none waits", backend.count_jobs(JobKind::Revoke).await?, 0)
}

pub(super) async fn a_delayed_job_waits_and_counts_its_attempts(database: Database) -> Outcome {
    let backend = &*database.one;
    backend.record(Record::from(vec![job(JobKind::Webhook, "1")?])).await?;
    let jobs = backend.claim_jobs(JobKind::Webhook, 5, MINUTE).await?;
    same("delayed", backend.retry_job(jobs[0].id, jobs[0].fence, BRIEF).await?, true)?;
    holds("it waits", backend.claim_jobs(JobKind::Webhook, 5, MINUTE).await?.is_empty())?;
    same("who gave it back has it no more", backend.finish_job(jobs[0].id, jobs[0].fence).await?, false)?;
    outlive_brief().await;
    let again = backend.claim_jobs(JobKind::Webhook, 5, MINUTE).await?;
    same("it comes back, tried once", again.iter().map(|job| job.attempts).collect::<Vec<_>>(), vec![1])?;
    same("when it was added", again[0].created_at, jobs[0].created_at)
}

pub(super) async fn jobs_that_are_put_off_wait_and_count_no_attempt(database: Database) -> Outcome {
    let backend = &*database.one;
    backend.put_off_jobs(Vec::new()).await?;
    let four = ["1", "2", "3", "4"].into_iter().map(|text| job(JobKind::Webhook, text));
    backend.record(four.collect::<Result<Vec<_>, _>>()?.into()).await?;
    let jobs = backend.claim_jobs(JobKind::Webhook, 5, MINUTE).await?;
    let mut put_off: Vec<_> = jobs.iter().map(|job| (job.id, job.fence, BRIEF)).collect();
    // For longer, and somebody else's.
    put_off[1].2 = MINUTE;
    put_off[3].1 -= 1;
    backend.put_off_jobs(put_off.into_iter().rev().collect()).await?;
    holds("they wait", database.two.claim_jobs(JobKind::Webhook, 5, MINUTE).await?.is_empty())?;
    same("who put it off has it no more", backend.finish_job(jobs[0].id, jobs[0].fence).await?, false)?;
    outlive_brief().await;
    let again = database.two.claim_jobs(JobKind::Webhook, 5, MINUTE).await?;
    same("whose time came", again.iter().map(|job| job.id).collect::<Vec<_>>(), vec![jobs[0].id, jobs[2].id])?;
    holds("they were not tried", again.iter().all(|job| job.attempts == 0))?;
    same("the other is still held", backend.finish_job(jobs[3].id, jobs[3].fence).await?, true)
}

pub(super) async fn competitors_never_claim_the_same_job(database: Database) -> Outcome {
    const ALL: usize = 120;
    for _ in 0..ALL / 20 {
        let jobs: Vec<_> = (0..20).map(|_| job(JobKind::Revoke, "x")).collect::<Result<_, _>>()?;
        database.one.record(Record::from(jobs)).await?;
    }
    pass(Duration::from_millis(5)).await;
    let mut claiming = JoinSet::new();
    for index in 0..8 {
        let backend = database.handle(index);
        claiming.spawn(async move {
            let mut own = Vec::new();
            loop {
                let jobs = backend.claim_jobs(JobKind::Revoke, 7, MINUTE).await?;
                holds("within the limit", jobs.len() <= 7)?;
                if jobs.is_empty() {
                    return Ok::<_, Failure>(own);
                }
                own.extend(jobs.into_iter().map(|job| (job.id, job.fence)));
            }
        });
    }
    let mut all = Vec::new();
    while let Some(done) = claiming.join_next().await {
        all.extend(done??);
    }
    all.extend(
        database.one.claim_jobs(JobKind::Revoke, 1000, MINUTE).await?.into_iter().map(|job| (job.id, job.fence)),
    );
    same("how many", all.len(), ALL)?;
    same("how many different", all.into_iter().collect::<HashSet<_>>().len(), ALL)
}
