use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;

use super::fetch::{Fetcher, Place};
use super::flight::{Begin, Flow};
use super::limits::Limits;
use super::snapshot::{Age, Generation, Snapshot};
use super::source::{Miss, judge};
use super::wait::{Landed, unavailable};
use crate::http::{HttpClient, PlaintextRules};
use crate::jose::Jws;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::verify::{KeysState, KeysStatus};
use crate::{Clock, MonotonicTime};

/// The fetched keys of one issuer. Readers take no lock while the keys are fresh.
pub(in crate::verify) struct Store {
    pub(super) issuer: Box<str>,
    /// Whether somebody named the issuer beforehand.
    pub(super) named: bool,
    pub(super) snapshot: ArcSwapOption<Snapshot>,
    /// Before this time nobody tries to start a fetch in the background.
    pub(super) gate: AtomicU64,
    flow: Mutex<Flow>,
    pub(super) fetcher: Fetcher,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
}

impl Store {
    pub(in crate::verify) fn new(
        issuer: &str,
        named: bool,
        place: Place,
        rules: PlaintextRules,
        http: HttpClient,
        clock: Clock,
        limits: Limits,
    ) -> Arc<Self> {
        Arc::new(Self {
            issuer: issuer.into(),
            named,
            snapshot: ArcSwapOption::empty(),
            gate: AtomicU64::new(0),
            flow: Mutex::default(),
            fetcher: Fetcher::new(issuer, place, rules, http, clock.clone()),
            clock,
            limits,
        })
    }

    /// Checks a signature with the keys that are there, or says what to wait for. `after` is what came of waiting.
    pub(in crate::verify) fn verify(
        self: &Arc<Self>,
        jws: &Jws<'_>,
        wall: SystemTime,
        after: Option<&Landed>,
    ) -> Result<Generation, Miss> {
        let now = self.clock.now();
        let guard = self.snapshot.load();
        if let Some(snapshot) = guard.as_deref() {
            let age = snapshot.age(now, wall, &self.limits);
            if age == Age::Old && after.is_none_or(|landed| landed.is_earlier) && !self.flow().has_failed() {
                // Nobody has asked for a while, or since all was forgotten: first see what the issuer has now.
                if let Begin::Join(wait) = self.begin() {
                    return Err(Miss::Wait(wait));
                }
            }
            if matches!(age, Age::Due | Age::Old) && self.may_begin(now) {
                let _ = self.begin();
            }
            if age != Age::Dead {
                return match judge(&snapshot.keys, jws) {
                    Ok(()) => Ok(snapshot.generation),
                    Err(fault) if fault.kind == RejectionKind::UnknownKey => match self.unknown(fault, after) {
                        // A fetch may have landed since the look at its keys, and have left the cooldown behind.
                        Miss::Fault(_) if self.is_newer_than(snapshot.generation) => self.verify(jws, wall, after),
                        miss => Err(miss),
                    },
                    Err(fault) => Err(fault.into()),
                };
            }
        }
        match after {
            Some(Landed { error: Some(error), .. }) => Err(unavailable(error).into()),
            Some(Landed { error: None, .. }) | None => match self.begin() {
                Begin::Join(wait) => Err(Miss::Wait(wait)),
                Begin::Fail(error) => Err(unavailable(&error).into()),
            },
        }
    }

    fn is_newer_than(&self, generation: Generation) -> bool {
        self.snapshot.load().as_deref().is_some_and(|snapshot| snapshot.generation != generation)
    }

    /// Whether the keys of this generation are those in use, and nothing is to be done about their age: that is for
    /// [`verify`](Self::verify).
    pub(super) fn serves(&self, generation: Generation, now: MonotonicTime, wall: SystemTime) -> bool {
        let guard = self.snapshot.load();
        let Some(snapshot) =
            guard.as_deref().filter(|snapshot| snapshot.generation == generation && !snapshot.is_distrusted())
        else {
            return false;
        };
        match snapshot.age(now, wall, &self.limits) {
            Age::Fresh => true,
            Age::Due => !self.may_begin(now),
            Age::Old => !self.may_begin(now) && self.flow().has_failed(),
            Age::Dead => false,
        }
    }

    /// Whether a fetch in the background could start: none is under way, and the server is not left alone.
    fn may_begin(&self, now: MonotonicTime) -> bool {
        now.as_nanos() >= self.gate.load(Ordering::Relaxed)
    }

    /// Has the keys fetched again before they are used, if that can be done.
    pub(super) fn distrust(&self) {
        let mut flow = self.flow();
        flow.distrust();
        if let Some(snapshot) = self.snapshot.load().as_deref() {
            snapshot.distrust();
        }
    }

    pub(super) fn status(&self) -> KeysStatus {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let snapshot = self.snapshot.load_full();
        let state = match snapshot.as_deref().map(|one| one.age(now, wall, &self.limits)) {
            None => KeysState::Absent,
            Some(Age::Fresh | Age::Due) => KeysState::Fresh,
            Some(Age::Old) => KeysState::Stale,
            Some(Age::Dead) => KeysState::Dead,
        };
        let mut status = KeysStatus {
            issuer: self.issuer.to_string(),
            state,
            usable: snapshot.as_deref().map_or(0, |one| one.keys.keys().len()),
            age: snapshot.as_deref().map(|one| one.time_since_fetch(now, wall)),
            fetching: false,
            last_failure: None,
            consecutive_failures: 0,
            next_attempt_in: None,
        };
        self.flow().report(now, &mut status);
        status
    }

    /// Whether keys are there that need no waiting.
    pub(in crate::verify) fn ready(self: &Arc<Self>) -> Result<(), Miss> {
        let age = self.snapshot.load().as_deref().map(|one| one.age(self.clock.now(), self.clock.wall(), &self.limits));
        if matches!(age, Some(Age::Fresh | Age::Due)) {
            return Ok(());
        }
        match self.begin() {
            Begin::Join(wait) => Err(Miss::Wait(wait)),
            // The last known good keys serve.
            Begin::Fail(_) if age == Some(Age::Old) => Ok(()),
            Begin::Fail(error) => Err(unavailable(&error).into()),
        }
    }

    /// What to do about a key that is not in the set: ask the issuer once more if the cooldown permits, else refuse.
    /// While the issuer cannot be asked nothing can be said of the token.
    #[cold]
    fn unknown(self: &Arc<Self>, refused: Fault, after: Option<&Landed>) -> Miss {
        match after {
            // An answer that was under way when the token came may be from before its key was published.
            None | Some(Landed { error: None, is_earlier: true, .. }) => match self.begin_forced() {
                Some(Begin::Join(wait)) => Miss::Wait(wait),
                Some(Begin::Fail(error)) => unavailable(&error).into(),
                None => refused.into(),
            },
            Some(Landed { error: Some(error), .. }) => unavailable(error).into(),
            Some(Landed { error: None, started, .. }) => {
                // The fetch was for this token too, so it counts as one for an unknown key.
                self.flow().claim_cooldown(*started + self.limits.cooldown);
                refused.into()
            }
        }
    }

    pub(super) fn flow(&self) -> MutexGuard<'_, Flow> {
        // Nothing under the lock panics half-way; a poisoned lock still holds a whole value.
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::TimeSource;
    use crate::http::Endpoint;
    use crate::jose::{Algorithm, JwkSet, MAX_TOKEN_LEN, SigningKey, TokenHeader};

    const ISSUER: &str = "https://login.example.com";

    /// With fresh keys of one signer, and a server that is never to be asked.
    fn fresh(signer: &SigningKey) -> Arc<Store> {
        with_clock(signer, Clock::system())
    }

    fn with_clock(signer: &SigningKey, clock: Clock) -> Arc<Store> {
        let rules = PlaintextRules::default();
        let place = Place::At(Endpoint::parse("key set", ISSUER, &rules).unwrap());
        let nobody = |_| std::future::ready(Err::<http::Response<bytes::Bytes>, _>(std::io::Error::other("nobody")));
        let http = HttpClient::new(tower::service_fn(nobody));
        let store = Store::new(ISSUER, true, place, rules, http, clock, Limits::default());
        put(&store, signer, "k1", 1);
        store
    }

    fn put(store: &Store, signer: &SigningKey, kid: &str, generation: u64) {
        let keys: JwkSet = [signer.verifying_key(Some(kid)).unwrap()].into_iter().collect();
        let snapshot = Snapshot::new(keys, Generation(generation), &Clock::system(), &store.limits, 0.0);
        store.snapshot.store(Some(Arc::new(snapshot)));
    }

    fn token(signer: &SigningKey, kid: &str) -> String {
        let claims = std::collections::BTreeMap::from([("sub", "alice")]);
        signer.sign(&TokenHeader::new().kid(kid), &claims).unwrap()
    }

    /// The system's clock, which does something when it is asked for the second time, as another thread might.
    struct Meanwhile(AtomicU64, std::sync::OnceLock<Box<dyn Fn() + Send + Sync>>);

    impl TimeSource for Arc<Meanwhile> {
        fn monotonic(&self) -> Duration {
            if self.0.fetch_add(1, Ordering::SeqCst) == 1 {
                self.1.get().unwrap()();
            }
            Duration::from_nanos(Clock::system().now().as_nanos())
        }

        fn wall(&self) -> SystemTime {
            Clock::system().wall()
        }

        fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(tokio::time::sleep(duration))
        }
    }

    // THREAT-A2, THREAT-A3
    #[tokio::test]
    async fn keys_that_land_between_the_look_and_the_question_for_a_fetch_count() {
        let [old, new] = [(); 2].map(|()| SigningKey::generate(Algorithm::Es256).unwrap());
        let clock = Arc::new(Meanwhile(AtomicU64::new(0), std::sync::OnceLock::new()));
        let store = with_clock(&old, Clock::injected(Arc::clone(&clock)));
        let token = token(&new, "k2");
        let landing = Arc::downgrade(&store);
        let land = move || {
            let store = landing.upgrade().unwrap();
            put(&store, &new, "k2", 2);
            store.flow().claim_cooldown(Clock::system().now() + store.limits.cooldown);
        };
        assert!(clock.1.set(Box::new(land)).is_ok());
        let mut buffer = Vec::new();
        let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
        assert_eq!(store.verify(&jws, store.clock.wall(), None).ok(), Some(Generation(2)));
    }

    // THREAT-A3
    #[test]
    fn fresh_keys_verify_and_uphold_verdicts_while_somebody_else_holds_the_only_lock() {
        let signer = SigningKey::generate(Algorithm::Es256).unwrap();
        let store = fresh(&signer);
        let token = token(&signer, "k1");
        let held = store.flow();
        let (done, finished) = mpsc::channel();
        let verifying = {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                let mut buffer = Vec::new();
                let jws = Jws::parse(&token, MAX_TOKEN_LEN, &mut buffer).unwrap();
                let wall = store.clock.wall();
                let generation = store.verify(&jws, wall, None).ok();
                done.send((generation, store.serves(Generation(1), store.clock.now(), wall))).unwrap();
            })
        };
        // Long, so that a busy machine fails nobody; whoever wants the lock waits for ever.
        let outcome = finished.recv_timeout(Duration::from_secs(60));
        drop(held);
        assert_eq!(outcome, Ok((Some(Generation(1)), true)));
        verifying.join().unwrap();
    }
}
