use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::snapshot::{Generation, Liveness, Received, Snapshot};
use super::state::State;
use super::{CacheStatus, Invalidation, TokenCacheBuilder, TokenReader};
#[cfg(feature = "provider")]
use crate::Clock;
use crate::source::{RefreshCause, SourceRequest, TokenSource};
use crate::{Credential, ShardedArc, Token, TokenError, TokenResponse};

/// A token source plus its last token, readable without a lock.
///
/// - A usable token is handed out at once. Shortly before it ends the first reader that notices starts a refresh in the
///   background; the old token serves until the new one is there, or until it ends.
/// - There is one exchange at a time. Everybody who waits for it gets its result, failures too. It runs in
///   a task of its own, so a caller who goes away loses nothing.
/// - After a failure the source is left alone for a while that grows; callers without a usable token get the last error
///   at once.
///
/// Building one needs no runtime and spawns nothing. Clones share everything.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_core::{SourceRequest, StaticToken, Token, TokenCache};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let cache = TokenCache::builder(StaticToken::new(Token::new("abc")?))
///     .name("orders-api")
///     .default_lifetime(Duration::from_secs(3600))
///     .build()?;
/// assert_eq!(cache.token().await?.secret().expose_secret(), "abc");
/// assert!(cache.status().is_ready());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Runtimes
/// Exchanges run on the tokio runtime of the caller that starts them, unless the cache was built with
/// [`on_current_runtime`](TokenCacheBuilder::on_current_runtime). A cache may be used from several runtimes, one after the other or
/// at once. With the system clock the timer of a runtime must be enabled. If the runtime of an exchange is shut down, the waiters get a transient error and the next caller starts anew.
///
/// # Dropping
/// When the last clone and the last reader are gone nothing new is started; an exchange under way runs to its end, so that
/// a rotated refresh token reaches its [`persist`](TokenCacheBuilder::persist) step. [`close`](Self::close) waits for that.
#[derive(Clone)]
pub struct TokenCache {
    handle: ShardedArc<State>,
}

/// A credential as it was at one moment, and which one it was.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Current {
    /// What goes on a request.
    pub credential: Credential,
    /// Which value it is, for [`TokenCache::invalidate`].
    pub generation: Generation,
}

/// How long [`TokenCache::keep_fresh`] sleeps at the most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl TokenCache {
    /// A cache over `source` with every default.
    pub fn new(source: impl TokenSource) -> Self {
        TokenCacheBuilder::new(source).build_infallible()
    }

    /// A cache over `source`, to be configured.
    pub fn builder(source: impl TokenSource) -> TokenCacheBuilder {
        TokenCacheBuilder::new(source)
    }

    pub(super) fn from_handle(handle: ShardedArc<State>) -> Self {
        Self { handle }
    }

    /// The current credential if there is a usable one, at once and without a runtime. Starts a refresh in the background if one
    /// is due and there is a runtime.
    #[must_use]
    pub fn try_current(&self) -> Option<Current> {
        let state = self.handle.as_arc();
        let snapshot = state.snapshot.load();
        let snapshot = snapshot.as_deref()?;
        let (credential, _) = state.share_of(snapshot, state.clock.now())?;
        Some(Current { credential: credential.clone(), generation: snapshot.generation })
    }

    /// The current credential; waits for the first, or the next, if there is none to use.
    ///
    /// # Errors
    /// The failure of the exchange that this call joined, or of the last one while the source is left alone; see
    /// [`TokenError::is_transient`] and [`TokenError::retry_in`]. A call waits 15 seconds at most unless
    /// [configured](TokenCacheBuilder::wait_timeout) otherwise.
    ///
    /// # Cancel safety
    /// Dropping the future never cancels the exchange.
    pub fn current(&self) -> impl Future<Output = Result<Current, TokenError>> + Send + 'static {
        let snapshot = self.snapshot();
        async move {
            let snapshot = snapshot.await?;
            Ok(Current { credential: snapshot.shard().credential.clone(), generation: snapshot.generation })
        }
    }

    /// The current token itself, for whatever is not an HTTP request: SASL, a WebSocket, a database password.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    ///
    /// # Cancel safety
    /// As [`current`](Self::current).
    pub fn token(&self) -> impl Future<Output = Result<Token, TokenError>> + Send + 'static {
        let snapshot = self.snapshot();
        async move { Ok(snapshot.await?.token.clone()) }
    }

    /// Waits until there is a usable token.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    ///
    /// # Cancel safety
    /// As [`current`](Self::current).
    pub fn ready(&self) -> impl Future<Output = Result<(), TokenError>> + Send + 'static {
        let snapshot = self.snapshot();
        async move { snapshot.await.map(|_| ()) }
    }

    /// Starts an exchange if there is no token or the present one is due, and does not wait for it. Does nothing without
    /// a runtime, and while the source is left alone after a failure.
    pub fn prefetch(&self) {
        self.handle.as_arc().begin_if_due();
    }

    /// A reader with a copy of the credential of its own, for the hot path of a middleware.
    #[must_use]
    pub fn reader(&self) -> TokenReader {
        TokenReader::new(self.handle.clone())
    }

    /// Says that the token of `generation` was refused by the server it was meant for.
    ///
    /// Acts only if that generation is the current one, so that any number of refusals of one token cost one refresh.
    /// Refreshes forced in this way are limited to a burst of two and one in 30 seconds unless
    /// [configured](TokenCacheBuilder::forced_refresh_limit) otherwise.
    pub fn invalidate(&self, generation: Generation) -> Invalidation {
        self.handle.invalidate(generation)
    }

    /// Says that the token of `generation`, which was obtained because another had been refused, was refused as well: renewing
    /// does not help. Refusals of this generation cause no refresh for the next 5 minutes.
    pub fn ignore_refusals(&self, generation: Generation) {
        self.handle.ignore_refusals(generation);
    }

    /// Has the source asked before the token is used again: what the token was obtained with has changed, or is gone. Unlike
    /// [`invalidate`](Self::invalidate) this says nothing about the token itself, so that it counts as no refusal; who asks next waits for
    /// the source. What an exchange under way brings is used.
    pub fn discard(&self) {
        self.handle.as_arc().discard();
    }

    /// Takes in a response that somebody else obtained, such as another replica. False if the present token is
    /// newer: by [sequence](TokenResponse::with_sequence) if both have one, else by expiry if both have one and the present
    /// token can still be used. False also for a token that was refused and for one that cannot be sent.
    ///
    /// A response without a refresh token keeps the one that is known.
    pub fn publish(&self, response: TokenResponse) -> bool {
        let clock = &self.handle.clock;
        self.handle.publish(Received { response: Arc::new(response), at: clock.now(), wall: clock.wall() })
    }

    /// The last response that came, also when its token is of no use any more.
    #[cfg(feature = "provider")]
    pub(crate) fn last_response(&self) -> Option<Arc<TokenResponse>> {
        self.handle.as_arc().last_response()
    }

    #[cfg(feature = "provider")]
    pub(crate) fn clock(&self) -> &Clock {
        &self.handle.clock
    }

    /// Changes what is kept beside the token; see the engine's method.
    #[cfg(feature = "provider")]
    pub(crate) fn amend(&self, change: impl Fn(TokenResponse) -> TokenResponse) -> Option<TokenResponse> {
        self.handle.as_arc().amend(change)
    }

    /// Makes the response of a new grant the current one; see the engine's method.
    #[cfg(feature = "provider")]
    pub(crate) fn replace(&self, response: TokenResponse) -> Result<(), TokenError> {
        let clock = &self.handle.clock;
        self.handle.as_arc().replace(Received { response: Arc::new(response), at: clock.now(), wall: clock.wall() })
    }

    /// Waits until the exchange under way has ended.
    #[cfg(feature = "provider")]
    pub(crate) async fn settle(&self) {
        self.handle.as_arc().settle().await;
    }

    /// The credential, if there is a usable one. Starts nothing.
    #[cfg(feature = "provider")]
    pub(crate) fn peek(&self) -> Option<Credential> {
        self.handle.as_arc().peek()
    }

    /// How the cache is doing.
    #[must_use]
    pub fn status(&self) -> CacheStatus {
        self.handle.status()
    }

    /// A loop that keeps the token fresh while no request comes. Spawn it, for services that are idle for longer than a token
    /// lives and must not wait at the next request.
    ///
    /// It holds the cache weakly: it ends when the cache is dropped or closed, and never because of an error.
    pub fn keep_fresh(&self) -> impl Future<Output = ()> + Send + 'static {
        let clock = self.handle.clock.clone();
        let state = Arc::downgrade(self.handle.as_arc());
        async move {
            while let Some(strong) = state.upgrade() {
                let now = clock.now();
                let Some(due) = strong.next_look() else { return };
                let mut least = Duration::from_millis(100);
                if now >= due {
                    strong.begin_if_open(now);
                    match strong.acquire().await {
                        // A response that may not be kept would be fetched over and over.
                        Ok(snapshot) if snapshot.liveness(clock.now(), &clock) == Liveness::Dead => {
                            least = LONGEST_PAUSE
                        }
                        Ok(_) => {}
                        // The engine counts, logs and backs off, except from an exchange that was lost.
                        Err(_) => least = Duration::from_secs(1),
                    }
                } else {
                    drop(strong);
                }
                // Never long, because the machine may be suspended, and never zero.
                let pause = due.saturating_since(clock.now()).clamp(least, LONGEST_PAUSE);
                clock.sleep(pause).await;
            }
        }
    }

    /// Refuses new exchanges and waits for the one under way, so that a rotated refresh token is persisted before the
    /// process ends. A response that could not be persisted before gets one more attempt. A token that is still usable is handed out as before.
    ///
    /// # Cancel safety
    /// The cache stays closed; call it again to wait on.
    pub async fn close(&self) {
        self.handle.as_arc().close().await;
    }

    /// Whether there are other handles, readers or exchanges than this one.
    pub(super) fn is_held_elsewhere(&self) -> bool {
        self.handle.is_held_elsewhere()
    }

    fn snapshot(&self) -> impl Future<Output = Result<Arc<Snapshot>, TokenError>> + Send + 'static {
        let state = Arc::clone(self.handle.as_arc());
        async move {
            match state.usable() {
                Some(snapshot) => Ok(snapshot),
                None => state.acquire().await,
            }
        }
    }
}

/// A cache is a source for another, for instance one with another placement.
impl TokenSource for TokenCache {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        let mut snapshot = self.snapshot().await?;
        let served_before =
            request.previous().is_some_and(|previous| previous.token().secret() == snapshot.token.secret());
        if request.cause() == RefreshCause::Refused && served_before {
            self.invalidate(snapshot.generation);
            snapshot = self.snapshot().await?;
        }
        let response = TokenResponse::clone(&snapshot.received.response);
        let clock = &self.handle.clock;
        Ok(match snapshot.token.expiry() {
            // By the clock that leaves less: the monotonic one stands still while the machine sleeps.
            Some(expiry) => response.expires_in(
                expiry
                    .monotonic
                    .saturating_since(clock.now())
                    .min(expiry.wall.duration_since(clock.wall()).unwrap_or_default()),
            ),
            None => response,
        })
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.handle, f)
    }
}
