//! The database goes down at each step of a renewal, and comes back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_auth_store::CredentialStatus;
use tower_auth_testing::{Endpoint, Fault};

use crate::faulty::{Hook, When, down};
use crate::world::{World, code, settled, token};

/// Down for a while from the first call of `name` on.
fn outage(name: &'static str, at: When) -> Hook {
    const LENGTH: Duration = Duration::from_millis(800);
    let until = Arc::new(Mutex::new(None::<Instant>));
    Arc::new(move |call, when| {
        let until = Arc::clone(&until);
        Box::pin(async move {
            let mut until = until.lock().unwrap();
            match *until {
                Some(end) if Instant::now() < end => Err(down()),
                None if call == name && when == at => {
                    *until = Some(Instant::now() + LENGTH);
                    Err(down())
                }
                _ => Ok(()),
            }
        })
    })
}

const STEPS: [&str; 5] = ["get", "claim", "begin_exchange", "finish_exchange", "set_connector_fault"];

async fn database_goes_down(kind: &str, grace: bool, steps: &'static [&'static str], fault: Option<Fault>) {
    let cases: Vec<_> = steps.iter().flat_map(|step| [(*step, When::Before), (*step, When::After)]).collect();
    let grace = if grace { Duration::from_secs(60) } else { Duration::ZERO };
    let Some(mut world) = World::new(kind, cases.len(), |provider| provider.reuse_grace(grace)).await else { return };
    world.access.lease = Duration::from_secs(3);
    world.access.timeout = Duration::from_millis(1500);
    if let Some(fault) = fault {
        world.provider.fault(Endpoint::Token, fault.times(cases.len()));
    }
    let mut running = JoinSet::new();
    for (index, (step, when)) in cases.iter().copied().enumerate() {
        let store = world.faulty_store(outage(step, when)).await;
        let access = world.access.clone();
        running.spawn(async move {
            let case = format!("{step} {when:?}");
            match token(&store, &access, index).await {
                Ok(_) => {}
                Err(error) => assert!(error.is_transient(), "{case}: {error} {}", code(&error)),
            }
            let end = settled(&store, &access, index).await;
            assert!(end.is_ok(), "{case}: {end:?}");
            store.close().await;
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    for (index, case) in cases.iter().enumerate() {
        let row = world.row(index).await;
        assert_eq!((row.status, row.intent), (CredentialStatus::Valid, None), "{case:?}");
    }
    world.check_presentations(1);
    world.end().await;
}

fn busy() -> Fault {
    Fault::status(StatusCode::SERVICE_UNAVAILABLE)
}

// THREAT-S6
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_down_at_any_step_costs_no_credential() {
    for kind in ["sqlite", "postgres"] {
        tokio::join!(database_goes_down(kind, false, &STEPS, None), database_goes_down(kind, true, &STEPS, None));
    }
}

// THREAT-S6
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_cannot_be_noted_at_once_does_not_make_the_token_look_spent() {
    let steps = &["fail_exchange"];
    for kind in ["sqlite", "postgres"] {
        tokio::join!(
            database_goes_down(kind, false, steps, Some(busy())),
            database_goes_down(kind, true, steps, Some(busy()))
        );
    }
}
