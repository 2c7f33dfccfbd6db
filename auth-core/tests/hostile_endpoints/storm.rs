//! A thousand impatient users of one refresh token that rotates, in the middle of faults.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{Request, StatusCode};
use tower_auth_core::{
    BoxError, HttpClient, MonotonicTime, RefreshToken, ScopeSet, Secret, Token, TokenCache, TokenErrorKind,
    TokenResponse,
};
use tower_auth_testing::{AuthorizationServer, Endpoint, Fault, RefreshPolicy, TestClient, TestClock};

use super::peer::pairs;

const USERS: usize = 1_000;

/// The longest that a client waits for the answer to a refresh token it has sent once already.
const GRACE: Duration = Duration::from_secs(30);

/// What became of one sending of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// The server took it, and the answer arrived.
    Answered,
    /// The server said that it did not look at it.
    Denied,
    /// No answer, for whatever reason.
    Lost,
}

/// When each refresh token was sent, and how.
type Sendings = BTreeMap<String, Vec<(MonotonicTime, Sending)>>;

/// The way to the server, on which things happen.
#[derive(Clone)]
struct Way {
    server: AuthorizationServer,
    time: TestClock,
    rng: Arc<Mutex<Rng>>,
    calm: Arc<AtomicUsize>,
    in_flight: Arc<AtomicUsize>,
    sendings: Arc<Mutex<Sendings>>,
}

/// Notes that a request is over, however it ends.
struct Flight(Arc<AtomicUsize>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Way {
    fn new(seed: u64, time: &TestClock, server: &AuthorizationServer) -> Self {
        Self {
            server: server.clone(),
            time: time.clone(),
            rng: Arc::new(Mutex::new(Rng::with_seed(seed))),
            calm: Arc::default(),
            in_flight: Arc::default(),
            sendings: Arc::default(),
        }
    }

    fn http(&self) -> HttpClient {
        let way = self.clone();
        HttpClient::new(tower::service_fn(move |request| way.clone().send(request)))
    }

    async fn send(self, request: Request<Bytes>) -> Result<http::Response<Bytes>, BoxError> {
        let others = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let _flight = Flight(Arc::clone(&self.in_flight));
        assert_eq!(others, 0, "two exchanges at a time");
        let token = pairs(request.body()).into_iter().find(|(name, _)| name == "refresh_token").unwrap().1;
        let at = {
            let mut sendings = self.sendings.lock().unwrap();
            let sendings = sendings.entry(token.clone()).or_default();
            sendings.push((self.time.clock().now(), Sending::Lost));
            sendings.len() - 1
        };
        if self.calm.load(Ordering::Relaxed) == 0 {
            if let Some(fault) = self.fault() {
                self.server.fault(Endpoint::Token, fault);
            }
        }
        let response = self.server.http_client().send(request).await?;
        let sending = match response.status() {
            StatusCode::OK => Sending::Answered,
            StatusCode::GATEWAY_TIMEOUT => Sending::Lost,
            _ => Sending::Denied,
        };
        self.sendings.lock().unwrap().get_mut(&token).unwrap()[at].1 = sending;
        Ok(response)
    }

    fn fault(&self) -> Option<Fault> {
        let rng = &mut *self.rng.lock().unwrap();
        Some(match rng.u8(..20) {
            0..=3 => Fault::status(StatusCode::SERVICE_UNAVAILABLE).retry_after(rng.u64(..3)),
            4..=5 => Fault::delay(Duration::from_millis(500 * rng.u64(1..28))),
            6 => Fault::delay(Duration::from_secs(20)),
            7 => Fault::hang(),
            8 => Fault::disconnect(),
            9 => Fault::lost_answer(),
            // The server has done its work, and its answer comes too late.
            10 => Fault::drip(1, Duration::from_secs(1)),
            11 => Fault::status(StatusCode::GATEWAY_TIMEOUT),
            _ => return None,
        })
    }
}

/// A response with a new grant, as an operator's reconnecting brings it.
fn granted(server: &AuthorizationServer) -> TokenResponse {
    let refresh_token = server.issue_refresh_token("orders", "alice", ScopeSet::default());
    TokenResponse::new(Token::new("of-the-new-grant").unwrap())
        .expires_in(Duration::from_secs(2))
        .with_refresh_token(refresh_token)
}

/// One user: asks ten times, waits or goes away, complains about the token now and then.
async fn user(cache: TokenCache, time: TestClock, seed: u64) {
    let (mut rng, clock) = (Rng::with_seed(seed), time.clock());
    let half_seconds = |count| Duration::from_millis(500 * count);
    for _ in 0..10 {
        clock.sleep(half_seconds(rng.u64(..12))).await;
        let patience = clock.sleep(half_seconds(rng.u64(..50)));
        tokio::select! {
            biased;
            result = cache.current() => if let Ok(current) = result {
                if rng.u8(..20) == 0 {
                    cache.invalidate(current.generation);
                }
            },
            () = patience => {}
        }
    }
}

/// What a storm was made of.
#[derive(Debug)]
struct Outcome {
    tokens: usize,
    /// How often access was granted anew.
    reconnected: usize,
    /// How many tokens were answered at the second attempt, after a lost answer.
    replayed: usize,
}

async fn storm(seed: u64, grace: Duration) -> Outcome {
    let time = TestClock::new();
    let client = TestClient::new("orders", "s3cret").lifetime(Duration::from_secs(5));
    let server = AuthorizationServer::builder()
        .client_with(client)
        .clock(time.clock())
        .refresh_policy(RefreshPolicy::Rotate)
        // The server counts from when it answered, and later than we.
        .reuse_grace(grace * 2)
        .build()
        .unwrap();
    let way = Way::new(seed, &time, &server);
    let first = server.issue_refresh_token("orders", "alice", ScopeSet::default());
    let source = RefreshToken::new(server.token_url(), "orders", "s3cret", first)
        .reuse_grace(grace)
        .http_client(way.http())
        .clock(time.clock())
        .build()
        .unwrap();
    let cache = source.cache_builder().forced_refresh_limit(u32::MAX, Duration::ZERO).build().unwrap();
    let users: Vec<_> = (0..USERS)
        .map(|number| tokio::spawn(user(cache.clone(), time.clone(), seed * 10_000 + number as u64)))
        .collect();

    // Each round of a user takes half a minute at most; nobody waits longer than everybody has patience.
    let mut reconnected = 0;
    for _ in 0..320 {
        time.advance(Duration::from_secs(1)).await;
        // Where the grant may be spent, somebody grants access anew.
        let failure = cache.status().last_failure_class();
        if failure == Some(tower_auth_core::FailureClass::Refused)
            && cache.try_current().is_none()
            && cache.publish(granted(&server))
        {
            reconnected += 1;
        }
    }
    assert!(users.iter().all(tokio::task::JoinHandle::is_finished), "somebody hangs");
    for user in users {
        user.await.unwrap();
    }

    // The weather clears: the newest grant is alive, whatever happened on the way.
    way.calm.store(1, Ordering::Relaxed);
    server.clear_faults();
    let last = tokio::spawn(async move {
        match cache.token().await {
            Err(error) if error.kind() == TokenErrorKind::Unconfirmed => Ok(()),
            other => other.map(drop),
        }
    });
    time.advance(Duration::from_secs(60)).await;
    assert!(last.is_finished());
    last.await.unwrap().unwrap();

    let refused = server.requests().iter().filter(|request| request.status() == Some(StatusCode::BAD_REQUEST)).count();
    assert_eq!(refused, 0, "the server saw a token that was spent, and ended its family");
    let most = if grace.is_zero() { 1 } else { 2 };
    assert!(server.max_presentations() <= most, "{} presentations", server.max_presentations());
    let sendings = way.sendings.lock().unwrap();
    for (token, sendings) in &*sendings {
        check(sendings, grace);
        assert!(server.presentations(&Secret::from(token.as_str())) <= most);
    }
    let replayed = |sendings: &&Vec<_>| matches!(sendings[..], [.., (_, Sending::Lost), (_, Sending::Answered)]);
    Outcome { tokens: sendings.len(), reconnected, replayed: sendings.values().filter(replayed).count() }
}

/// After an answer nothing is sent again, after a lost one at most one attempt, within the grace.
fn check(sendings: &[(MonotonicTime, Sending)], grace: Duration) {
    let unanswered = sendings.iter().position(|(_, sending)| *sending != Sending::Denied);
    let Some((at, rest)) = unanswered.map(|at| (&sendings[at], &sendings[at + 1..])) else { return };
    match (at.1, rest) {
        (_, []) => {}
        (Sending::Lost, again) => {
            // A second attempt that the server did not look at is no presentation, but it is the second attempt.
            assert!(again.len() <= 1 && !grace.is_zero(), "{sendings:?}");
            assert!(again[0].0.saturating_since(at.0) <= grace, "{sendings:?}");
        }
        _ => panic!("a token that was answered is sent again: {sendings:?}"),
    }
}

// THREAT-A4, THREAT-A8, THREAT-C8, THREAT-S7, R6749-6b
#[tokio::test]
async fn each_refresh_token_is_presented_once_whatever_happens_to_a_thousand_users() {
    let mut refreshes = 0;
    for seed in 0..8 {
        let storm = storm(seed, Duration::ZERO).await;
        assert!(storm.reconnected > 0 && storm.replayed == 0, "{storm:?}");
        refreshes += storm.tokens;
    }
    assert!(refreshes > 100, "only {refreshes} refresh tokens");
}

// THREAT-A4, THREAT-S7
#[tokio::test]
async fn within_the_grace_a_lost_answer_costs_one_more_presentation_and_no_family() {
    let (mut refreshes, mut replayed) = (0, 0);
    for seed in 10..18 {
        let storm = storm(seed, GRACE).await;
        refreshes += storm.tokens;
        replayed += storm.replayed;
    }
    assert!(refreshes > 80 && replayed > 8, "only {refreshes} refresh tokens, {replayed} of them twice");
}
