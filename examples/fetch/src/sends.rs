use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use tower_auth::core::{Secret, TokenCache};

/// How often one request was sent, and with what.
#[derive(Debug)]
pub(crate) struct SendLog {
    cache: Option<TokenCache>,
    sends: AtomicU32,
    generation: AtomicU64,
    credentials: Mutex<Vec<Secret>>,
}

impl SendLog {
    pub(crate) fn new(cache: Option<&TokenCache>) -> Self {
        Self {
            cache: cache.cloned(),
            sends: AtomicU32::new(0),
            generation: AtomicU64::new(0),
            credentials: Mutex::default(),
        }
    }

    /// Notes one send. The layer above has put the current token on the request just before.
    pub(crate) fn note(&self, headers: &HeaderMap) {
        self.sends.fetch_add(1, Ordering::Relaxed);
        let sensitive = headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
        // Without the scheme in front of it.
        let bare = sensitive.map(|text| Secret::new(text.rsplit(' ').next().unwrap_or(text)));
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).extend(bare);
        if let Some(generation) = self.cache.as_ref().and_then(|cache| cache.status().generation) {
            self.generation.store(generation.as_u64(), Ordering::Relaxed);
        }
    }

    pub(crate) fn sends(&self) -> u32 {
        self.sends.load(Ordering::Relaxed)
    }

    /// Generations count from one.
    pub(crate) fn generation(&self) -> Option<u64> {
        Some(self.generation.load(Ordering::Relaxed)).filter(|generation| *generation > 0)
    }

    /// What was sent in sensitive headers: what an answer must not show again.
    pub(crate) fn credentials(&self) -> Vec<Secret> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
