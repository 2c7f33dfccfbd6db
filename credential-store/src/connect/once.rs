use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::Timestamp;

/// What was used already in this process, as digests, until it would be of no use anyway. Bounded: the fullest that it gets, the
/// oldest entries go first (THREAT-A9).
#[derive(Debug, Default)]
pub(super) struct Once(Mutex<HashMap<[u8; 32], i64>>);

const CAPACITY: usize = 10_000;

impl Once {
    /// Whether `text` was not used before. From now on it was.
    pub(super) fn claim(&self, text: &str, until: i64, now: Timestamp) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= CAPACITY {
            used.retain(|_, until| *until > now.0);
        }
        let is_full = used.len() >= CAPACITY;
        let first = is_full.then(|| used.iter().min_by_key(|(_, until)| **until).map(|(digest, _)| *digest)).flatten();
        if let Some(first) = first {
            used.remove(&first);
        }
        used.insert(digest(text), until).is_none()
    }
}

pub(super) fn digest(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    // THREAT-A9
    #[test]
    fn what_was_used_is_known_and_the_memory_is_bounded() {
        let once = Once::default();
        assert!(once.claim("a", 1_000_000, Timestamp(0)));
        assert!(!once.claim("a", 1_000_000, Timestamp(1)));
        for number in 0..=CAPACITY {
            once.claim(&format!("n{number}"), 100, Timestamp(2));
        }
        assert!(once.0.lock().unwrap().len() <= CAPACITY);
        assert!(!once.claim("a", 1_000_000, Timestamp(3)));
    }
}
