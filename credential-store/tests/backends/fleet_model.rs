//! Random doings of three workers against a model of what they may do.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tower_auth_store::{
    Backend, Claim, CredentialId, CredentialStatus, Due, Exchanged, Failed, Intent, NewCredential, OwnerDigest, Record,
    SecretsChange, SqliteOptions, Timestamp, Tokens,
};

const OWNER: OwnerDigest = OwnerDigest([1; 32]);

#[derive(Clone, Copy, Debug)]
enum Deed {
    Claim,
    /// A lease that is over at once.
    ClaimLost,
    ClaimDue,
    Extend,
    Release,
    Begin,
    Finish,
    Fail {
        keeps_intent: bool,
    },
    Reconnect,
}

fn deeds() -> impl Strategy<Value = Vec<(usize, Deed)>> {
    let deed = prop_oneof![
        3 => Just(Deed::Claim),
        2 => Just(Deed::ClaimLost),
        1 => Just(Deed::ClaimDue),
        1 => Just(Deed::Extend),
        1 => Just(Deed::Release),
        3 => Just(Deed::Begin),
        3 => Just(Deed::Finish),
        2 => any::<bool>().prop_map(|keeps_intent| Deed::Fail { keeps_intent }),
        1 => Just(Deed::Reconnect),
    ];
    vec((0..3_usize, deed), 1..40)
}

/// What a worker remembers of its last lease.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    fence: i64,
    generation: i64,
}

/// What must be in the database.
#[derive(Debug, Default)]
struct Model {
    fence: i64,
    generation: i64,
    /// The fence of the lease that lives.
    live: Option<i64>,
    /// The fence of a lease that was never ended, alive or over.
    unended: Option<i64>,
    has_intent: bool,
}

fn tokens() -> Tokens {
    Tokens {
        sealed: b"tokens".to_vec(),
        renews: true,
        expires_in: None,
        refresh_in: Some(Duration::ZERO),
        refresh_expires_in: None,
    }
}

async fn begin() -> (impl Backend, CredentialId) {
    let backend = SqliteOptions::memory().open().await.unwrap();
    let id = CredentialId::generate().unwrap();
    let new = NewCredential {
        id,
        owner: OWNER,
        owner_sealed: vec![],
        connector: "mail".to_owned(),
        method: "oauth".to_owned(),
        environment: None,
        label: vec![],
        status: CredentialStatus::Valid,
        key_id: "k".to_owned(),
        data_key: vec![],
        secrets: vec![],
        logs_requests: false,
        tokens: Some(tokens()),
        record: Record::default(),
    };
    backend.insert(new).await.unwrap();
    (backend, id)
}

async fn play(deeds: Vec<(usize, Deed)>) {
    let (backend, id) = begin().await;
    let mut model = Model { generation: 1, ..Model::default() };
    let mut workers = [Memory::default(); 3];
    let mut finished = vec![1];
    const LONG: Duration = Duration::from_secs(3600);
    for (worker, deed) in deeds {
        let own = workers[worker];
        let fits = own.fence == model.fence && own.generation == model.generation;
        match deed {
            Deed::Claim | Deed::ClaimLost | Deed::ClaimDue => {
                let ttl = if matches!(deed, Deed::ClaimLost) { Duration::ZERO } else { LONG };
                let row = match deed {
                    Deed::ClaimDue => backend.claim_due("mail".to_owned(), Due::Sound, 5, ttl).await.unwrap().pop(),
                    _ => match backend.claim(id, ttl).await.unwrap() {
                        Claim::Taken(row) => Some(*row),
                        Claim::Held(_) => None,
                        Claim::Missing => panic!("the credential is gone"),
                    },
                };
                match row {
                    Some(row) => {
                        assert_eq!(model.live, None, "two live leases");
                        assert_eq!(row.fence, model.fence + 1, "fences grow by one");
                        assert_eq!((row.generation, row.intent.is_some()), (model.generation, model.has_intent));
                        model.fence = row.fence;
                        model.live = (!ttl.is_zero()).then_some(row.fence);
                        model.unended = Some(row.fence);
                        workers[worker] = Memory { fence: row.fence, generation: row.generation };
                    }
                    None if matches!(deed, Deed::ClaimDue) => {
                        // A failure made it wait, or somebody has it, or it was due this very millisecond.
                    }
                    None => assert!(model.live.is_some(), "a free lease was not given"),
                }
            }
            Deed::Extend => {
                let done = backend.extend(id, own.fence, LONG).await.unwrap();
                assert_eq!(done, own.fence == model.fence && model.unended == Some(own.fence), "extend");
                if done {
                    model.live = Some(own.fence);
                }
            }
            Deed::Release => {
                backend.release(id, own.fence).await.unwrap();
                if own.fence == model.fence {
                    (model.live, model.unended) = (None, None);
                }
            }
            Deed::Begin => {
                let intent = Intent { id: own.fence, spends: vec![0; 32], at: Timestamp(0), is_replay: false };
                let done = backend.begin_exchange(id, own.fence, own.generation, intent).await.unwrap();
                assert_eq!(done, fits && model.live == Some(own.fence), "begin");
                model.has_intent |= done;
            }
            Deed::Finish => {
                let what = Exchanged {
                    id,
                    fence: own.fence,
                    generation: own.generation,
                    tokens: tokens(),
                    record: Record::default(),
                };
                let done = backend.finish_exchange(what).await.unwrap();
                assert_eq!(done, own.generation == model.generation, "finish");
                if done {
                    model.generation += 1;
                    model.has_intent = false;
                    finished.push(model.generation);
                    if own.fence == model.fence {
                        (model.live, model.unended) = (None, None);
                    }
                }
            }
            Deed::Fail { keeps_intent } => {
                let what = Failed {
                    id,
                    fence: own.fence,
                    generation: own.generation,
                    status: None,
                    reason: None,
                    provider_error: None,
                    retry_in: None,
                    keeps_intent,
                    record: Record::default(),
                };
                let done = backend.fail_exchange(what).await.unwrap();
                assert_eq!(done, fits, "fail");
                if done {
                    (model.live, model.unended) = (None, None);
                    model.has_intent &= keeps_intent;
                }
            }
            Deed::Reconnect => {
                let row = backend.get(OWNER, id).await.unwrap().unwrap();
                let change = SecretsChange {
                    secrets: vec![1],
                    secrets_version: row.secrets_version,
                    generation: own.generation,
                    method: "oauth".to_owned(),
                    environment: None,
                    tokens: Some(tokens()),
                    status: CredentialStatus::Valid,
                    reason: None,
                    record: Record::default(),
                };
                let done = backend.set_secrets(OWNER, id, change).await.unwrap();
                assert_eq!(done, own.generation == model.generation, "reconnect");
                if done {
                    model.generation += 1;
                    model.fence += 1;
                    (model.live, model.unended, model.has_intent) = (None, None, false);
                    finished.push(model.generation);
                }
            }
        }
        let row = backend.find(id).await.unwrap().unwrap();
        assert_eq!((row.fence, row.generation), (model.fence, model.generation), "after {deed:?}");
        assert_eq!(row.intent.is_some(), model.has_intent, "the intent after {deed:?}");
    }
    assert!(finished.windows(2).all(|pair| pair[1] == pair[0] + 1), "each generation is finished once");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    // THREAT-S8
    #[test]
    fn whatever_three_workers_do_there_is_one_lease_and_each_generation_ends_once(deeds in deeds()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(deeds));
    }
}
