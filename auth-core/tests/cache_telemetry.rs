//! What the cache records, and that no secret is in it.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tower_auth_core::{TokenError, TokenErrorKind};
use tower_auth_testing::TestClock;

use self::support::*;

/// Every metric as `name{label=value,…}`, with its value if it is a counter or a gauge.
fn recorded(snapshotter: &Snapshotter) -> Vec<(String, Option<u64>)> {
    let metrics = snapshotter.snapshot().into_vec();
    let mut shown: Vec<_> = metrics
        .into_iter()
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => Some(count),
                DebugValue::Gauge(_) | DebugValue::Histogram(_) => None,
            };
            (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
        })
        .collect();
    shown.sort();
    shown
}

/// Keeps what a subscriber writes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// THREAT-L2, THREAT-L3
#[test]
fn refreshes_are_counted_by_cause_and_outcome_and_hits_are_not() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                let time = TestClock::new();
                let refused = TokenError::new(TokenErrorKind::Refused, "refused").with_oauth_error("invalid_grant");
                let script = Script::new(&time, [reply(lives("sentinel-1", 3_600)), fail_with(refused)]);
                let cache = script.builder().name("orders-api").build().unwrap();
                let generation = cache.current().await.unwrap().generation;
                for _ in 0..100 {
                    assert!(cache.try_current().is_some());
                }
                cache.invalidate(generation);
                cache.token().await.unwrap_err();
            });
        });
    });
    let shown = recorded(&snapshotter);
    let count = |name: &str| shown.iter().find(|(own, _)| own == name).unwrap_or_else(|| panic!("{shown:?}")).1;
    assert_eq!(count("tower_auth_token_refreshes_total{cache=orders-api,cause=first,outcome=success}"), Some(1));
    assert_eq!(
        count("tower_auth_token_refreshes_total{cache=orders-api,cause=refused,outcome=token.refused}"),
        Some(1)
    );
    assert_eq!(count("tower_auth_token_refusals_total{cache=orders-api,outcome=invalidated}"), Some(1));
    count("tower_auth_token_refresh_duration_seconds{cache=orders-api}");
    count("tower_auth_token_expiry_timestamp_seconds{cache=orders-api}");
    assert_eq!(shown.len(), 5, "nothing else is recorded: {shown:?}");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("token refresh failed") && log.contains("invalid_grant"), "{log}");
    assert!(!log.contains("sentinel") && !format!("{shown:?}").contains("sentinel"), "{log}");
}
