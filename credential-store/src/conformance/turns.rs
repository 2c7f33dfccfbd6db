use std::time::Duration;

use tokio::task::JoinSet;

use super::check::{Database, Outcome, holds, same};
use super::sample::{BRIEF, MINUTE, outlive_brief, pass};
use crate::backend::Record;

fn name(text: &str) -> String {
    text.to_owned()
}

pub(super) async fn a_turn_makes_the_whole_fleet_wait(database: Database) -> Outcome {
    same("the first", database.one.take_turn(name("mail"), 1, BRIEF).await?, true)?;
    same("the next", database.two.take_turn(name("mail"), 1, BRIEF).await?, false)?;
    outlive_brief().await;
    same("after the interval", database.two.take_turn(name("mail"), 3, BRIEF).await?, true)?;
    outlive_brief().await;
    same("three take three intervals", database.one.take_turn(name("mail"), 1, BRIEF).await?, false)?;
    outlive_brief().await;
    outlive_brief().await;
    same("after three intervals", database.one.take_turn(name("mail"), 1, BRIEF).await?, true)
}

pub(super) async fn connectors_wait_for_themselves_alone(database: Database) -> Outcome {
    same("one", database.one.take_turn(name("mail"), 1, MINUTE).await?, true)?;
    same("another", database.one.take_turn(name("files"), 1, Duration::ZERO).await?, true)?;
    pass(Duration::from_millis(2)).await;
    same("without an interval", database.one.take_turn(name("files"), 1, Duration::ZERO).await?, true)
}

pub(super) async fn of_many_asking_at_once_one_may_go(database: Database) -> Outcome {
    let mut asking = JoinSet::new();
    for index in 0..24 {
        let backend = database.handle(index);
        asking.spawn(async move { backend.take_turn(name("mail"), 1, MINUTE).await });
    }
    let mut winners = 0;
    while let Some(done) = asking.join_next().await {
        winners += u32::from(done??);
    }
    same("who may go", winners, 1)
}

pub(super) async fn a_fault_of_a_connector_changes_once(database: Database) -> Outcome {
    let backend = &*database.one;
    let fault = |code: Option<&str>| backend.set_connector_fault(name("mail"), code.map(name), Record::default());
    same("no fault to end", fault(None).await?, false)?;
    same("a fault", fault(Some("invalid_client")).await?, true)?;
    let first = backend.connector_faults().await?;
    same("the same fault", fault(Some("invalid_client")).await?, false)?;
    same("since when", backend.connector_faults().await?, first)?;
    same("another fault", fault(Some("invalid_scope")).await?, true)?;
    same(
        "a second connector",
        database.two.set_connector_fault(name("files"), Some(name("x")), Record::default()).await?,
        true,
    )?;
    let faults = database.two.connector_faults().await?;
    let mut codes: Vec<_> = faults.iter().map(|fault| (fault.connector.as_str(), fault.code.as_str())).collect();
    codes.sort_unstable();
    same("faults", codes, vec![("files", "x"), ("mail", "invalid_scope")])?;
    same("a turn is not hindered", backend.take_turn(name("mail"), 1, MINUTE).await?, true)?;
    same("the end", fault(None).await?, true)?;
    same("the end again", fault(None).await?, false)?;
    same("what is left", backend.connector_faults().await?.len(), 1)?;
    holds("the pace stays", !backend.take_turn(name("mail"), 1, MINUTE).await?)
}
