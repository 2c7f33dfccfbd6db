use std::sync::{Arc, Mutex};

use tower_auth_core::{BasicVerifier, BoxError, PasswordCost, RejectionKind, Secret, StrongerHash};

use super::support::*;

/// What the hook was told.
type Told = Arc<Mutex<Vec<StrongerHash>>>;

fn recording(builder: BasicVerifier) -> (BasicVerifier, Told) {
    let told = Told::default();
    let telling = Arc::clone(&told);
    let hook = move |stronger: StrongerHash| {
        telling.lock().unwrap().push(stronger);
        async { Ok::<_, BoxError>(()) }
    };
    (builder.on_login(hook), told)
}

async fn wait_for(told: &Told, count: usize) -> Vec<StrongerHash> {
    loop {
        let now = told.lock().unwrap().clone();
        if now.len() >= count {
            return now;
        }
        tokio::task::yield_now().await;
    }
}

const BCRYPT: &str = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

// R7617-4a
#[tokio::test]
async fn a_weak_hash_is_made_anew_after_a_login() {
    let cost = PasswordCost::argon2id(64, 2, 1).unwrap();
    let (builder, told) =
        recording(builder().user_hash("old", BCRYPT).user_hash("cheap", text("p")).password_cost(cost));
    let verifier = builder.build().unwrap();
    assert!(!enters(&verifier, "old", "wrong").await);
    assert!(enters(&verifier, "old", "correct horse").await);
    assert!(enters(&verifier, "cheap", "p").await);
    let mut all = wait_for(&told, 2).await;
    all.sort_by(|one, other| one.user().cmp(other.user()));
    let [cheap, old] = all.as_slice() else { panic!("two logins") };
    assert_eq!((cheap.user(), old.user()), ("cheap", "old"));
    assert_eq!(old.old_hash().expose_hash(), BCRYPT);
    assert!(old.new_hash().expose_hash().starts_with("$argon2id$v=19$m=64,t=2,p=1$"));
    assert!(old.new_hash().verify(&Secret::from("correct horse")) && !old.new_hash().is_weaker_than(cost));
    assert!(enters(&verifier, "old", "correct horse").await, "by the memo");
    assert_eq!(told.lock().unwrap().len(), 2, "told once");
}

#[tokio::test]
async fn a_hash_that_is_strong_enough_is_left_alone() {
    let (builder, told) = recording(builder().user_hash("a", text("p")).user("plain", "p").without_memo());
    let verifier = builder.build().unwrap();
    for _ in 0..3 {
        assert!(enters(&verifier, "a", "p").await && enters(&verifier, "plain", "p").await);
        assert!(!enters(&verifier, "a", "q").await);
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(told.lock().unwrap().is_empty());
}

// THREAT-V13
#[tokio::test]
async fn what_the_hook_does_is_no_concern_of_the_caller() {
    let cost = PasswordCost::argon2id(64, 2, 1).unwrap();
    let hook = |_: StrongerHash| std::future::pending::<Result<(), BoxError>>();
    let stuck = builder().user_hash("a", text("p")).password_cost(cost).without_memo().on_login(hook).build().unwrap();
    let hook = |_: StrongerHash| async { Err::<(), BoxError>("the database is down".into()) };
    let failing =
        builder().user_hash("a", text("p")).password_cost(cost).without_memo().on_login(hook).build().unwrap();
    for verifier in [stuck, failing] {
        for _ in 0..20 {
            match verdict(&verifier, "a", "p").await {
                Ok(verified) => assert_eq!(verified.subject(), "a"),
                Err(refusal) => panic!("{refusal}"),
            }
        }
    }
}

#[tokio::test]
async fn there_is_one_rehash_at_a_time_for_each_user_and_only_where_there_is_room() {
    let cost = PasswordCost::argon2id(64, 2, 1).unwrap();
    let told = Told::default();
    let telling = Arc::clone(&told);
    let hook = move |stronger: StrongerHash| {
        telling.lock().unwrap().push(stronger);
        std::future::pending::<Result<(), BoxError>>()
    };
    let verifier = builder()
        .user_hash("a", text("p"))
        .user_hash("b", text("p"))
        .password_cost(cost)
        .without_memo()
        .hashing_limits(1, 0)
        .on_login(hook)
        .build()
        .unwrap();
    // A rehash under way may hold the only place for a while.
    let login = async |user: &str| loop {
        match verdict(&verifier, user, "p").await {
            Ok(_) => break,
            Err(refusal) if refusal.kind() == RejectionKind::Overloaded => tokio::task::yield_now().await,
            Err(refusal) => panic!("{refusal}"),
        }
    };
    login("a").await;
    wait_for(&told, 1).await;
    for _ in 0..5 {
        login("a").await;
    }
    login("b").await;
    let told = wait_for(&told, 2).await;
    assert_eq!(told.iter().map(StrongerHash::user).collect::<Vec<_>>(), ["a", "b"]);
}
