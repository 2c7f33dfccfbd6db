use std::fmt;
use std::sync::Arc;

use arc_swap::Guard;
use http::{HeaderMap, Request};

use super::snapshot::{Generation, Snapshot};
use super::state::State;
use super::{Current, TokenCache};
use crate::{Credential, ShardedArc};

/// A reader of a [`TokenCache`] that keeps a copy of the credential of its own: what a middleware holds.
///
/// The hit costs one clock read, one load of a version word and one clone of the header value: no lock, no waiting, no
/// allocation.
///
/// ```
/// use http::Request;
/// use tower_auth_core::{StaticToken, Token, TokenCache};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let cache = TokenCache::new(StaticToken::new(Token::new("abc")?));
/// cache.ready().await?;
///
/// let mut reader = cache.reader();
/// let mut request = Request::new(());
/// assert!(reader.attach(&mut request).is_some());
/// assert_eq!(request.headers()["authorization"], "Bearer abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Clone
/// A clone starts without a copy and reads the shared ones; it makes its own when it is used a second time. So a clone
/// per request costs little, and a clone that lives on is fastest.
pub struct TokenReader {
    handle: ShardedArc<State>,
    /// Whether it was used before: the second use pays for a copy.
    is_used: bool,
    own: Option<Box<Own>>,
}

struct Own {
    version: u64,
    generation: Generation,
    fresh_until: u64,
    credential: Credential,
}

impl TokenReader {
    pub(super) fn new(handle: ShardedArc<State>) -> Self {
        Self { handle, is_used: false, own: None }
    }

    /// Calls `read` with the current credential, if there is a usable one. Starts a refresh in the background if
    /// one is due.
    #[allow(
        clippy::inline_always,
        reason = "else whether it is a call, which costs a tenth, depends on unrelated code"
    )]
    #[inline(always)]
    pub fn with_current<R>(&mut self, read: impl FnOnce(&Credential, Generation) -> R) -> Option<R> {
        let mut shared = None;
        let (credential, generation) = self.find(&mut shared)?;
        Some(read(credential, generation))
    }

    /// Puts the current credential on `request`, in place of what stood there. `None`, with nothing changed, if there is
    /// no usable one, or if it must see more of the request (see [`Credential::apply`]).
    #[allow(clippy::inline_always, reason = "as `with_current`")]
    #[inline(always)]
    pub fn attach<B>(&mut self, request: &mut Request<B>) -> Option<Generation> {
        let mut shared = None;
        let (credential, generation) = self.find(&mut shared)?;
        credential.apply(request).ok()?;
        Some(generation)
    }

    /// The current credential: the reader's own copy, or what `shared` holds for one use.
    #[allow(clippy::inline_always, reason = "as `with_current`")]
    #[inline(always)]
    fn find<'r>(
        &'r mut self,
        shared: &'r mut Option<Guard<Option<Arc<Snapshot>>>>,
    ) -> Option<(&'r Credential, Generation)> {
        let now = self.handle.clock.now();
        let is_good = |own: &Own| own.version == self.handle.version() && now.as_nanos() < own.fresh_until;
        // Looked at twice, since what is returned from here would else be borrowed below, where the copy is replaced.
        if self.own.as_deref().is_some_and(is_good) {
            return self.own.as_deref().map(|own| (&own.credential, own.generation));
        }
        let snapshot = shared.insert(self.handle.snapshot.load()).as_deref()?;
        let (credential, fresh_until) = self.handle.as_arc().share_of(snapshot, now)?;
        if self.is_used {
            refill(&mut self.own, snapshot, credential, fresh_until);
        }
        self.is_used = true;
        Some((credential, snapshot.generation))
    }

    /// The current credential, for those who keep it for a while.
    #[must_use]
    pub fn current(&self) -> Option<Current> {
        self.cache().try_current()
    }

    /// Whether `headers` has one of the headers that this cache's credential sets, by its [placement](crate::TokenCacheBuilder::placement): for when there is no
    /// token yet. False where something else makes the credential, which [can tell](Credential::is_present_in) once it is there.
    #[must_use]
    pub fn is_present_in(&self, headers: &HeaderMap) -> bool {
        self.handle.presentation.is_present_in(headers)
    }

    /// The cache that is read.
    #[must_use]
    pub fn cache(&self) -> TokenCache {
        TokenCache::from_handle(self.handle.clone())
    }
}

/// Takes a copy of what is shared, or notes for how much longer the copy is good.
#[cold]
#[inline(never)]
fn refill(slot: &mut Option<Box<Own>>, snapshot: &Snapshot, shared: &Credential, fresh_until: u64) {
    match slot {
        Some(own) if own.version == snapshot.version => own.fresh_until = fresh_until,
        slot => {
            *slot = Some(Box::new(Own {
                version: snapshot.version,
                generation: snapshot.generation,
                fresh_until,
                credential: shared.detached(),
            }));
        }
    }
}

impl Clone for TokenReader {
    #[inline]
    fn clone(&self) -> Self {
        Self::new(self.handle.clone())
    }
}

impl fmt::Debug for TokenReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenReader").field(&self.handle).finish()
    }
}
