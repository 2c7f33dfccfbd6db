use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use papaya::HashMap;

use crate::{Clock, MonotonicTime};

/// The SHA-256 of a whole token: nothing else finds what was said of it (THREAT-K2).
pub(super) type Key = [u8; 32];

/// What was said of tokens, for a while. Whoever looks takes no lock. Where it is full the oldest makes room.
pub(super) struct Memory<V> {
    entries: HashMap<Key, Entry<V>>,
    order: Mutex<Order>,
    capacity: usize,
    ttl: Duration,
    clock: Clock,
}

struct Entry<V> {
    value: V,
    number: u64,
    until: MonotonicTime,
    /// The monotonic clock stands still while the machine is suspended.
    end: SystemTime,
}

/// In which order entries came.
#[derive(Default)]
struct Order {
    queue: VecDeque<(Key, u64)>,
    last: u64,
}

impl<V: Clone + Send + Sync> Memory<V> {
    /// At most `capacity` entries, each for `ttl` at the most.
    pub(super) fn new(capacity: usize, ttl: Duration, clock: Clock) -> Self {
        Self { entries: HashMap::new(), order: Mutex::default(), capacity: capacity.max(1), ttl, clock }
    }

    pub(super) fn get(&self, key: &Key) -> Option<V> {
        let entries = self.entries.pin();
        let entry = entries.get(key)?;
        self.stands(entry).then(|| entry.value.clone())
    }

    /// Keeps `value`, not beyond `end`.
    pub(super) fn insert(&self, key: Key, value: V, end: Option<SystemTime>) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let latest = wall.checked_add(self.ttl).unwrap_or(wall);
        let end = end.map_or(latest, |end| end.min(latest));
        if end <= wall {
            return;
        }
        let mut order = self.order();
        let entries = self.entries.pin();
        while let Some(&(oldest, number)) = order.queue.front() {
            let stands = entries.get(&oldest).is_some_and(|entry| entry.number == number && self.stands(entry));
            if stands && order.queue.len() < self.capacity {
                break;
            }
            order.queue.pop_front();
            if entries.get(&oldest).is_some_and(|entry| entry.number == number) {
                entries.remove(&oldest);
            }
        }
        order.last += 1;
        let number = order.last;
        order.queue.push_back((key, number));
        entries.insert(key, Entry { value, number, until: now + self.ttl, end });
    }

    pub(super) fn remove(&self, key: &Key) {
        let _order = self.order();
        self.entries.pin().remove(key);
    }

    pub(super) fn clear(&self) {
        let mut order = self.order();
        order.queue.clear();
        self.entries.pin().clear();
    }

    fn stands(&self, entry: &Entry<V>) -> bool {
        self.clock.now() < entry.until && self.clock.wall() < entry.end
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> (usize, usize) {
        (self.entries.len(), self.order().queue.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key
    }

    fn memory(capacity: usize) -> Memory<usize> {
        Memory::new(capacity, Duration::from_secs(3600), Clock::system())
    }

    // THREAT-K3
    #[test]
    fn entries_are_found_until_their_end() {
        let memory = memory(4);
        let wall = memory.clock.wall();
        memory.insert(key(1), 1, None);
        memory.insert(key(2), 2, Some(wall + Duration::from_secs(600)));
        memory.insert(key(3), 3, Some(wall));
        assert_eq!([1, 2, 3, 4].map(|number| memory.get(&key(number))), [Some(1), Some(2), None, None]);
        memory.remove(&key(1));
        assert_eq!(memory.get(&key(1)), None);
        memory.clear();
        assert_eq!(memory.get(&key(2)), None);
        assert_eq!(memory.len(), (0, 0));
    }

    // R7662-4a
    #[test]
    fn it_is_bounded_and_the_oldest_makes_room() {
        let memory = memory(100);
        for number in 0..10_000 {
            memory.insert(key(number), number, None);
        }
        assert_eq!(memory.len(), (100, 100));
        assert_eq!(memory.get(&key(9_899)), None);
        assert_eq!(memory.get(&key(9_900)), Some(9_900));
    }

    // R7662-4a
    #[test]
    fn one_token_over_and_over_has_one_entry() {
        let memory = memory(10);
        for number in 0..1_000 {
            memory.insert(key(number % 3), number, None);
        }
        let (entries, queued) = memory.len();
        assert_eq!(entries, 3);
        assert!(queued <= 10);
        assert_eq!(memory.get(&key(0)), Some(999));
    }

    #[test]
    fn times_beyond_the_calendar_do_no_harm() {
        let memory = Memory::new(1, Duration::MAX, Clock::system());
        memory.insert(key(1), 1, None);
        assert_eq!(memory.get(&key(1)), None, "an end that cannot be told is none to keep something for");
    }
}
