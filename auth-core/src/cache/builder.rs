use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle as Runtime;

use super::TokenCache;
use super::bucket::Bucket;
use super::flow::Flow;
use super::persist::{Persist, erase};
use super::presentation::Presentation;
use super::state::{Parts, State};
use super::window::Margins;
#[cfg(feature = "dpop")]
use crate::DpopKey;
use crate::error::{BoxError, ConfigError, ConfigErrorKind};
use crate::sharded::default_shards;
use crate::source::{ErasedSource, TokenSource};
use crate::{Clock, Placement, ShardedArc, TokenResponse};

/// Configures a [`TokenCache`]. Every option has a default.
#[must_use = "a builder does nothing until `build` is called"]
pub struct TokenCacheBuilder {
    source: Box<dyn ErasedSource>,
    persist: Option<Persist>,
    name: Arc<str>,
    clock: Clock,
    presentation: Presentation,
    margins: Margins,
    exchange_timeout: Duration,
    wait_timeout: Duration,
    forced_burst: u32,
    forced_period: Duration,
    runtime: Option<Runtime>,
    no_runtime: bool,
    shards: usize,
}

impl TokenCacheBuilder {
    pub(super) fn new(source: impl TokenSource) -> Self {
        Self {
            source: Box::new(source),
            persist: None,
            name: Arc::from("default"),
            clock: Clock::system(),
            presentation: Presentation::default(),
            margins: Margins::default(),
            exchange_timeout: Duration::from_secs(15),
            wait_timeout: Duration::from_secs(15),
            forced_burst: 2,
            forced_period: Duration::from_secs(30),
            runtime: None,
            no_runtime: false,
            shards: default_shards(),
        }
    }

    /// What the cache is called in events and metrics; `default` if not set. Take it from a small fixed set: it is a metric
    /// label.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Where the time comes from; the system if not set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Where on a request the token goes; `Authorization` if not set.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.presentation.placement = placement;
        self
    }

    /// The key that tokens are bound to (RFC 9449): each request gets `Authorization: DPoP` and a proof of its own, by the clock of the
    /// cache. The source must have shown the same key to the authorization server. A Bearer token is refused then.
    ///
    /// Such a credential must see the request: use `AuthLayer` or `GrpcAuthLayer`; what sees headers alone, such as a gRPC
    /// interceptor, cannot send it.
    #[cfg(feature = "dpop")]
    pub fn dpop(mut self, key: DpopKey) -> Self {
        self.presentation.key = Some(key);
        self
    }

    /// Takes Bearer tokens beside a [DPoP key](Self::dpop): for authorization servers that do not know DPoP.
    ///
    /// # Security
    /// A Bearer token is good for whoever steals it, and a server in the middle could leave the binding out.
    #[cfg(feature = "dpop")]
    pub fn allow_bearer(mut self) -> Self {
        self.presentation.allows_bearer = true;
        self
    }

    /// Lets `by` make the credential of a response.
    #[cfg(feature = "provider")]
    pub(crate) fn present_by(mut self, by: Arc<super::Present>) -> Self {
        self.presentation.by = Some(by);
        self
    }

    /// Makes the credential of each response by `make`, in place of the [placement](Self::placement): for tokens that go on requests as a
    /// description says, such as [`Connection::credential_of`](crate::Connection::credential_of).
    #[cfg(feature = "provider")]
    pub fn present(
        self,
        make: impl Fn(&TokenResponse) -> Result<crate::Credential, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        self.present_by(Arc::new(make))
    }

    /// How long a token is taken to live if its source does not say. If not set, such a token is used until it is refused.
    pub fn default_lifetime(mut self, lifetime: Duration) -> Self {
        self.margins.default_lifetime = Some(lifetime);
        self
    }

    /// How long before its end a token is renewed in the background; never more than half of the lifetime. If not set: a quarter of the lifetime and
    /// 5 minutes at most, or up to two thirds of the lifetime where getting the last one took so long that callers would have to wait. Either is
    /// lengthened by up to a quarter, by chance, so that a fleet does not renew in step.
    pub fn refresh_margin(mut self, margin: Duration) -> Self {
        self.margins.refresh = Some(margin);
        self
    }

    /// How long before its end a token is no longer used, in place of a tenth of its lifetime and 30 seconds at most. Never
    /// more than half of the lifetime.
    pub fn expiry_margin(mut self, margin: Duration) -> Self {
        self.margins.expiry = Some(margin);
        self
    }

    /// How long one exchange may take, 15 seconds if not set; the same again for the persist step.
    pub fn exchange_timeout(mut self, timeout: Duration) -> Self {
        self.exchange_timeout = timeout;
        self
    }

    /// How long a caller waits for a token, 15 seconds if not set. The exchange goes on without the caller.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.wait_timeout = timeout;
        self
    }

    /// How many refreshes refused tokens may cause: `burst` at once, then one in each `period`. Two and 30 seconds if not set.
    pub fn forced_refresh_limit(mut self, burst: u32, period: Duration) -> Self {
        self.forced_burst = burst;
        self.forced_period = period;
        self
    }

    /// Makes each response durable before its token is published: where a rotated refresh token is saved.
    ///
    /// If the step fails the token is not published. The response is kept in memory and the step is repeated at the next
    /// attempt, without another exchange: a refresh token that can be used once is not spent again.
    pub fn persist<F, Fut>(mut self, persist: F) -> Self
    where
        F: Fn(Arc<TokenResponse>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.persist = Some(erase(persist));
        self
    }

    /// Runs every exchange on the tokio runtime in whose context this is called, so that callers need none of their own.
    pub fn on_current_runtime(mut self) -> Self {
        self.runtime = Runtime::try_current().ok();
        self.no_runtime = self.runtime.is_none();
        self
    }

    /// Sets how many copies of the credential are kept; a power of two.
    pub(super) fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// Builds the cache. Spawns nothing and asks nobody.
    ///
    /// # Errors
    /// When a timeout or a lifetime is zero, [`on_current_runtime`](Self::on_current_runtime) was called outside a runtime, or there is a
    /// DPoP key and a [placement](Self::placement) other than `Authorization`.
    pub fn build(self) -> Result<TokenCache, ConfigError> {
        let durations = [
            ("exchange_timeout", Some(self.exchange_timeout)),
            ("wait_timeout", Some(self.wait_timeout)),
            ("default_lifetime", self.margins.default_lifetime),
        ];
        for (name, duration) in durations {
            if duration.is_some_and(|duration| duration.is_zero()) {
                return Err(ConfigError::new(ConfigErrorKind::InvalidOption, format!("{name} must not be zero")));
            }
        }
        if self.no_runtime {
            return Err(ConfigError::new(
                ConfigErrorKind::MissingOption,
                "on_current_runtime was called where there is no tokio runtime",
            ));
        }
        #[cfg(feature = "dpop")]
        if self.presentation.key.is_some() && self.presentation.placement != Placement::default() {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidOption,
                "a token that is bound to a DPoP key goes into `Authorization` (RFC 9449 section 7.1), not elsewhere",
            ));
        }
        Ok(self.build_infallible())
    }

    #[cfg_attr(not(feature = "dpop"), allow(unused_mut, reason = "the key is the one part that changes"))]
    pub(super) fn build_infallible(mut self) -> TokenCache {
        #[cfg(feature = "dpop")]
        {
            self.presentation.key = self.presentation.key.map(|key| key.with_clock(self.clock.clone()));
        }
        let shards = self.shards;
        let state = State::new(Parts {
            clock: self.clock,
            name: self.name,
            source: self.source,
            persist: self.persist,
            exchange_timeout: self.exchange_timeout,
            wait_timeout: self.wait_timeout,
            margins: self.margins,
            presentation: self.presentation,
            runtime: self.runtime,
            shards,
            flow: Flow::new(Bucket::new(self.forced_burst, self.forced_period)),
        });
        TokenCache::from_handle(ShardedArc::with_shards(state, shards))
    }
}

impl fmt::Debug for TokenCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCacheBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
