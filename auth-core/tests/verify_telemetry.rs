//! What verification records, and that no credential is in it.
#![cfg(all(feature = "jwt", feature = "metrics"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tower_auth_core::{ApiKeyVerifier, Basic, BasicVerifier, Secret, Verifier};
use tower_auth_testing::TestClock;

use self::verify_support::*;

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

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// What `work` logs.
    fn of(work: impl FnOnce()) -> String {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        log.text()
    }
}

fn fixed(key: &tower_auth_core::jose::SigningKey, time: &TestClock) -> Verifier {
    let keys = tower_auth_core::jose::JwkSet::parse(key_set(&[("k1", key)]).as_bytes()).unwrap();
    let jwt = tower_auth_core::JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).clock(time.clock());
    jwt.build().unwrap()
}

// THREAT-L3, THREAT-L4
#[test]
fn the_span_of_a_request_learns_who_calls_as_far_as_it_has_fields_for_that() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time);
    let good = bearer(&token(&key, &claims()));
    let expired = bearer(&token(&key, &with(claims(), "exp", NOW - 100)));
    let hash = verifier.try_verify(&good).unwrap().subject_hash();
    let log = Log::of(|| {
        for (name, headers) in [("first", &good), ("remembered", &good), ("bad", &expired)] {
            let span = tracing::info_span!(
                "request",
                name,
                "auth.outcome" = tracing::field::Empty,
                "auth.issuer" = tracing::field::Empty,
                "auth.client_id" = tracing::field::Empty,
                "user.hash" = tracing::field::Empty,
            );
            let _entered = span.enter();
            let _ = verifier.try_verify(headers);
            tracing::info!("served");
        }
        let span = tracing::info_span!("request", name = "silent");
        let _entered = span.enter();
        verifier.try_verify(&good).unwrap();
        tracing::info!("served");
    });
    let line = |name: &str| {
        let wanted = format!("name=\"{name}\"");
        log.lines().find(|line| line.contains(&wanted) && line.contains("served")).unwrap().to_owned()
    };
    for name in ["first", "remembered"] {
        for part in ["auth.outcome=\"accepted\"", ISSUER, "auth.client_id=\"web\"", &hash] {
            assert!(line(name).contains(part), "{part} is not in {}", line(name));
        }
    }
    assert!(line("bad").contains("auth.outcome=\"rejection.expired\"") && !line("bad").contains("user.hash"));
    assert!(!line("silent").contains("auth.") && !line("silent").contains(&hash));
    assert!(!log.contains("alice"), "{log}");
}

// THREAT-L2, THREAT-L4, R9110-11.4a
#[test]
fn each_refusal_is_one_audit_event_with_its_code_and_who_was_refused_if_that_is_known() {
    let (time, key) = (TestClock::new(), es256());
    let verifier = fixed(&key, &time);
    let good = verifier.try_verify(&bearer(&token(&key, &claims()))).unwrap();
    let needed = tower_auth_core::ScopeSet::new(["orders:delete"]).unwrap();
    let log = Log::of(|| {
        verifier.try_verify(&http::HeaderMap::new()).unwrap_err();
        verifier.try_verify(&bearer("a.b.c")).unwrap_err();
        verifier.require(&good, &needed.into()).unwrap_err();
        let _ = verifier.refusal(tower_auth_core::RejectionKind::Misconfigured, "a mistake");
    });
    let events: Vec<_> = log.lines().filter(|line| line.contains("tower_auth::audit")).collect();
    assert_eq!(events.len(), 4, "{log}");
    for (event, level, code) in [
        (events[0], "DEBUG", "rejection.missing_credential"),
        (events[1], "INFO", "rejection.malformed"),
        (events[2], "INFO", "rejection.insufficient_scope"),
        (events[3], "WARN", "rejection.misconfigured"),
    ] {
        assert!(event.contains(level) && event.contains(&format!("code=\"{code}\"")), "{event}");
    }
    assert!(events[1].contains("scheme=\"bearer\"") && !events[1].contains("auth.client_id"));
    let who = format!("auth.issuer=\"{ISSUER}\" auth.client_id=\"web\" user.hash=\"{}\"", good.subject_hash());
    assert!(events[2].contains(&who) && events[2].contains("orders:delete"), "{}", events[2]);
    assert!(!log.contains("alice"));
}

// THREAT-L2, THREAT-L3, THREAT-L4
#[test]
fn outcomes_are_counted_and_explained_and_no_credential_is_in_the_record() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (time, key) = (TestClock::new(), es256());
    let server = Server::with_key(&key);
    let sentinel = with(claims(), "sub", "sentinel-subject");
    let good = token(&key, &sentinel);
    let forged = token(&es256(), &sentinel);
    let expired = token(&key, &with(sentinel.clone(), "exp", NOW - 100));
    tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                let verifier = Verifier::any_of([
                    builder(&server, &time).build().unwrap(),
                    BasicVerifier::new().user("batch", "sentinel-password").build().unwrap(),
                    ApiKeyVerifier::new()
                        .key("a", ApiKeyVerifier::digest(&Secret::from("sentinel-key")))
                        .build()
                        .unwrap(),
                ])
                .unwrap();
                for token in [&good, &good, &forged, &expired] {
                    let _ = verdict(&verifier, token).await;
                }
                let pair = Basic::new("batch", "sentinel-wrong").unwrap().header_text();
                let _ = verifier.verify(&authorization(pair.expose_secret())).await;
                let mut headers = http::HeaderMap::new();
                headers.insert("x-api-key", "sentinel-other".parse().unwrap());
                let _ = verifier.verify(&headers).await;
                server.page("/keys", Act::Answer(500, "sentinel-body".to_owned()));
                time.tick(std::time::Duration::from_secs(10_000));
                let _ = verdict(&verifier, &token(&key, &with(sentinel.clone(), "exp", NOW + 20_000))).await;
            });
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
        ("tower_auth_jwks_fetches_total keys.status", 1),
        ("tower_auth_jwks_fetches_total success", 1),
        ("tower_auth_verifications_total accepted", 2),
        ("tower_auth_verifications_total rejection.bad_password", 1),
        ("tower_auth_verifications_total rejection.bad_signature", 1),
        ("tower_auth_verifications_total rejection.expired", 1),
        ("tower_auth_verifications_total rejection.keys_unavailable", 1),
        ("tower_auth_verifications_total rejection.unknown_api_key", 1),
    ];
    assert_eq!(counted, expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect());

    let log = log.text();
    for expected in ["rejection.bad_signature", "our clock says", "key set fetched", "key set not fetched"] {
        assert!(log.contains(expected), "{expected} is not in\n{log}");
    }
    let parts = good.split('.').chain(forged.split('.'));
    assert!(!log.contains("sentinel") && parts.into_iter().all(|part| !log.contains(&part[..16])), "{log}");
}
