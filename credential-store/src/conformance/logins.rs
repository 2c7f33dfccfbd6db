use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Outcome, holds, same};
use super::sample::{ALICE, BOB, BRIEF, MINUTE, one, outlive_brief, pass};
use crate::backend::LoginRow;

// THREAT-S11
pub(super) async fn of_fifty_takers_one_gets_the_login(database: Database) -> Outcome {
    let id = one(&*database.one).await?;
    let login = |state: &str| LoginRow { state: state.to_owned(), sealed: state.into(), credential: id };
    database.one.put_login(ALICE, login("a"), MINUTE, 9).await?;
    database.one.put_login(ALICE, login("b"), MINUTE, 9).await?;
    let mut taking = JoinSet::new();
    for index in 0..50 {
        let backend = database.handle(index);
        taking.spawn(async move { backend.take_login("a".to_owned()).await });
    }
    let mut winners = Vec::new();
    while let Some(done) = taking.join_next().await {
        winners.extend(done??);
    }
    same("winners", winners.len(), 1)?;
    same("what was kept", (winners[0].sealed.as_slice(), winners[0].credential), (b"a".as_slice(), id))?;
    holds("the other one is still there", database.two.take_login("b".to_owned()).await?.is_some())?;
    holds("a state that is none", database.one.take_login("A' OR '1'='1".to_owned()).await?.is_none())
}

pub(super) async fn of_many_who_note_a_use_one_is_first(database: Database) -> Outcome {
    let mut noting = JoinSet::new();
    for index in 0..50 {
        let backend = database.handle(index);
        noting.spawn(async move { backend.note_use("a".to_owned(), MINUTE).await });
    }
    let mut first = 0;
    while let Some(done) = noting.join_next().await {
        first += u32::from(done??);
    }
    same("how many were first", first, 1)?;
    same("another name", database.two.note_use("A".to_owned(), BRIEF).await?, true)?;
    holds("what was noted is no login", database.one.take_login("a".to_owned()).await?.is_none())?;
    outlive_brief().await;
    database.one.purge(MINUTE).await?;
    same("a name that was forgotten", database.one.note_use("A".to_owned(), MINUTE).await?, true)?;
    same("one that was not", database.two.note_use("a".to_owned(), MINUTE).await?, false)
}

pub(super) async fn a_login_that_is_over_is_not_taken(database: Database) -> Outcome {
    let id = one(&*database.one).await?;
    let login = LoginRow { state: "a".to_owned(), sealed: b"x".to_vec(), credential: id };
    database.one.put_login(ALICE, login, BRIEF, 9).await?;
    outlive_brief().await;
    holds("it is over", database.one.take_login("a".to_owned()).await?.is_none())
}

// THREAT-S5
pub(super) async fn of_the_logins_of_an_owner_the_last_ones_wait(database: Database) -> Outcome {
    let backend = &*database.one;
    let id = one(backend).await?;
    let login = |state: String| LoginRow { state, sealed: b"x".to_vec(), credential: id };
    backend.put_login(BOB, login("other".to_owned()), MINUTE, 3).await?;
    for number in 0..5 {
        backend.put_login(ALICE, login(format!("s{number}")), MINUTE, 3).await?;
        pass(Duration::from_millis(4)).await;
    }
    let mut left = Vec::new();
    for number in 0..5 {
        left.extend(database.two.take_login(format!("s{number}")).await?.map(|login| login.state));
    }
    same("the last ones", left, vec!["s2".to_owned(), "s3".to_owned(), "s4".to_owned()])?;
    holds("the other owner's", backend.take_login("other".to_owned()).await?.is_some())
}
