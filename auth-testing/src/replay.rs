use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Ids that are over are forgotten when there are so many.
const MAX_KEPT: usize = 10_000;

/// The longest id that is taken.
const MAX_LEN: usize = 512;

/// Ids that were seen, until they cannot come again.
#[derive(Debug, Default)]
pub(crate) struct Replay(Mutex<HashMap<String, SystemTime>>);

impl Replay {
    /// Whether `id` comes for the first time. It is remembered until `until`.
    pub(crate) fn is_first(&self, id: String, until: SystemTime, now: SystemTime) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_KEPT {
            seen.retain(|_, until| now < *until);
        }
        id.len() <= MAX_LEN && seen.insert(id, until).is_none_or(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_id_comes_once_until_it_is_over() {
        let (replay, now) = (Replay::default(), SystemTime::UNIX_EPOCH);
        let until = now + Duration::from_secs(10);
        let first = |id: &str, now| replay.is_first(id.to_owned(), until, now);
        assert!(first("a", now) && first("b", now));
        assert!(!first("a", now));
        assert!(first("a", until));
        assert!(!replay.is_first("x".repeat(MAX_LEN + 1), until, now));
    }
}
