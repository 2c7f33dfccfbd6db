//! Nothing secret in refusals, logs, metrics and debug output, whatever the endpoint answers.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex, Once};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tower_auth_testing::TestClock;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use super::support::*;

/// What the subscriber wrote.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

std::thread_local! {
    /// What this thread captures into.
    static CURRENT: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Captures what is logged on this thread from now on. One subscriber for the whole program: with one per test, tests that run
/// beside each other switch each other's events off.
fn capture() -> Log {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let here = || CURRENT.with_borrow(Clone::clone);
        let layer = tracing_subscriber::fmt::layer()
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || here().unwrap_or_default())
            .with_filter(dynamic_filter_fn(move |_, _| here().is_some()));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
    });
    let log = Log::default();
    CURRENT.set(Some(log.clone()));
    log
}

const TOKEN: &str = "caller-sentinel-0123456789";

/// What the endpoint answers, each with the caller's token, the client's secret and other people's data in it.
fn answers() -> Vec<Act> {
    let basic = STANDARD.encode("orders:client-sentinel");
    let echo = format!("{TOKEN} client-sentinel {basic}");
    let error = |status, code: &str| Act::Answer(status, json!({"error": code, "error_description": echo}).to_string());
    vec![
        error(400, "invalid_request"),
        error(401, "invalid_client"),
        error(401, &echo),
        error(200, "server_error"),
        error(403, "access_denied"),
        error(500, "server_error"),
        Act::Answer(200, format!("<html>{echo}</html>")),
        Act::Answer(200, format!("{{\"active\":true,\"{echo}")),
        Act::Answer(200, format!("\"{echo}\"")),
        Act::Answer(404, echo.clone()),
        Act::Answer(302, echo.clone()),
        Act::Answer(200, json!({"active": false, "why": echo}).to_string()),
        Act::Answer(200, with(good(), "exp", echo.clone()).to_string()),
        Act::Answer(200, with(good(), "username", echo.clone()).to_string()),
        Act::Answer(200, with(with(good(), "sub", "subject-sentinel"), "aud", "billing").to_string()),
        Act::Answer(200, with(good(), "sub", "subject-sentinel").to_string()),
        Act::Fail,
        Act::Panic,
    ]
}

// THREAT-L2, THREAT-L3, THREAT-L4
#[test]
fn no_secret_is_in_refusals_logs_and_debug_output() {
    let log = capture();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut shown = String::new();
    runtime.block_on(async {
        for act in answers() {
            let (peer, time) = (Peer::new(), TestClock::new());
            peer.act(TOKEN, act);
            let verifier = plain(&peer, &time).cache_for(secs(60)).build().unwrap();
            match verifier.verify(&bearer(TOKEN)).await {
                Ok(verified) => shown.push_str(&format!("{verified:?} {verifier:?}\n")),
                Err(refusal) => {
                    let answer: http::Response<String> = refusal.to_response();
                    let grpc: http::Response<String> = refusal.to_grpc_response();
                    shown.push_str(&format!("{refusal} {refusal:?} {answer:?} {grpc:?} {verifier:?}\n"));
                }
            }
        }
    });
    CURRENT.set(None);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in
        ["oauth.request", "token not introspected", "rejection.introspection_unavailable", "token.unparsable"]
    {
        assert!(log.contains(expected), "{expected} is not in\n{log}");
    }
    for text in [&shown, &log] {
        for secret in ["sentinel", TOKEN, &STANDARD.encode("orders:client-sentinel"), &TOKEN[..12]] {
            assert!(!text.contains(secret), "{secret} is in\n{text}");
        }
    }
}

// THREAT-L3
#[cfg(feature = "metrics")]
#[test]
fn outcomes_are_counted() {
    use std::collections::BTreeMap;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (peer, time) = (Peer::with_good(), TestClock::new());
            let verifier = plain(&peer, &time).cache_for(secs(60)).build().unwrap();
            for token in ["good", "good", "unknown"] {
                let _ = verdict(&verifier, token).await;
            }
            peer.act("odd", Act::Answer(500, String::new()));
            let _ = verdict(&verifier, "odd").await;
        });
    });
    let counted: BTreeMap<String, u64> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter_map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
            let DebugValue::Counter(count) = value else { return None };
            Some((format!("{} {}", key.key().name(), labels.join(",")), count))
        })
        .collect();
    let expected = [
        ("tower_auth_introspections_total active", 1),
        ("tower_auth_introspections_total inactive", 1),
        ("tower_auth_introspections_total token.server_error", 1),
        ("tower_auth_verifications_total accepted", 2),
        ("tower_auth_verifications_total rejection.inactive", 1),
        ("tower_auth_verifications_total rejection.introspection_unavailable", 1),
    ];
    assert_eq!(counted, expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect());
}
