use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_auth_core::{BasicVerifier, BoxError, PasswordHash, RejectionKind, UserAccount, UserLookup};
use tower_auth_testing::TestClock;

use super::support::*;

/// A database with one user, which can be told what to do.
#[derive(Clone, Default)]
struct Database {
    account: Arc<Mutex<Option<UserAccount>>>,
    broken: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Database {
    fn with(account: UserAccount) -> Self {
        let database = Self::default();
        database.set(Some(account));
        database
    }

    fn set(&self, account: Option<UserAccount>) {
        *self.account.lock().unwrap() = account;
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

impl UserLookup for Database {
    async fn look_up(&self, user: &str) -> Result<Option<UserAccount>, BoxError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        if self.broken.load(Ordering::Relaxed) {
            return Err("the database is down".into());
        }
        Ok(self.account.lock().unwrap().clone().filter(|_| user == "a"))
    }
}

// R7617-4a
#[tokio::test]
async fn a_user_of_a_database_gets_in_as_the_database_says() {
    let database = Database::with(account("p").subject("user-17").roles(["operator"]));
    let verifier = builder().user("plain", "p").lookup(database.clone()).build().unwrap();
    let verified = verdict(&verifier, "a", "p").await.unwrap();
    assert_eq!((verified.subject(), verified.has_role("operator")), ("user-17", true));
    assert_eq!(database.asked(), 1);
    assert!(is_remembered(&verifier, "a", "p"));
    assert_eq!(verdict(&verifier, "a", "p").await.unwrap().subject(), "user-17");
    assert!(enters(&verifier, "plain", "p").await);
    assert_eq!(database.asked(), 0, "neither is asked about");
    assert!(!enters(&verifier, "a", "q").await && !enters(&verifier, "nobody", "p").await);
    assert_eq!(database.asked(), 2);
}

#[tokio::test]
async fn a_closure_looks_up_too() {
    let stored = text("p");
    let verifier = builder().lookup(move |user: String| {
        let hash = PasswordHash::parse(&stored);
        async move { Ok::<_, BoxError>(if user == "a" { Some(UserAccount::new(hash?)) } else { None }) }
    });
    let verifier = verifier.build().unwrap();
    assert!(enters(&verifier, "a", "p").await && !enters(&verifier, "b", "p").await);
}

// THREAT-V16, GRPC-7
#[tokio::test]
async fn what_cannot_be_told_is_unavailable_and_never_a_verdict() {
    let database = Database::with(account("p"));
    let verifier = builder().lookup(database.clone()).without_memo().build().unwrap();
    database.broken.store(true, Ordering::Relaxed);
    for (user, password) in [("a", "p"), ("a", "q"), ("nobody", "p")] {
        let refusal = verdict(&verifier, user, password).await.unwrap_err();
        assert_eq!((refusal.kind(), refusal.status().as_u16()), (RejectionKind::LookupUnavailable, 503));
        assert!(refusal.explain().contains("the database is down"), "{}", refusal.explain());
        assert!(refusal.challenges().is_empty());
        assert_eq!(refusal.grpc_code(), 14);
    }
    database.broken.store(false, Ordering::Relaxed);
    assert!(enters(&verifier, "a", "p").await, "and nothing of it is remembered");

    let unreadable = builder()
        .lookup(|_: String| async { PasswordHash::parse("sentinel").map(|hash| Some(UserAccount::new(hash))) });
    let refusal = verdict(&unreadable.build().unwrap(), "a", "p").await.unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::LookupUnavailable);
    assert!(!format!("{refusal} {refusal:?}").contains("sentinel"));
}

// THREAT-A4
#[tokio::test]
async fn a_look_up_that_hangs_is_given_up() {
    let time = TestClock::new();
    let verifier = builder().lookup(|_: String| pending::<Result<_, BoxError>>()).clock(time.clock()).build().unwrap();
    let waiting = tokio::spawn(async move { verdict(&verifier, "a", "p").await.unwrap_err() });
    time.advance(Duration::from_millis(4_999)).await;
    assert!(!waiting.is_finished());
    time.advance(Duration::from_millis(1)).await;
    let refusal = waiting.await.unwrap();
    assert_eq!(refusal.kind(), RejectionKind::LookupUnavailable);
    assert!(refusal.explain().contains("longer than 5.0 s"), "{}", refusal.explain());
}

// THREAT-V12, THREAT-K3
#[tokio::test]
async fn an_account_that_is_closed_or_has_another_password_lets_nobody_in_once_that_is_known() {
    let database = Database::with(account("p"));
    let time = TestClock::new();
    let verifier = builder().lookup(database.clone()).clock(time.clock()).build().unwrap();
    assert!(enters(&verifier, "a", "p").await);
    database.set(Some(account("p").locked(true)));
    assert!(is_remembered(&verifier, "a", "p"), "not asked yet");
    assert!(!enters(&verifier, "a", "q").await, "anybody's attempt asks");
    assert!(!is_remembered(&verifier, "a", "p"));
    assert!(!enters(&verifier, "a", "p").await);

    database.set(Some(account("p")));
    assert!(enters(&verifier, "a", "p").await);
    database.set(Some(account("r")));
    assert!(enters(&verifier, "a", "r").await);
    assert!(!is_remembered(&verifier, "a", "p") && is_remembered(&verifier, "a", "r"));
    assert!(!enters(&verifier, "a", "p").await);

    database.set(None);
    time.tick(Duration::from_secs(60));
    assert!(!enters(&verifier, "a", "r").await);
}

// THREAT-K3
#[tokio::test]
async fn one_that_is_asked_always_closes_accounts_at_once() {
    let database = Database::with(account("p").roles(["operator"]));
    let verifier = builder().lookup(database.clone()).always_look_up().build().unwrap();
    assert!(enters(&verifier, "a", "p").await);
    let same = database.account.lock().unwrap().clone().unwrap();
    database.set(Some(same.roles(["admin"])));
    assert!(verdict(&verifier, "a", "p").await.unwrap().has_role("admin"));
    assert_eq!(database.asked(), 2);
    database.set(None);
    assert!(!enters(&verifier, "a", "p").await);
    database.broken.store(true, Ordering::Relaxed);
    assert_eq!(verdict(&verifier, "a", "p").await.unwrap_err().kind(), RejectionKind::LookupUnavailable);
}

// THREAT-V12
#[test]
fn a_look_up_and_listed_hashes_exclude_each_other() {
    let both = |builder: BasicVerifier| builder.lookup(Database::default()).build().unwrap_err().to_string();
    assert!(both(builder().user_hash("a", text("p"))).contains("beside a look-up"));
    assert!(both(builder().htpasswd_file("absent")).contains("beside a look-up"));
}

// THREAT-V13
#[tokio::test]
async fn strangers_cannot_make_more_look_ups_at_once_than_there_are_places() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let lookup = move |_: String| {
        counted.fetch_add(1, Ordering::Relaxed);
        pending::<Result<Option<UserAccount>, BoxError>>()
    };
    let verifier = builder().lookup(lookup).hashing_limits(1, 4).build().unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let verifier = verifier.clone();
            tokio::spawn(async move { verdict(&verifier, &format!("user-{number}"), "p").await })
        })
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 5);
    assert_eq!(tasks.iter().filter(|task| task.is_finished()).count(), 45);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}
