//! A subscriber may look at the cache whose event it gets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tower_auth_core::{TokenCache, TokenErrorKind};
use tower_auth_testing::TestClock;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use self::support::*;

/// Asks a cache how it is at each event.
struct Curious(TokenCache);

impl<S: tracing::Subscriber> Layer<S> for Curious {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        let _ = self.0.status();
    }
}

#[test]
fn events_are_sent_with_no_lock_held() {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let time = TestClock::new();
        let script = Script::new(&time, [fail(TokenErrorKind::Unreachable)]);
        let cache = script.cache();
        let subscriber = tracing_subscriber::registry().with(Curious(cache.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
                cache.ready().await.unwrap_err();
                time.advance(secs(2)).await;
                cache.ready().await.unwrap();
                cache.invalidate(cache.try_current().unwrap().generation);
            });
        });
        done.send(()).unwrap();
    });
    assert!(ended.recv_timeout(Duration::from_secs(2)).is_ok(), "the subscriber waits for a lock");
}
