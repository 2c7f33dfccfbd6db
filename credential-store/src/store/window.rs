use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tower_auth_core::{Clock, MonotonicTime};

/// Work under way, each piece in a task of its own and of some lane. A place is free again as soon as its piece ends: nothing waits for the slowest of a batch.
///
/// Dropped, it ends what is under way.
pub(super) struct Window<K, T> {
    tasks: JoinSet<T>,
    under_way: HashMap<Id, Begun<K>>,
    ended: Vec<(K, Option<T>)>,
    /// When somebody last looked.
    looked: Option<MonotonicTime>,
}

struct Begun<K> {
    lane: K,
    at: MonotonicTime,
}

impl<K: Clone + Eq + Hash, T: Send + 'static> Window<K, T> {
    pub(super) fn new() -> Self {
        Self { tasks: JoinSet::new(), under_way: HashMap::new(), ended: Vec::new(), looked: None }
    }

    /// Begins `work` of `lane`.
    pub(super) fn begin(&mut self, lane: K, now: MonotonicTime, work: impl Future<Output = T> + Send + 'static) {
        let id = self.tasks.spawn(work).id();
        self.under_way.insert(id, Begun { lane, at: now });
    }

    /// What has ended since the last look; `None` for what came to no end of its own.
    pub(super) fn ended(&mut self, now: MonotonicTime) -> Vec<(K, Option<T>)> {
        self.looked = Some(now);
        while let Some(end) = self.tasks.try_join_next_with_id() {
            self.note(end);
        }
        std::mem::take(&mut self.ended)
    }

    /// How many of those that are under way `counts` is true of, by lane and age.
    pub(super) fn count(&self, now: MonotonicTime, counts: impl Fn(&K, Duration) -> bool) -> usize {
        self.under_way.values().filter(|begun| counts(&begun.lane, now.saturating_since(begun.at))).count()
    }

    /// How long the oldest of a lane has been under way.
    pub(super) fn oldest(&self, now: MonotonicTime, lane: impl Fn(&K) -> bool) -> Option<Duration> {
        let begun = self.under_way.values().filter(|begun| lane(&begun.lane)).map(|begun| begun.at).min();
        begun.map(|at| now.saturating_since(at))
    }

    /// Ends when something has ended, or been under way for `patience`, since the last [look](Self::ended): then there may be room. Never if nothing of the kind is to
    /// come.
    pub(super) async fn moved(&mut self, clock: &Clock, patience: Duration) {
        let grows = self.under_way.values().map(|begun| begun.at + patience);
        let next = grows.filter(|at| self.looked.is_none_or(|looked| *at > looked)).min();
        let grown = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(end) = self.tasks.join_next_with_id() => self.note(end),
            () = grown => {}
            else => std::future::pending().await,
        }
    }

    fn note(&mut self, end: Result<(Id, T), JoinError>) {
        let (id, end) = match end {
            Ok((id, end)) => (id, Some(end)),
            Err(error) => (error.id(), None),
        };
        if let Some(begun) = self.under_way.remove(&id) {
            self.ended.push((begun.lane, end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_when_its_piece_ends_or_has_taken_long() {
        let (clock, second) = (Clock::system(), Duration::from_secs(1));
        let mut window = Window::new();
        let begun = clock.now();
        window.begin("quick", begun, async { 1 });
        window.begin("dead", begun, std::future::pending());
        window.begin("broken", begun, async { panic!("a bug") });
        while window.count(begun, |_, _| true) > 1 {
            window.moved(&clock, second).await;
        }
        let mut ended = window.ended(clock.now());
        ended.sort_unstable();
        assert_eq!(ended, [("broken", None), ("quick", Some(1))]);
        assert!(window.ended(clock.now()).is_empty());
        let is_dead = |lane: &&str, age| *lane == "dead" && age >= second;
        assert_eq!((window.count(begun, is_dead), window.count(begun + second, is_dead)), (0, 1));
    }
}
