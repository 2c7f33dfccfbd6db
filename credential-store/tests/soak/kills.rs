//! A process dies at each step of a rotation, and another one takes over.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tower_auth_core::HttpClient;
use tower_auth_store::CredentialStatus;
use tower_auth_testing::{Endpoint, Fault};

use crate::faulty::{Faulty, Hook, When};
use crate::world::{Access, World, code, http, settled, token};

/// Where a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Point {
    /// It has the lease.
    Claimed,
    /// It has noted what it is about to send.
    Noted,
    /// The request is with the provider, the answer is not here.
    Sent,
    /// The answer is here.
    Answered,
    /// The tokens are kept, and it does not know.
    Persisted,
    /// The tokens are kept, and nobody was told.
    Kept,
}

const POINTS: [Point; 6] = [Point::Sent, Point::Claimed, Point::Noted, Point::Answered, Point::Persisted, Point::Kept];

/// What a worker process is to do.
#[derive(Serialize, Deserialize)]
struct Job {
    access: Access,
    index: usize,
    point: Point,
}

const VARIABLE: &str = "TOWER_AUTH_SOAK_KILL";

/// The other process: nothing in a run of the tests.
#[tokio::test]
async fn process_that_dies() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    let job: Job = serde_json::from_slice(&std::fs::read(PathBuf::from(path)).unwrap()).unwrap();
    let point = job.point;
    let hook: Hook = std::sync::Arc::new(move |call, when| {
        let dies = match point {
            Point::Claimed => (call, when) == ("claim", When::After),
            Point::Noted => (call, when) == ("begin_exchange", When::After),
            Point::Persisted => (call, when) == ("finish_exchange", When::After),
            Point::Kept => (call, when) == ("set_connector_fault", When::Before),
            Point::Sent | Point::Answered => false,
        };
        Box::pin(async move { if dies { std::process::abort() } else { Ok(()) } })
    });
    let inner = http();
    let client = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let inner = inner.clone();
        async move {
            if point == Point::Sent {
                tokio::spawn(async {
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    std::process::abort();
                });
            }
            let answer = inner.send(request).await?;
            if point == Point::Answered {
                std::process::abort();
            }
            Ok::<_, tower_auth_core::BoxError>(answer)
        }
    }));
    let backend = Faulty::new(job.access.database.open().await, hook);
    let store = job.access.store(backend, client).await;
    let _ = token(&store, &job.access, job.index).await;
    panic!("the process lives on");
}

/// Lets another process die.
async fn die(world: &World, index: usize, point: Point) {
    let path = world.folder.join(format!("job-{index}"));
    let job = Job { access: world.access.clone(), index, point };
    std::fs::write(&path, serde_json::to_vec(&job).unwrap()).unwrap();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::process_that_dies", "--nocapture"])
        .env(VARIABLE, &path)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    use std::os::unix::process::ExitStatusExt;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.signal(), Some(6), "{point:?}: {said}");
}

async fn killed_at_every_step(kind: &str, grace: Duration) {
    let Some(mut world) = World::new(kind, POINTS.len(), |provider| provider.reuse_grace(grace)).await else { return };
    world.access.lease = Duration::from_secs(3);
    world.access.timeout = Duration::from_millis(1500);
    // The answer is on its way when the process dies, so that the provider sees that nobody takes it.
    world.provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(1200)));
    die(&world, 0, POINTS[0]).await;
    let (kill_1, kill_2, kill_3, kill_4, kill_5) = (
        die(&world, 1, POINTS[1]),
        die(&world, 2, POINTS[2]),
        die(&world, 3, POINTS[3]),
        die(&world, 4, POINTS[4]),
        die(&world, 5, POINTS[5]),
    );
    tokio::join!(kill_1, kill_2, kill_3, kill_4, kill_5);
    let store = world.store().await;
    for (index, point) in POINTS.into_iter().enumerate() {
        let result = settled(&store, &world.access, index).await;
        let row = world.row(index).await;
        // Whether it was sent nobody can know who finds the note.
        let is_lost = matches!(point, Point::Noted | Point::Sent | Point::Answered);
        if is_lost && grace.is_zero() {
            assert_eq!(result.as_ref().map_err(code), Err("store.unconfirmed"), "{point:?}");
            assert_eq!(row.status, CredentialStatus::Unconfirmed, "{point:?}");
            assert!(row.intent.is_some());
        } else {
            assert!(result.is_ok(), "{point:?}: {result:?}");
            assert_eq!((row.status, row.intent), (CredentialStatus::Valid, None), "{point:?}");
        }
    }
    let most = if grace.is_zero() { 1 } else { 2 };
    world.check_presentations(most);
    let report = world.provider.report();
    assert_eq!(report.replies_undelivered, 1, "{report:?}");
    // The tokens whose answers came to nothing are the ones that came twice.
    assert_eq!(report.presented_more_than_once, if grace.is_zero() { 0 } else { 2 });
    store.close().await;
    world.end().await;
}

// THREAT-S6, THREAT-S7, SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_at_any_step_leaves_a_known_state_on_sqlite() {
    killed_at_every_step("sqlite", Duration::ZERO).await;
    killed_at_every_step("sqlite", Duration::from_secs(60)).await;
}

// THREAT-S6, THREAT-S7, SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_at_any_step_leaves_a_known_state_on_postgres() {
    killed_at_every_step("postgres", Duration::ZERO).await;
    killed_at_every_step("postgres", Duration::from_secs(60)).await;
}
