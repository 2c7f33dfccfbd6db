//! What a server knows about the use of its refresh tokens, whatever falls over.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_auth_testing::{Endpoint, Fault, OAuthProvider, OAuthProviderBuilder, RandomFaults, TestClock};

use support::loopback::{form, http, me, refresh, token_body};
use support::text;

async fn provider(options: impl FnOnce(OAuthProviderBuilder) -> OAuthProviderBuilder) -> OAuthProvider {
    options(OAuthProvider::builder()).listen().await.unwrap()
}

fn granted(provider: &OAuthProvider) -> String {
    provider.issue_refresh_token("alice", "read".parse().unwrap()).expose_secret().to_owned()
}

/// Waits for what the server does in its own time.
async fn until(is_so: impl Fn() -> bool) {
    let polling = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), polling).await.unwrap();
}

#[tokio::test]
async fn rotation_is_told_token_by_token_without_the_tokens() {
    let provider = provider(|builder| builder).await;
    let (mut current, _idle) = (granted(&provider), granted(&provider));
    for _ in 0..3 {
        current = text(&refresh(&provider, &current).await.1, "refresh_token").to_owned();
    }
    refresh(&provider, "never-issued").await;
    let report = provider.report();
    let tokens: Vec<_> =
        report.tokens.iter().map(|t| (t.serial, t.family, t.generation, t.presentations, t.is_spent)).collect();
    assert_eq!(
        tokens,
        [(1, 1, 1, 1, true), (2, 2, 1, 0, false), (3, 1, 2, 1, true), (4, 1, 3, 1, true), (5, 1, 4, 0, false)]
    );
    let families: Vec<_> = report.families.iter().map(|f| (f.generation, f.rotations, f.is_revoked)).collect();
    assert_eq!(families, [(4, 3, false), (1, 0, false)]);
    assert_eq!((report.presentations, report.unknown_presentations, report.rotations), (3, 1, 3));
    assert_eq!((report.presented_more_than_once, report.replies_lost()), (0, 0));
    assert!(!format!("{report:?}").contains("rt-"));
}

#[tokio::test]
async fn a_spent_token_revokes_its_family_and_no_other() {
    let provider = provider(|builder| builder).await;
    let (first, bystander) = (granted(&provider), granted(&provider));
    let (_, tokens) = refresh(&provider, &first).await;
    let (status, answer) = refresh(&provider, &first).await;
    assert_eq!((status.as_u16(), text(&answer, "error")), (400, "invalid_grant"));
    assert_eq!(me(&provider, text(&tokens, "access_token")).await.status(), 401);
    assert_eq!(refresh(&provider, text(&tokens, "refresh_token")).await.0, 400);
    assert_eq!(refresh(&provider, &bystander).await.0, 200);
    let report = provider.report();
    assert_eq!((report.reuses, report.families_revoked, report.max_presentations), (1, 1, 2));
    assert_eq!(report.repeated().map(|token| token.serial).collect::<Vec<_>>(), [1]);
    assert!(report.revoked().all(|family| family.was_reused) && report.revoked().count() == 1);
}

#[tokio::test]
async fn within_the_grace_a_spent_token_gets_new_tokens_and_after_it_ends_the_family() {
    let time = TestClock::new();
    let provider = provider(|builder| builder.clock(time.clock()).reuse_grace(Duration::from_secs(30))).await;
    let first = granted(&provider);
    let (_, tokens) = refresh(&provider, &first).await;
    time.tick(Duration::from_secs(29));
    let (status, again) = refresh(&provider, &first).await;
    assert_eq!(status, StatusCode::OK);
    for live in [&tokens, &again] {
        assert_eq!(me(&provider, text(live, "access_token")).await.status(), 200);
    }
    assert_eq!((provider.report().reuses, provider.report().presented_more_than_once), (0, 1));
    time.tick(Duration::from_secs(1));
    assert_eq!(refresh(&provider, &first).await.0, 400);
    assert_eq!(refresh(&provider, text(&again, "refresh_token")).await.0, 400);
    assert_eq!((provider.report().reuses, provider.report().families_revoked), (1, 1));
}

#[tokio::test]
async fn dropped_and_mutilated_replies_are_counted_and_failures_before_are_not() {
    let provider = provider(|builder| builder).await;
    let request = |token: &str| {
        let body = token_body(&provider, &format!("grant_type=refresh_token&refresh_token={token}"));
        http().send(form(&provider.token_url(), &body))
    };
    let (dropped, mutilated, kept) = (granted(&provider), granted(&provider), granted(&provider));
    provider.fault(Endpoint::Token, Fault::lost_answer());
    assert!(request(&dropped).await.is_err());
    provider.fault(Endpoint::Token, Fault::truncated());
    assert_eq!(request(&mutilated).await.unwrap().status(), 200);
    provider.fault(Endpoint::Token, Fault::disconnect());
    assert!(request(&kept).await.is_err());
    provider.fault(Endpoint::Token, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(1));
    let unavailable = request(&kept).await.unwrap();
    assert_eq!((unavailable.status().as_u16(), unavailable.headers()["retry-after"].to_str().unwrap()), (503, "1"));

    let masked = granted(&provider);
    provider.fault(Endpoint::Token, Fault::masked_answer(StatusCode::BAD_GATEWAY));
    assert_eq!(request(&masked).await.unwrap().status(), 502);

    let report = provider.report();
    assert_eq!((report.arrivals, report.rotations, report.presentations), (5, 3, 3));
    assert_eq!((report.replies_dropped, report.replies_undelivered), (3, 0));
    let counts: Vec<_> =
        report.tokens.iter().filter(|t| t.generation == 1).map(|t| (t.arrivals, t.presentations)).collect();
    assert_eq!(counts, [(1, 1), (1, 1), (2, 0), (1, 1)]);
    let lost: Vec<_> = report.families.iter().map(tower_auth_testing::FamilyReport::replies_lost).collect();
    assert_eq!(lost, [1, 1, 0, 1]);
    assert_eq!(request(&kept).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_reply_that_nobody_waits_for_is_undelivered() {
    let provider = provider(|builder| builder).await;
    let token = granted(&provider);
    provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_secs(60)));
    let body = token_body(&provider, &format!("grant_type=refresh_token&refresh_token={token}"));
    let address = provider.url("").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /token HTTP/1.1\r\nhost: {address}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n{body}",
        support::FORM,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    until(|| provider.report().rotations == 1).await;
    assert_eq!(provider.report().replies_lost(), 0);
    drop(stream);
    until(|| provider.report().replies_undelivered == 1).await;
    let report = provider.report();
    assert_eq!((report.rotations, report.replies_dropped, report.replies_lost()), (1, 0, 1));
}

#[tokio::test]
async fn a_late_reply_that_is_waited_for_is_delivered() {
    let provider = provider(|builder| builder).await;
    provider.fault(Endpoint::Token, Fault::late_answer(Duration::from_millis(20)));
    provider.fault(Endpoint::Token, Fault::drip(40, Duration::from_millis(1)));
    let (_, tokens) = refresh(&provider, &granted(&provider)).await;
    let (status, _) = refresh(&provider, text(&tokens, "refresh_token")).await;
    assert_eq!((status.as_u16(), provider.report().rotations, provider.report().replies_lost()), (200, 2, 0));
}

/// What a client meets that refreshes 200 times, and begins anew whenever its token may be spent.
async fn chaos(seed: u64) -> (Vec<u16>, usize, usize, usize) {
    let provider = provider(|builder| builder).await;
    let faults = RandomFaults::seeded(seed)
        .with(0.10, Fault::status(StatusCode::SERVICE_UNAVAILABLE))
        .with(0.05, Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(1))
        .with(0.10, Fault::disconnect())
        .with(0.10, Fault::lost_answer())
        .with(0.05, Fault::delay(Duration::from_millis(1)))
        .with(0.05, Fault::late_answer(Duration::from_millis(1)));
    provider.random_faults(Endpoint::Token, faults);
    let client = http();
    let mut current = granted(&provider);
    let mut seen = Vec::new();
    for _ in 0..200 {
        let body = token_body(&provider, &format!("grant_type=refresh_token&refresh_token={current}"));
        match client.send(form(&provider.token_url(), &body)).await {
            Ok(response) if response.status() == 200 => {
                seen.push(200);
                current = text(&support::loopback::json(&response), "refresh_token").to_owned();
            }
            Ok(response) => seen.push(response.status().as_u16()),
            Err(_) => {
                seen.push(0);
                current = granted(&provider);
            }
        }
    }
    let report = provider.report();
    assert_eq!((report.max_presentations, report.reuses, report.families_revoked), (1, 0, 0));
    assert_eq!(report.rotations, report.presentations);
    assert_eq!(provider.request_count(Endpoint::Token), 200);
    (seen, report.rotations, report.replies_dropped, report.replies_undelivered)
}

#[tokio::test]
async fn faults_by_chance_are_the_same_for_the_same_seed() {
    let (seen, rotations, dropped, undelivered) = chaos(42).await;
    assert_eq!((seen.clone(), rotations, dropped, undelivered), chaos(42).await);
    assert_ne!(seen, chaos(43).await.0);
    let count = |status: u16| seen.iter().filter(|own| **own == status).count();
    assert_eq!((count(200) + dropped, undelivered), (rotations, 0));
    assert!((15..=50).contains(&count(503)), "{} of 200", count(503));
    assert!((20..=65).contains(&count(0)), "{} of 200", count(0));
    assert!((8..=35).contains(&dropped), "{dropped} of 200");
}

/// How fast it is: `cargo test -p tower-auth-testing --test refresh_report -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn refreshes_per_second_on_one_core() {
    let provider = provider(|builder| builder).await;
    let address = provider.url("").trim_start_matches("http://").to_owned();
    let clock = tower_auth_core::Clock::system();
    let start = clock.wall();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (mut current, address) = (granted(&provider), address.clone());
            let head = token_body(&provider, "grant_type=refresh_token&refresh_token=");
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(&address).await.unwrap();
                let mut answer = vec![0; 4096];
                for _ in 0..1000 {
                    let request = format!(
                        "POST /token HTTP/1.1\r\nhost: {address}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n{head}{current}",
                        support::FORM,
                        head.len() + current.len()
                    );
                    stream.write_all(request.as_bytes()).await.unwrap();
                    let length = stream.read(&mut answer).await.unwrap();
                    let text = String::from_utf8_lossy(&answer[..length]);
                    let (_, rest) = text.split_once("\"refresh_token\":\"").unwrap();
                    current = rest.split('"').next().unwrap().to_owned();
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let report = provider.report();
    assert_eq!((report.rotations, report.max_presentations), (8000, 1));
    println!("8000 refreshes in {:?}", clock.wall().duration_since(start).unwrap());
}
