use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use papaya::HashMap;

use super::{TokenCache, TokenCacheBuilder};
use crate::error::ConfigError;
use crate::{Clock, MonotonicTime};

/// One [`TokenCache`] for each key: a tenant, a user, a set of scopes, a resource. Bounded; idle ones are dropped; a hit takes no lock.
///
/// The function that makes a cache sees the key and nothing else of a request, so that whatever tells two tokens apart must be in the
/// key. Making one asks nobody: the first request that uses it does.
///
/// ```
/// use std::sync::Arc;
/// use tower_auth_core::{SourceRequest, Token, TokenCache, TokenCaches, TokenError, TokenErrorKind, TokenResponse};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let tenants = TokenCaches::new(|tenant: &String| {
///     let value = format!("token-of-{tenant}");
///     TokenCache::builder(move |_: SourceRequest| {
///         let token = Token::new(value.clone());
///         async { token.map(TokenResponse::new).map_err(|error| TokenError::new(TokenErrorKind::Unparsable, error.to_string())) }
///     })
/// });
/// let cache = tenants.get("acme")?;
/// assert_eq!(cache.token().await?.secret().expose_secret(), "token-of-acme");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Eviction
/// A cache that nobody asked for over the idle time is dropped when another is made, and where the bound is reached the one that was asked for
/// least recently makes room. Caches that somebody still holds go last. Dropping one loses its token, and a refresh token that was not
/// [persisted](TokenCacheBuilder::persist) with it.
pub struct TokenCaches<K>(Arc<Inner<K>>);

struct Inner<K> {
    caches: HashMap<K, Entry>,
    make: Box<Make<K>>,
    clock: Clock,
    max: usize,
    idle: Duration,
    next_sweep: AtomicU64,
}

type Make<K> = dyn Fn(&K) -> TokenCacheBuilder + Send + Sync;

struct Entry {
    cache: TokenCache,
    last_used: AtomicU64,
}

/// A use is noted at most this often, so that threads which share a key do not write to one word at each hit.
const USE_RESOLUTION: Duration = Duration::from_secs(1);

/// How many copies of its credential a keyed cache keeps: there are many caches, and each is used by few threads at once.
const SHARDS: usize = 2;

impl<K: Eq + Hash + Clone + Send + Sync + 'static> TokenCaches<K> {
    /// Caches made by `make`, at most 10,000 of them, each kept for an hour after its last use.
    pub fn new(make: impl Fn(&K) -> TokenCacheBuilder + Send + Sync + 'static) -> Self {
        Self::with_limits(make, 10_000, Duration::from_secs(60 * 60), Clock::system())
    }

    /// Caches made by `make`, at most `max` of them (at least one), each kept for `idle` after its last use by `clock`.
    pub fn with_limits(
        make: impl Fn(&K) -> TokenCacheBuilder + Send + Sync + 'static,
        max: usize,
        idle: Duration,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            caches: HashMap::new(),
            make: Box::new(make),
            clock,
            max: max.max(1),
            idle,
            next_sweep: AtomicU64::new(0),
        }))
    }

    /// The cache of `key`; made if there is none.
    ///
    /// # Errors
    /// When the builder that was made for `key` does not build.
    pub fn get<Q>(&self, key: &Q) -> Result<TokenCache, ConfigError>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let inner = &*self.0;
        let now = inner.clock.now();
        let caches = inner.caches.pin();
        if let Some(entry) = caches.get(key) {
            entry.touch(now);
            return Ok(entry.cache.clone());
        }
        let key = key.to_owned();
        let cache = (inner.make)(&key).shards(SHARDS).build()?;
        inner.make_room(now);
        // Another thread may have been faster; then its cache is the one.
        let entry = caches.get_or_insert(key, Entry { cache, last_used: AtomicU64::new(now.as_nanos()) });
        Ok(entry.cache.clone())
    }

    /// The cache of `key`, if there is one. Does not count as a use.
    #[must_use]
    pub fn peek<Q>(&self, key: &Q) -> Option<TokenCache>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.caches.pin().get(key).map(|entry| entry.cache.clone())
    }

    /// Drops the cache of `key`; false if there is none. Who holds it still can go on using it.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.caches.pin().remove(key).is_some()
    }

    /// How many caches there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.caches.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Eq + Hash + Clone + Send + Sync + 'static> Inner<K> {
    /// Drops idle caches from time to time, and at the bound the least recently used.
    fn make_room(&self, now: MonotonicTime) {
        let full = self.caches.len() >= self.max;
        if now.as_nanos() < self.next_sweep.load(Ordering::Relaxed) && !full {
            return;
        }
        self.next_sweep.store((now + self.idle / 4).as_nanos(), Ordering::Relaxed);
        let caches = self.caches.pin();
        let mut kept = Vec::new();
        for (key, entry) in &caches {
            let used = MonotonicTime::from_nanos(entry.last_used.load(Ordering::Relaxed));
            let held = entry.cache.is_held_elsewhere();
            if now.saturating_since(used) >= self.idle && !held {
                caches.remove(key);
            } else if full {
                kept.push((held, used, key.clone()));
            }
        }
        // A tenth at once, so that a full map is not searched at each new key.
        let excess = (kept.len() + 1).saturating_sub(self.max);
        if excess > 0 {
            let drop = excess.max(self.max / 10);
            kept.sort_unstable_by_key(|(held, used, _)| (*held, *used));
            for (_, _, key) in kept.iter().take(drop) {
                caches.remove(key);
            }
        }
    }
}

impl Entry {
    fn touch(&self, now: MonotonicTime) {
        let last = MonotonicTime::from_nanos(self.last_used.load(Ordering::Relaxed));
        if now.saturating_since(last) >= USE_RESOLUTION {
            self.last_used.store(now.as_nanos(), Ordering::Relaxed);
        }
    }
}

impl<K> Clone for TokenCaches<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> fmt::Debug for TokenCaches<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The keys may identify users.
        f.debug_struct("TokenCaches").field("max", &self.0.max).field("idle", &self.0.idle).finish_non_exhaustive()
    }
}
