//! A token source that does what a test tells it, and keeps count.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_auth_core::{
    Clock, RefreshCause, SourceRequest, Token, TokenCache, TokenCacheBuilder, TokenError, TokenErrorKind,
    TokenResponse, TokenSource,
};
use tower_auth_testing::TestClock;

/// One answer of the [`Script`].
pub struct Reply {
    delay: Duration,
    then: Then,
}

enum Then {
    Answer(Result<TokenResponse, TokenError>),
    Panic,
    Hang,
}

pub fn reply(response: TokenResponse) -> Reply {
    Reply { delay: Duration::ZERO, then: Then::Answer(Ok(response)) }
}

pub fn fail(kind: TokenErrorKind) -> Reply {
    Reply { delay: Duration::ZERO, then: Then::Answer(Err(TokenError::new(kind, "scripted"))) }
}

pub fn fail_with(error: TokenError) -> Reply {
    Reply { delay: Duration::ZERO, then: Then::Answer(Err(error)) }
}

pub fn panics() -> Reply {
    Reply { delay: Duration::ZERO, then: Then::Panic }
}

pub fn hangs() -> Reply {
    Reply { delay: Duration::ZERO, then: Then::Hang }
}

impl Reply {
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

pub fn token(value: &str) -> TokenResponse {
    TokenResponse::new(Token::new(value).unwrap())
}

pub fn lives(value: &str, seconds: u64) -> TokenResponse {
    token(value).expires_in(Duration::from_secs(seconds))
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Answers from its list; when that is empty, with `token-N` of an hour's life.
#[derive(Clone)]
pub struct Script(Arc<Inner>);

struct Inner {
    clock: Clock,
    replies: Mutex<VecDeque<Reply>>,
    calls: AtomicUsize,
    causes: Mutex<Vec<RefreshCause>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Script {
    pub fn new(time: &TestClock, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self(Arc::new(Inner {
            clock: time.clock(),
            replies: Mutex::new(replies.into_iter().collect()),
            calls: AtomicUsize::new(0),
            causes: Mutex::default(),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        }))
    }

    pub fn push(&self, reply: Reply) {
        self.0.replies.lock().unwrap().push_back(reply);
    }

    /// How often the source was asked.
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// How many exchanges ran at the same time at the most.
    pub fn most_at_once(&self) -> usize {
        self.0.most_at_once.load(Ordering::SeqCst)
    }

    pub fn causes(&self) -> Vec<RefreshCause> {
        self.0.causes.lock().unwrap().clone()
    }

    pub fn builder(&self) -> TokenCacheBuilder {
        TokenCache::builder(self.clone()).clock(self.0.clock.clone())
    }

    pub fn cache(&self) -> TokenCache {
        self.builder().build().unwrap()
    }
}

impl TokenSource for Script {
    async fn fetch(&self, request: SourceRequest) -> Result<TokenResponse, TokenError> {
        let inner = &*self.0;
        let call = inner.calls.fetch_add(1, Ordering::SeqCst) + 1;
        inner.causes.lock().unwrap().push(request.cause());
        let reply = inner.replies.lock().unwrap().pop_front();
        let reply = reply.unwrap_or_else(|| reply_number(call));
        let running = inner.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        inner.most_at_once.fetch_max(running, Ordering::SeqCst);
        let _running = Running(&inner.at_once);
        if !reply.delay.is_zero() {
            inner.clock.sleep(reply.delay).await;
        }
        match reply.then {
            Then::Answer(answer) => answer,
            Then::Panic => panic!("scripted panic"),
            Then::Hang => std::future::pending().await,
        }
    }
}

fn reply_number(call: usize) -> Reply {
    reply(lives(&format!("token-{call}"), 3_600))
}

struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The value of the token that a request would get now, without waiting.
pub fn current(cache: &TokenCache) -> Option<String> {
    let current = cache.try_current()?;
    let mut request = http::Request::new(());
    current.credential.apply(&mut request).unwrap();
    let value = request.headers()["authorization"].to_str().unwrap().to_owned();
    Some(value.strip_prefix("Bearer ").unwrap().to_owned())
}
