//! A fleet of processes that use all credentials while everything falls over, and the account of what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_auth_core::{HttpClient, TokenError};
use tower_auth_store::{Backend, CredentialStatus, CredentialStore, StoreError};
use tower_auth_testing::Endpoint;

use crate::account::{Account, Outcome};
use crate::chaos::{disturb, faults};
use crate::journal::writing;
use crate::world::{Access, LIFETIME, World, code, http, lives, settled};

/// How long a caller waits at the most: what the caches of a store are told, and what a busy machine adds.
const DEADLINE: Duration = Duration::from_millis(15_000 + 1_500);

/// How many callers a process has.
const CALLERS: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: &'static str,
    pub(crate) length: Duration,
    pub(crate) processes: usize,
    pub(crate) credentials: usize,
    pub(crate) has_grace: bool,
}

/// What a process did, as it says itself from time to time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) uses: u64,
    pub(crate) checks: u64,
    /// In microseconds.
    pub(crate) worst: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    /// What must not be.
    pub(crate) violations: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Job {
    access: Access,
    folder: PathBuf,
    token_url: String,
}

const VARIABLE: &str = "TOWER_AUTH_SOAK_FLEET";

/// One process of the fleet: nothing in a run of the tests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_of_the_fleet() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    let job: Job = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let store = open(&job).await;
    let (counts, api) = (Arc::new(Mutex::new(Counts::default())), http());
    let uses = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(call(store.clone(), job.access.clone(), api.clone(), Arc::clone(&counts), Arc::clone(&uses)));
    }
    let stats = job.folder.join(format!("stats-{}", std::process::id()));
    // Whoever started it is gone, or wants it to end.
    let (ends, mut ending) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0; 1]);
        let _ = ends.send(());
    });
    while tokio::time::timeout(Duration::from_millis(250), &mut ending).await.is_err() {
        write(&stats, &counts, &uses);
    }
    callers.shutdown().await;
    store.close().await;
    write(&stats, &counts, &uses);
    // What is left of the runtime is of no interest.
    std::process::exit(0);
}

async fn open(job: &Job) -> CredentialStore {
    // The database may be taken away while it is opened.
    let try_open = || async {
        let backend = job.access.database.try_open().await?;
        job.access.try_store(backend, writing(&job.folder, &job.token_url)).await
    };
    for _ in 0..20 {
        match try_open().await {
            Ok(store) => return store,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the store cannot be opened");
}

fn write(path: &Path, counts: &Mutex<Counts>, uses: &AtomicU64) {
    let counts = Counts { uses: uses.load(Ordering::Relaxed), ..counts.lock().unwrap().clone() };
    let next = path.with_extension("next");
    std::fs::write(&next, serde_json::to_vec(&counts).unwrap()).unwrap();
    std::fs::rename(&next, path).unwrap();
}

async fn call(
    store: CredentialStore,
    access: Access,
    api: HttpClient,
    counts: Arc<Mutex<Counts>>,
    uses: Arc<AtomicU64>,
) {
    loop {
        let (owner, id) = access.credential(fastrand::usize(..access.credentials.len()));
        let cache = store.tokens(&owner, id).unwrap();
        let (begun, is_token) = (Instant::now(), fastrand::bool());
        let result = match is_token {
            true => cache.token().await.map(|token| Some(token.secret().expose_secret().to_owned())),
            false => cache.current().await.map(|_| None),
        };
        let took = begun.elapsed();
        let got = Instant::now();
        uses.fetch_add(1, Ordering::Relaxed);
        if result.is_err() || took > Duration::from_millis(1) {
            let mut counts = counts.lock().unwrap();
            counts.worst = counts.worst.max(u64::try_from(took.as_micros()).unwrap());
            if took > DEADLINE {
                counts.violations.push(format!("a caller waited {took:?}"));
            }
            if let Err(error) = &result {
                *counts.errors.entry(code(error).to_owned()).or_default() += 1;
                if !is_expected(error) {
                    counts.violations.push(format!("unexpected: {error:?}"));
                }
            }
        }
        if let Some(token) = result.ok().flatten().filter(|_| fastrand::u8(..) < 16) {
            let is_live = lives(&api, &access.api, &token).await;
            let took = got.elapsed();
            let mut counts = counts.lock().unwrap();
            counts.checks += u64::from(is_live == Some(true));
            // A store serves a token until a tenth of its life is left, and a cache until a tenth of that is: what took longer may have ended on its way.
            if is_live == Some(false) && took < LIFETIME / 120 {
                counts
                    .violations
                    .push(format!("a token that is not live was handed out, and came back after {took:?}"));
            }
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(4..12))).await;
    }
}

/// An error that says what is the matter, and is no fault of the store.
fn is_expected(error: &TokenError) -> bool {
    let known = ["store.unconfirmed", "store.provider_unavailable", "store.unavailable"];
    match StoreError::find(error) {
        Some(own) => known.contains(&own.code()),
        None => ["token.timed_out", "token.wait_timed_out"].contains(&error.code()),
    }
}

struct Fleet {
    job: PathBuf,
    children: Vec<Child>,
    killed: BTreeSet<u32>,
}

impl Fleet {
    fn start(&mut self) {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fleet::process_of_the_fleet", "--nocapture"])
            .env(VARIABLE, &self.job)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.children.push(child.unwrap());
    }

    /// Kills one and starts another.
    async fn replace_one(&mut self) {
        let mut child = self.children.swap_remove(fastrand::usize(..self.children.len()));
        if let Some(id) = child.id() {
            self.killed.insert(id);
        }
        child.kill().await.unwrap();
        self.start();
    }

    /// Has all end in good order. Those that died by themselves are violations.
    async fn end(&mut self) -> Vec<String> {
        let mut violations = Vec::new();
        for mut child in self.children.drain(..) {
            drop(child.stdin.take());
            match tokio::time::timeout(Duration::from_secs(30), child.wait()).await {
                Ok(Ok(status)) if status.success() => {}
                Ok(status) => violations.push(format!("a process ended by itself: {status:?}")),
                Err(_) => violations.push("a process does not end when it is asked to".to_owned()),
            }
        }
        violations
    }
}

/// Runs the fleet and prints the account. False if something is not as it should be; `None` if there is no such database.
pub(crate) async fn run(plan: Plan) -> Option<bool> {
    let grace = if plan.has_grace { Duration::from_secs(60) } else { Duration::ZERO };
    let world = World::new(plan.kind, plan.credentials, |provider| provider.reuse_grace(grace)).await?;
    // What is lost for good must not be everything before the end.
    let rate = if plan.has_grace { 0.006 } else { 0.004 };
    world.provider.random_faults(Endpoint::Token, faults(rate));
    let job = Job { access: world.access.clone(), folder: world.folder.clone(), token_url: world.provider.token_url() };
    let path = world.folder.join("job");
    std::fs::write(&path, serde_json::to_vec(&job).unwrap()).unwrap();
    let mut fleet = Fleet { job: path, children: Vec::new(), killed: BTreeSet::new() };
    for _ in 0..plan.processes {
        fleet.start();
    }
    let begun = Instant::now();
    let (mut next_kill, mut next_disturbance) = (begun + Duration::from_secs(3), begun + Duration::from_secs(2));
    let (mut disturbances, mut hits) = (0, 0);
    while begun.elapsed() < plan.length {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if Instant::now() >= next_kill {
            fleet.replace_one().await;
            next_kill = Instant::now() + Duration::from_millis(fastrand::u64(1_000..4_000));
        }
        if Instant::now() >= next_disturbance {
            hits += disturb(&world.access.database).await;
            disturbances += 1;
            next_disturbance = Instant::now() + Duration::from_millis(fastrand::u64(1_000..4_000));
        }
    }
    world.provider.clear_faults();
    let mut violations = fleet.end().await;
    let length = begun.elapsed();

    // Once leases and pauses are over each credential works, or says why not.
    let store = open(&job).await;
    let mut settling = JoinSet::new();
    for index in 0..plan.credentials {
        let (store, access, api) = (store.clone(), world.access.clone(), http());
        settling.spawn(async move {
            let (mut result, mut is_live) = (settled(&store, &access, index).await, false);
            // One that is about to end may do so on its way.
            for _ in 0..5 {
                let Ok(token) = &result else { break };
                is_live = lives(&api, &access.api, token).await.unwrap();
                if is_live {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
                result = settled(&store, &access, index).await;
            }
            (index, result.map(drop), is_live)
        });
    }
    let mut outcomes = BTreeMap::new();
    let backend = world.access.database.open().await;
    for (index, result, is_live) in settling.join_all().await {
        let row = backend.find(world.access.credential(index).1).await.unwrap().unwrap();
        outcomes.insert(index, Outcome { row, result, is_live });
    }
    backend.close().await;
    store.close().await;

    let mut counts = Counts::default();
    for entry in std::fs::read_dir(&world.folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("stats-") && path.extension().is_none() {
            let own: Counts = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            counts.uses += own.uses;
            counts.checks += own.checks;
            counts.worst = counts.worst.max(own.worst);
            for (code, count) in own.errors {
                *counts.errors.entry(code).or_default() += count;
            }
            violations.extend(own.violations);
        }
    }
    let account = Account::of(&world, &outcomes, &fleet.killed, plan.has_grace);
    violations.extend(account.violations.iter().cloned());

    let report = world.provider.report();
    let valid = outcomes.values().filter(|outcome| outcome.row.status == CredentialStatus::Valid).count();
    let line = |name: &str, value: String| println!("  {name:<44} {value}");
    println!();
    println!(
        "{}, {} grace, {} processes, {} credentials, {:.0} s",
        plan.kind,
        if plan.has_grace { "with" } else { "without" },
        plan.processes,
        plan.credentials,
        length.as_secs_f64()
    );
    line("uses per second", format!("{:.0}", counts.uses as f64 / length.as_secs_f64()));
    line("tokens that the API took", counts.checks.to_string());
    line("rotations at the provider", report.rotations.to_string());
    line("processes killed", fleet.killed.len().to_string());
    line("disturbances of the database, connections hit", format!("{disturbances}, {hits}"));
    line("token requests that met no rotation", (report.arrivals - report.rotations).to_string());
    line("answers dropped, undelivered", format!("{}, {}", report.replies_dropped, report.replies_undelivered));
    line("worst wait", format!("{:.1} s", Duration::from_micros(counts.worst).as_secs_f64()));
    line("typed errors", format!("{:?}", counts.errors));
    line("most presentations of one token", report.max_presentations.to_string());
    line("tokens presented twice", report.presented_more_than_once.to_string());
    line("reuses, families revoked", format!("{}, {}", report.reuses, report.families_revoked));
    line("credentials valid at the end", valid.to_string());
    line("credentials lost", (plan.credentials - valid).to_string());
    for (cause, count) in &account.causes {
        line(&format!("  {cause}"), count.to_string());
    }
    println!("  violations: {}", violations.len());
    for violation in violations.iter().take(20) {
        println!("    {violation}");
    }
    world.end().await;
    Some(violations.is_empty())
}

async fn short(kind: &'static str, processes: usize, has_grace: bool) {
    let plan = Plan { kind, length: Duration::from_secs(15), processes, credentials: 40, has_grace };
    assert_ne!(run(plan).await, Some(false));
}

// THREAT-S8, THREAT-S7, THREAT-S6, SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_on_sqlite_presents_each_refresh_token_once_whatever_happens() {
    short("sqlite", 3, false).await;
}

// THREAT-S8, THREAT-S7, THREAT-S6, SYS-C16
#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_on_postgres_presents_each_refresh_token_once_whatever_happens() {
    short("postgres", 4, true).await;
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The long one, which `scripts/soak` runs.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; see scripts/soak"]
async fn soak() {
    let length = Duration::from_secs(number("SOAK_SECONDS", 120) as u64);
    let credentials = number("SOAK_CREDENTIALS", 200);
    let chosen = |name: &str| std::env::var(name).unwrap_or_else(|_| "both".to_owned());
    let (database, grace) = (chosen("SOAK_DATABASE"), chosen("SOAK_GRACE"));
    let mut is_good = true;
    for (kind, processes) in [("postgres", 8), ("sqlite", 4)] {
        for has_grace in [false, true] {
            let wanted = [kind, "both"].contains(&database.as_str())
                && ["both", if has_grace { "yes" } else { "no" }].contains(&grace.as_str());
            if wanted {
                let processes = number("SOAK_PROCESSES", processes);
                is_good &= run(Plan { kind, length, processes, credentials, has_grace }).await.unwrap_or(true);
            }
        }
    }
    assert!(is_good, "see the violations above");
}
