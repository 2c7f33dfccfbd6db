use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use papaya::HashMap;

use super::UserAccount;
use super::pair_key::PairTag;
use crate::{Clock, MonotonicTime};

/// Who has logged in lately, so that the same pair need not be hashed again. Looking takes no lock.
///
/// There is one entry for each user, and only successes make one: whoever tries passwords changes nothing here. An entry
/// ends with its time, and with the hash that it was made for.
pub(super) struct LoginMemo {
    entries: HashMap<Box<str>, Entry>,
    ttl: Duration,
    max: usize,
    /// How often everything was forgotten.
    epoch: AtomicU64,
}

struct Entry {
    tag: PairTag,
    account: Arc<UserAccount>,
    until: Until,
}

/// An end on both clocks: the monotonic one stands still while the machine sleeps, the other one may be set. And it ends when
/// everything is forgotten.
#[derive(Clone, Copy)]
pub(super) struct Until {
    epoch: u64,
    start: SystemTime,
    wall: SystemTime,
    monotonic: MonotonicTime,
}

impl LoginMemo {
    /// A memo of at most `max` users, each for `ttl`.
    pub(super) fn new(ttl: Duration, max: usize) -> Self {
        Self { entries: HashMap::new(), ttl, max: max.max(1), epoch: AtomicU64::new(0) }
    }

    /// When what is found out now must be forgotten.
    pub(super) fn until(&self, clock: &Clock) -> Until {
        let (start, epoch) = (clock.wall(), self.epoch.load(Ordering::Acquire));
        Until { epoch, start, wall: start.checked_add(self.ttl).unwrap_or(start), monotonic: clock.now() + self.ttl }
    }

    /// Ends what is remembered, and what is being found out.
    pub(super) fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.entries.pin().clear();
    }

    fn is_ahead(&self, until: Until, clock: &Clock) -> bool {
        until.epoch == self.epoch.load(Ordering::Acquire) && until.is_ahead(clock)
    }

    /// The account by which `user` got in with the same password.
    pub(super) fn find(&self, user: &str, tag: &PairTag, clock: &Clock) -> Option<Arc<UserAccount>> {
        let entries = self.entries.pin();
        let entry = entries.get(user)?;
        let same = bool::from(entry.tag.matches(tag));
        (same && self.is_ahead(entry.until, clock)).then(|| Arc::clone(&entry.account))
    }

    /// Remembers a success. Where all places are taken, those whose time is over make room, or else the oldest.
    pub(super) fn remember(&self, user: &str, tag: PairTag, account: Arc<UserAccount>, until: Until, clock: &Clock) {
        let entries = self.entries.pin();
        if entries.len() >= self.max && !entries.contains_key(user) {
            let mut oldest: Option<(&Box<str>, MonotonicTime)> = None;
            let mut freed = false;
            for (name, entry) in &entries {
                if !self.is_ahead(entry.until, clock) {
                    freed |= entries.remove(name).is_some();
                } else if oldest.is_none_or(|(_, until)| entry.until.monotonic < until) {
                    oldest = Some((name, entry.until.monotonic));
                }
            }
            if let (false, Some((name, _))) = (freed, oldest) {
                entries.remove(name);
            }
        }
        entries.insert(user.into(), Entry { tag, account, until });
    }

    /// Forgets `user` unless `account` is as it was remembered: it is gone, closed or has another hash.
    pub(super) fn compare(&self, user: &str, account: Option<&UserAccount>) {
        let entries = self.entries.pin();
        let Some(entry) = entries.get(user) else { return };
        if !account.is_some_and(|account| account.is_open() && account.hash().is_same(entry.account.hash())) {
            entries.remove(user);
        }
    }
}

impl Until {
    fn is_ahead(self, clock: &Clock) -> bool {
        let wall = clock.wall();
        clock.now() < self.monotonic && wall < self.wall && wall >= self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::basic::PasswordHash;
    use crate::verify::basic::pair_key::PairKey;
    use crate::{Basic, Secret};

    fn account(password: &str) -> Arc<UserAccount> {
        let cost = crate::PasswordCost::argon2id(8, 1, 1).unwrap();
        Arc::new(UserAccount::new(PasswordHash::hash_with(&Secret::from(password), cost).unwrap()))
    }

    // THREAT-K2
    #[test]
    fn the_memo_is_bounded_and_the_oldest_makes_room() {
        let (clock, key) = (Clock::system(), PairKey::new().unwrap());
        let tag = |user: &str| key.tag(&(&Basic::new(user, "p").unwrap()).into());
        let memo = LoginMemo::new(Duration::from_secs(60), 2);
        let account = account("p");
        let mut until = memo.until(&clock);
        for user in ["a", "b", "c"] {
            until.monotonic = until.monotonic + Duration::from_millis(1);
            memo.remember(user, tag(user), Arc::clone(&account), until, &clock);
        }
        let found = |user: &str| memo.find(user, &tag(user), &clock).is_some();
        assert_eq!(["a", "b", "c"].map(found), [false, true, true]);
        assert!(memo.find("b", &tag("c"), &clock).is_none(), "another pair");
        until.monotonic = MonotonicTime::START;
        memo.remember("b", tag("b"), Arc::clone(&account), until, &clock);
        assert!(!found("b"), "its time is over");
        memo.remember("d", tag("d"), account, memo.until(&clock), &clock);
        assert_eq!((["c", "d"].map(found), memo.entries.len()), ([true, true], 2));
    }

    // THREAT-K3
    #[test]
    fn an_entry_ends_with_the_hash_it_was_made_for() {
        let (clock, key) = (Clock::system(), PairKey::new().unwrap());
        let tag = key.tag(&(&Basic::new("a", "p").unwrap()).into());
        let memo = LoginMemo::new(Duration::from_secs(60), 2);
        let remembered = account("p");
        let remember = || memo.remember("a", tag, Arc::clone(&remembered), memo.until(&clock), &clock);
        let still_there = |now: Option<&UserAccount>| {
            remember();
            memo.compare("a", now);
            memo.find("a", &tag, &clock).is_some()
        };
        assert!(still_there(Some(&remembered)));
        assert!(!still_there(Some(&account("p"))));
        assert!(!still_there(Some(&UserAccount::clone(&remembered).locked(true))));
        assert!(!still_there(Some(&UserAccount::clone(&remembered).disabled(true))));
        assert!(!still_there(None));
    }
}
