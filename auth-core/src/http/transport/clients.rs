use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connect::{Connector, Dial};
use super::identity::{ClientIdentity, Pair};
use super::tls::TlsOptions;
use crate::error::ConfigError;
use crate::{Clock, MonotonicTime};

pub(super) type PooledClient = Client<Connector, Full<Bytes>>;

/// How old a client certificate from files may be before they are read again.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The largest response head, in bytes.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEAD_H2: u32 = 64 * 1024;

/// The client with its connections; another one as soon as the files of its certificate have changed.
///
/// A new client, not a new certificate in the old one: its open connections, and the sessions that it could resume, belong to
/// the old certificate.
pub(super) struct Clients {
    recipe: Recipe,
    clock: Clock,
    current: ArcSwap<Current>,
    /// A connection failed, maybe for want of the new certificate.
    doubted: AtomicBool,
    /// One reading at a time; who finds it taken goes on with what is there.
    reading: tokio::sync::Mutex<()>,
}

/// What clients are made of.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) dial: Dial,
    pub(super) tls: TlsOptions,
    pub(super) clock: Clock,
    pub(super) connect: Duration,
    pub(super) pool_idle: Duration,
}

#[derive(Clone)]
struct Current {
    client: PooledClient,
    pair: Option<Arc<Pair>>,
    checked: MonotonicTime,
}

impl Clients {
    /// Reads what there is to read.
    pub(super) fn new(recipe: Recipe) -> Result<Self, ConfigError> {
        let clock = recipe.clock.clone();
        let pair = recipe.tls.client.as_ref().map(ClientIdentity::read).transpose()?;
        let client = recipe.client(pair.as_ref())?;
        let current = Current { client, pair: pair.map(Arc::new), checked: clock.now() };
        let (doubted, reading) = (AtomicBool::new(false), tokio::sync::Mutex::new(()));
        Ok(Self { recipe, clock, current: ArcSwap::from_pointee(current), doubted, reading })
    }

    /// The client for one exchange.
    pub(super) async fn current(&self) -> PooledClient {
        if self.is_due() {
            self.refresh().await;
        }
        self.current.load().client.clone()
    }

    /// A connection failed: before the next exchange the files are read again.
    pub(super) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    fn is_due(&self) -> bool {
        let reloads = self.recipe.tls.client.as_ref().is_some_and(ClientIdentity::may_change);
        reloads
            && (self.doubted.load(Ordering::Relaxed)
                || self.clock.now().saturating_since(self.current.load().checked) >= MAX_AGE)
    }

    /// Reads the files, and begins anew if they have changed. What cannot be used is said in the log, and the old pair goes on.
    async fn refresh(&self) {
        let Ok(_reading) = self.reading.try_lock() else { return };
        let (recipe, known) = (self.recipe.clone(), self.current.load_full());
        let pair = known.pair.clone();
        self.doubted.store(false, Ordering::Relaxed);
        // Files, and the roots of the platform, are read on a thread that may block.
        let made = tokio::task::spawn_blocking(move || recipe.changed(pair.as_deref())).await;
        let mut current = Current { checked: self.clock.now(), ..Current::clone(&known) };
        match made {
            Ok(Ok(None)) => {}
            Ok(Ok(Some((client, pair)))) => {
                tracing::info!("the client certificate was replaced; new connections show the new one");
                current.client = client;
                current.pair = Some(Arc::new(pair));
            }
            Ok(Err(error)) => tracing::warn!(
                %error,
                "the files of the client certificate cannot be used; the last good one is shown"
            ),
            Err(_) => {
                tracing::warn!("the files of the client certificate could not be read; the last good one is shown");
            }
        }
        self.current.store(Arc::new(current));
    }
}

impl Recipe {
    fn client(&self, pair: Option<&Pair>) -> Result<PooledClient, ConfigError> {
        let connector = Connector::new(self.dial.clone(), self.tls.config(pair)?, self.clock.clone(), self.connect);
        Ok(Client::builder(TokioExecutor::new())
            .pool_idle_timeout(self.pool_idle)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http1_max_buf_size(MAX_HEAD)
            .http2_max_header_list_size(MAX_HEAD_H2)
            .build(connector))
    }

    /// A new client, if there is another pair than the `known` one.
    fn changed(&self, known: Option<&Pair>) -> Result<Option<(PooledClient, Pair)>, ConfigError> {
        let Some(identity) = &self.tls.client else { return Ok(None) };
        let pair = identity.read()?;
        if known == Some(&pair) {
            return Ok(None);
        }
        Ok(Some((self.client(Some(&pair))?, pair)))
    }
}
