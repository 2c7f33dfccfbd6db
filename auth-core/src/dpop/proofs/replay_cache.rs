use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::UsedProof;

const SHARDS: usize = 64;

/// How often a shard forgets what has expired, in milliseconds.
const SWEEP: u64 = 10_000;

/// How often all shards are swept because there is no room, in milliseconds.
const PURGE: u64 = 1_000;

/// The proofs that were used, in the memory of this process. It holds up to its capacity, and never forgets one that
/// could still be accepted to make room for another.
///
/// Under locks of its shards, each held for one look-up; a sweep holds one for as long as it takes to look at its part.
pub(super) struct ReplayCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    capacity: usize,
    len: AtomicUsize,
    purged: AtomicU64,
}

/// Times are in milliseconds since 1970.
#[derive(Default)]
struct Shard {
    seen: HashMap<[u8; UsedProof::KEY_LEN], u64>,
    swept: u64,
    /// The latest end of any that was forgotten: up to here nothing can be said, should the clock be set back.
    forgotten: u64,
}

/// What is known of a proof.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// It was not used, and is noted as used now.
    First,
    /// It was used.
    Again,
    /// It was not used, and there is no room to note that it is.
    Full,
    /// The clock was set back, to a time of which the proofs were forgotten.
    Forgotten,
}

impl ReplayCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            capacity,
            len: AtomicUsize::new(0),
            purged: AtomicU64::new(0),
        }
    }

    /// Notes a proof that has passed every other check.
    pub(super) fn note(&self, proof: &UsedProof, now: SystemTime) -> Memory {
        let (now, expires) = (milliseconds(now), milliseconds(proof.expires_at()));
        match self.note_once(proof, expires, now) {
            Memory::Full if self.purge(now) => self.note_once(proof, expires, now),
            memory => memory,
        }
    }

    fn note_once(&self, proof: &UsedProof, expires: u64, now: u64) -> Memory {
        let mut shard = self.lock(self.shard_of(proof));
        if now.abs_diff(shard.swept) >= SWEEP {
            self.sweep(&mut shard, now);
        }
        if expires <= shard.forgotten {
            return Memory::Forgotten;
        }
        match shard.seen.entry(*proof.key()) {
            Entry::Occupied(_) => Memory::Again,
            Entry::Vacant(place) => {
                let grown = |len| (len < self.capacity).then_some(len + 1);
                if self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_err() {
                    return Memory::Full;
                }
                place.insert(expires);
                Memory::First
            }
        }
    }

    /// Sweeps all shards, at most once a second; whether it did.
    fn purge(&self, now: u64) -> bool {
        let last = self.purged.load(Ordering::Relaxed);
        if now.abs_diff(last) < PURGE
            || self.purged.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return false;
        }
        for shard in 0..SHARDS {
            self.sweep(&mut self.lock(shard), now);
        }
        true
    }

    fn sweep(&self, shard: &mut Shard, now: u64) {
        let Shard { seen, swept, forgotten } = shard;
        let before = seen.len();
        seen.retain(|_, expires| {
            let stays = *expires >= now;
            if !stays {
                *forgotten = (*forgotten).max(*expires);
            }
            stays
        });
        self.len.fetch_sub(before - seen.len(), Ordering::Relaxed);
        if seen.capacity() > 4 * seen.len() + 64 {
            seen.shrink_to(2 * seen.len());
        }
        *swept = now;
    }

    /// By a random function: nobody outside can fill one shard alone.
    fn shard_of(&self, proof: &UsedProof) -> usize {
        usize::try_from(self.hasher.hash_one(proof.key()) % SHARDS as u64).unwrap_or(0)
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // Nothing panics while it is held, and what it guards is whole between any two lines.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rounded down. What is rounded alike keeps its order.
fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for ReplayCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayCache")
            .field("len", &self.len.load(Ordering::Relaxed))
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    /// The proof number `n`, good until `end`.
    fn proof(n: usize, end: u64) -> UsedProof {
        UsedProof::new(THUMBPRINT, &n.to_string(), at(end))
    }

    // R9449-11.1a, THREAT-V10
    #[test]
    fn a_proof_is_new_once_until_it_expires() {
        let cache = ReplayCache::new(10);
        assert_eq!(cache.note(&proof(1, 70), at(0)), Memory::First);
        for now in [0, 9, 10, 35, 69, 70] {
            assert_eq!(cache.note(&proof(1, 70), at(now)), Memory::Again, "{now}");
        }
        assert_eq!(cache.note(&proof(2, 140), at(71)), Memory::First);
        assert_eq!(cache.note(&proof(1, 141), at(81)), Memory::First, "one of this name that is made later");
    }

    // THREAT-V10, THREAT-A9
    #[test]
    fn a_full_cache_notes_nothing_and_forgets_nothing_until_time_makes_room() {
        let cache = ReplayCache::new(100);
        for n in 0..100 {
            assert_eq!(cache.note(&proof(n, 70), at(0)), Memory::First, "{n}");
        }
        assert_eq!(cache.note(&proof(100, 70), at(0)), Memory::Full);
        assert_eq!(cache.note(&proof(100, 140), at(70)), Memory::Full);
        assert_eq!(cache.note(&proof(0, 70), at(70)), Memory::Again, "known as before");
        assert_eq!(cache.len.load(Ordering::Relaxed), 100);
        assert_eq!(cache.note(&proof(100, 141), at(71)), Memory::First, "all others have expired");
        assert_eq!(cache.len.load(Ordering::Relaxed), 1);
        let held: usize = (0..SHARDS).map(|shard| cache.lock(shard).seen.len()).sum();
        assert_eq!(held, 1);
    }

    // THREAT-V10, THREAT-A7
    #[test]
    fn a_clock_that_is_set_back_brings_no_proof_back() {
        let cache = ReplayCache::new(1);
        assert_eq!(cache.note(&proof(1, 70), at(0)), Memory::First);
        assert_eq!(cache.note(&proof(2, 370), at(300)), Memory::First, "the first is forgotten");
        assert_eq!(cache.note(&proof(1, 70), at(0)), Memory::Forgotten);
        assert_eq!(cache.note(&proof(2, 370), at(0)), Memory::Again);
        let roomy = ReplayCache::new(2);
        assert_eq!(roomy.note(&proof(2, 370), at(300)), Memory::First);
        assert_eq!(roomy.note(&proof(3, 330), at(260)), Memory::First, "a small step back is none");
    }

    // THREAT-V10
    #[test]
    fn of_a_thousand_uses_at_once_one_is_the_first() {
        let cache = ReplayCache::new(10);
        let (threads, uses) = (8, 125);
        let start = Barrier::new(threads);
        let first: usize = thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        (0..uses).filter(|_| cache.note(&proof(1, 70), at(0)) == Memory::First).count()
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(first, 1);
    }

    // THREAT-A9
    #[test]
    fn threads_that_fill_the_cache_together_never_pass_its_limit() {
        let cache = ReplayCache::new(1_000);
        let first: usize = thread::scope(|scope| {
            let running: Vec<_> = (0..4)
                .map(|thread| {
                    let cache = &cache;
                    scope.spawn(move || {
                        let own = thread * 1_000..(thread + 1) * 1_000;
                        own.filter(|n| cache.note(&proof(*n, 70), at(0)) == Memory::First).count()
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(first, 1_000);
        assert_eq!(cache.len.load(Ordering::Relaxed), 1_000);
    }
}
