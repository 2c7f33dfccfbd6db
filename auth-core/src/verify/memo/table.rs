use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use super::entry::Entry;
use super::{MemoOptions, Memorable};
use crate::jose::MAX_TOKEN_LEN;
use crate::verify::Verified;

/// Places that one hash may use. Their hashes share a cache line.
const WAYS: usize = 8;

/// The remembered verdicts of one verifier.
pub(in crate::verify) struct Memo {
    options: MemoOptions,
    hasher: SeedableRandomState,
    /// How often everything was forgotten.
    epoch: AtomicU64,
    /// How often one token was.
    removals: AtomicU64,
    /// Made for the first verdict: many verifiers never see a JWT.
    sets: OnceLock<Box<[Set]>>,
}

/// What a verification began with.
#[derive(Clone, Copy, Debug)]
pub(in crate::verify) struct Since {
    epoch: Epoch,
    removals: u64,
}

/// A time between two calls of [`Memo::clear`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(u64);

#[repr(align(64))]
struct Tags([AtomicU64; WAYS]);

/// Two cache lines that processors fetch as a pair.
#[repr(align(128))]
struct Set {
    tags: Tags,
    entries: [ArcSwapOption<Entry>; WAYS],
}

impl Memo {
    pub(in crate::verify) fn new(options: MemoOptions) -> Self {
        Self { options, hasher: hasher(), epoch: AtomicU64::new(0), removals: AtomicU64::new(0), sets: OnceLock::new() }
    }

    /// To be asked before a token is verified: a verdict that was begun before it was to be forgotten is not remembered after
    /// it.
    pub(in crate::verify) fn since(&self) -> Since {
        Since { epoch: self.epoch(), removals: self.removals.load(Ordering::SeqCst) }
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }

    /// The verdict on this very token, if there is one and it stands.
    pub(in crate::verify) fn find(&self, token: &[u8]) -> Option<Verified> {
        let sets = self.sets.get()?;
        // Nothing so long was ever accepted, and it is not even hashed.
        if token.len() > MAX_TOKEN_LEN {
            return None;
        }
        let hash = self.hash(token);
        let set = &sets[place(hash, sets.len())];
        for (tag, slot) in set.tags.0.iter().zip(&set.entries) {
            if tag.load(Ordering::Relaxed) != hash {
                continue;
            }
            let entry = slot.load();
            let Some(entry) = entry.as_deref().filter(|entry| entry.is_of(hash, token)) else { continue };
            match entry.verdict(self.epoch()) {
                Some(verified) => return Some(verified.clone()),
                None => {
                    slot.store(None);
                    return None;
                }
            }
        }
        None
    }

    /// Remembers a verdict. Where all its places are taken by others that stand, one of them makes room.
    pub(in crate::verify) fn insert(&self, token: &[u8], by: Memorable, since: Since, verified: &Verified) {
        let hash = self.hash(token);
        let Some(entry) = Entry::new(hash, token, self.options.digests_only, by, since.epoch, verified) else { return };
        let sets = self.sets.get_or_init(|| sets(self.options.capacity));
        let set = &sets[place(hash, sets.len())];
        let way = set.way_for(hash, self.epoch());
        // Whoever sees one of the two without the other finds an entry that is not about its token, and no verdict.
        set.entries[way].store(Some(Arc::new(entry)));
        set.tags.0[way].store(hash, Ordering::Relaxed);
        // Either this sees that some token was to be forgotten, or whoever says so finds the entry.
        fence(Ordering::SeqCst);
        if self.removals.load(Ordering::SeqCst) != since.removals {
            self.take_out(token);
        }
    }

    /// Ends the verdict on this very token, also one that is about to be remembered.
    pub(in crate::verify) fn remove(&self, token: &[u8]) {
        self.removals.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.take_out(token);
    }

    fn take_out(&self, token: &[u8]) {
        let Some(sets) = self.sets.get() else { return };
        let hash = self.hash(token);
        for slot in &sets[place(hash, sets.len())].entries {
            if slot.load().as_deref().is_some_and(|entry| entry.is_of(hash, token)) {
                slot.store(None);
            }
        }
    }

    /// Ends every verdict, also those that are about to be remembered.
    pub(in crate::verify) fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        for set in self.sets.get().into_iter().flatten() {
            set.entries.iter().for_each(|slot| slot.store(None));
        }
    }

    fn hash(&self, token: &[u8]) -> u64 {
        self.hasher.hash_one(token)
    }
}

impl Set {
    /// That of the same token, else a free one, else one whose entry has ended, else any.
    fn way_for(&self, hash: u64, now: Epoch) -> usize {
        let entries = || self.entries.iter().map(ArcSwapOption::load);
        let is = |wanted: fn(&Entry, Epoch) -> bool| {
            move |entry: arc_swap::Guard<Option<Arc<Entry>>>| entry.as_deref().is_none_or(|entry| wanted(entry, now))
        };
        let same = entries().position(|entry| entry.as_deref().is_some_and(|entry| entry.hash() == hash));
        same.or_else(|| entries().position(is(|_, _| false)))
            .or_else(|| entries().position(is(|entry, now| !entry.stands(now))))
            .unwrap_or_else(|| fastrand::usize(..WAYS))
    }
}

fn sets(capacity: usize) -> Box<[Set]> {
    let count = capacity.div_ceil(WAYS).next_power_of_two();
    let set = || Set {
        tags: Tags(std::array::from_fn(|_| AtomicU64::new(0))),
        entries: std::array::from_fn(|_| ArcSwapOption::empty()),
    };
    std::iter::repeat_with(set).take(count).collect()
}

/// Which set: by the upper bits, of a power of two.
fn place(hash: u64, sets: usize) -> usize {
    let bits = sets.trailing_zeros();
    // No shift by all bits, which is what one set alone would ask for.
    usize::try_from(hash.checked_shr(u64::BITS - bits).unwrap_or(0)).unwrap_or(0)
}

/// With keys that nobody outside knows. Where there is no randomness the process's own addresses and times serve: the hash
/// finds, it does not decide.
fn hasher() -> SeedableRandomState {
    let mut seed = [0_u8; 16];
    if aws_lc_rs::rand::fill(&mut seed).is_err() {
        seed = (u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..))).to_ne_bytes();
    }
    let whole = u128::from_ne_bytes(seed);
    let (upper, lower) = ((whole >> 64) as u64, whole as u64);
    SeedableRandomState::with_seed(lower, shared(upper))
}

/// The larger part of the key is for the whole process, as this hasher wants it.
fn shared(seed: u64) -> &'static SharedSeed {
    static SHARED: OnceLock<SharedSeed> = OnceLock::new();
    SHARED.get_or_init(|| SharedSeed::from_u64(seed))
}
