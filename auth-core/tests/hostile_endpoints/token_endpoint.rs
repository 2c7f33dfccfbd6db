//! Endpoints that answer anything.

use std::future::Future;
use std::time::Duration;

use tower_auth_core::{Lifetime, TokenResponse};
use tower_auth_testing::TestClock;

use super::answers::{Answer, DEADLINE, Timing};
use super::bodies::{ACCESS, REFRESH};
use super::capture::{Log, leak};
use super::expected::{Expected, expected};
use super::peer::Peer;
use super::ways::{CLIENT_SECRET, Failed, Outcome, Place, Way};

/// How often each way is gone: over 20,000 times in all.
const ROUNDS: u64 = 1_600;

/// Waits for `work` while the time goes by to the deadline and a little further. Nothing may wait longer.
async fn within_the_deadline<T>(time: &TestClock, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = std::future::ready(()) => {}
    }
    tokio::select! {
        biased;
        done = &mut work => done,
        () = time.advance(DEADLINE + Duration::from_millis(1)) => panic!("it goes on beyond its deadline"),
    }
}

fn check_success(response: &TokenResponse, case: &str) {
    let token = response.token().secret().expose_secret();
    assert!(!token.is_empty() && token.bytes().all(|byte| matches!(byte, b'!'..=b'~')), "{case}: {token}");
    if let Lifetime::For(lifetime) = response.lifetime() {
        assert!(lifetime <= Duration::from_secs(31_536_000), "{case}: {lifetime:?}");
    }
    assert_eq!(leak(&format!("{response:?}"), [token, REFRESH]), None, "{case}");
}

fn check_failure(failed: &Failed, case: &str) {
    let Failed { error, shown } = failed;
    let text = error.to_string();
    assert!(text.len() < 800, "{case}: {} characters", text.len());
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{case}: {text:?}");
    assert!(shown.len() < 40_000, "{case}: {} characters", shown.len());
    assert!(error.oauth_error().is_none_or(|code| code.len() <= 64), "{case}");
    assert!(error.retry_after().is_none_or(|wait| wait <= Duration::from_secs(3600)), "{case}");
}

fn check(way: Way, answers: &[Answer], outcome: &Outcome, case: &str) {
    let last = answers.last().unwrap();
    match (expected(way, last), outcome) {
        (Expected::Success, Outcome::Failed(failed)) => panic!("{case}: {last:?}: {}", failed.error),
        (Expected::Failure(kind), Outcome::Failed(failed)) => {
            assert_eq!(failed.error.kind(), kind, "{case}: {last:?}: {}", failed.error);
            assert_eq!(failed.error.class(), kind.class(), "{case}");
            let answered = matches!(last.timing, Timing::Now | Timing::After(_)) && failed.error.status().is_some();
            assert!(!answered || failed.error.status() == Some(last.status.as_u16()), "{case}");
        }
        (Expected::Failure(kind), _) => panic!("{case}: {last:?}: a success and not {kind:?}"),
        (Expected::Success | Expected::Open, _) => {}
    }
    match outcome {
        Outcome::Token(response) => check_success(response, case),
        Outcome::Failed(failed) => check_failure(failed, case),
        Outcome::Done => {}
    }
}

/// Goes one way again and again; gives how often that was a success.
async fn rounds(number: usize, way: Way) -> u64 {
    let (log, _guard) = Log::capture();
    let place = Place::new("https://login.example.com");
    let time = TestClock::new();
    let clock = time.clock();
    let peer = Peer::new(number as u64, clock.clone());
    let mut successes = 0;
    for round in 0..ROUNDS {
        let outcome = within_the_deadline(&time, place.go(way, &peer.http, &clock)).await;
        let (answers, secrets) = peer.take();
        let case = format!("{way:?} {round}");
        assert!((1..=way.most_requests()).contains(&answers.len()), "{case}: {} requests", answers.len());
        check(way, &answers, &outcome, &case);
        let hidden = || secrets.iter().map(String::as_str).chain([ACCESS, REFRESH, CLIENT_SECRET]);
        match &outcome {
            Outcome::Failed(failed) => assert_eq!(leak(&failed.shown, hidden()), None, "{case}: {}", failed.shown),
            Outcome::Token(_) | Outcome::Done => successes += 1,
        }
        let text = log.take();
        assert!(!text.is_empty() && leak(&text, hidden()).is_none(), "{case}: {text}");
    }
    successes
}

// THREAT-A4, THREAT-A5, THREAT-A6, THREAT-L2, THREAT-L3, THREAT-C7, R6749-5.2a
#[test]
fn whatever_an_endpoint_answers_is_a_token_or_an_error_of_the_right_class_that_shows_nothing() {
    std::thread::scope(|scope| {
        let run = |(number, way): (usize, &Way)| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let successes = runtime.block_on(rounds(number, *way));
            // Otherwise one half of the table would hardly be tried. Only one status is a success of a push.
            let least = if *way == Way::Push { ROUNDS / 200 } else { ROUNDS / 25 };
            assert!((least..ROUNDS * 3 / 5).contains(&successes), "{way:?}: {successes} successes");
        };
        for way in Way::ALL.iter().enumerate() {
            scope.spawn(move || run(way));
        }
    });
    assert!(ROUNDS * Way::ALL.len() as u64 >= 20_000);
}
