//! Tokens that are bound to a DPoP key, as a verifier takes them.
#![cfg(feature = "dpop")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, CACHE_CONTROL, HOST};
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use tower_auth_core::jose::{Algorithm, JwkSet, SigningKey};
use tower_auth_core::{
    BasicVerifier, BoxError, DpopKey, DpopProofs, IncomingRequest, JwtVerifier, PeerCertificate, Rejection,
    RejectionKind, ReplayStore, Scheme, Secret, Token, UsedProof, Verified, Verifier,
};
use tower_auth_testing::TestClock;

use self::verify_support::*;

const API: &str = "https://api.example.com";

/// An issuer of tokens, a client with a key, and the API's clock.
struct World {
    time: TestClock,
    issuer: SigningKey,
    key: DpopKey,
}

impl World {
    fn new() -> Self {
        let time = TestClock::new();
        let key = DpopKey::generate().unwrap().with_clock(time.clock());
        Self { time, issuer: es256(), key }
    }

    fn proofs(&self) -> DpopProofs {
        DpopProofs::new(API).unwrap().clock(self.time.clock())
    }

    /// Accepts the issuer's tokens.
    fn plain(&self) -> Verifier {
        let keys = JwkSet::parse(key_set(&[("k1", &self.issuer)]).as_bytes()).unwrap();
        JwtVerifier::issuer(ISSUER).unwrap().audience("orders").jwks(keys).clock(self.time.clock()).build().unwrap()
    }

    fn verifier(&self) -> Verifier {
        self.plain().with_dpop(self.proofs()).unwrap()
    }

    fn token(&self, cnf: Option<Value>) -> String {
        let claims = cnf.map_or_else(claims, |cnf| with(claims(), "cnf", cnf));
        token(&self.issuer, &claims)
    }

    fn bound(&self) -> String {
        self.token(Some(json!({"jkt": self.key.thumbprint()})))
    }

    fn proof(&self, token: &str, nonce: Option<&str>) -> String {
        proof(&self.key, &Method::GET, "https://api.example.com/orders", token, nonce)
    }

    /// A request with a new bound token and its proof.
    fn request(&self) -> Request<()> {
        let token = self.bound();
        request(&format!("DPoP {token}"), &[&self.proof(&token, None)])
    }
}

fn proof(key: &DpopKey, method: &Method, url: &str, token: &str, nonce: Option<&str>) -> String {
    let token = Token::new(token).unwrap();
    key.proof(method, &url.parse().unwrap(), Some(&token), nonce).unwrap().to_str().unwrap().to_owned()
}

fn request(authorization: &str, proofs: &[&str]) -> Request<()> {
    let mut request = Request::get("/orders?page=2").header(AUTHORIZATION, authorization);
    for proof in proofs {
        request = request.header(DpopKey::HEADER, *proof);
    }
    request.body(()).unwrap()
}

fn check<'a>(verifier: &Verifier, request: impl Into<IncomingRequest<'a>>) -> Result<Verified, RejectionKind> {
    verifier.try_verify(request).map_err(|refusal| refusal.kind())
}

fn refusal<'a>(verifier: &Verifier, request: impl Into<IncomingRequest<'a>>) -> Rejection {
    verifier.try_verify(request).unwrap_err()
}

/// A store that several verifiers can share, and that counts.
#[derive(Clone, Default)]
struct Shared {
    seen: Arc<Mutex<HashSet<[u8; 32]>>>,
    asked: Arc<AtomicUsize>,
    until: Arc<Mutex<Option<SystemTime>>>,
}

impl ReplayStore for Shared {
    async fn note(&self, proof: UsedProof) -> Result<bool, BoxError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.until.lock().unwrap() = Some(proof.expires_at());
        tokio::task::yield_now().await;
        Ok(self.seen.lock().unwrap().insert(*proof.key()))
    }
}

// R9449-4.3c, R9449-7.2a, R9700-2.2a
#[test]
fn a_bound_token_is_accepted_with_a_proof_of_its_key() {
    let world = World::new();
    let verifier = world.verifier();
    assert!(verifier.accepts(Scheme::Dpop) && verifier.accepts(Scheme::Bearer));
    let verified = check(&verifier, &world.request()).unwrap();
    assert_eq!(verified.subject(), "alice");
    assert_eq!(verified.scheme(), Scheme::Dpop);
    assert_eq!(verified.dpop_thumbprint(), Some(world.key.thumbprint()));
    assert_eq!(verified.dpop_nonce(), None);
    for scheme in ["dpop", "DPOP"] {
        let token = world.bound();
        check(&verifier, &request(&format!("{scheme} {token}"), &[&world.proof(&token, None)])).unwrap();
    }
    // Other tokens are what they were.
    assert_eq!(
        check(&verifier, &request(&format!("Bearer {}", world.token(None)), &[])).unwrap().scheme(),
        Scheme::Bearer
    );
}

// R9449-7.2a, R9449-4.3c, THREAT-V9
#[test]
fn a_token_is_presented_as_what_it_is_bound_to_says() {
    let world = World::new();
    let (verifier, plain) = (world.verifier(), world.plain());
    let required = world.plain().with_dpop(world.proofs().required()).unwrap();
    let bound = world.bound();
    let refused = |verifier: &Verifier, scheme: &str, token: &str| {
        check(verifier, &request(&format!("{scheme} {token}"), &[&world.proof(token, None)])).map(drop)
    };
    for verifier in [&verifier, &plain, &required] {
        assert_eq!(refused(verifier, "Bearer", &bound), Err(RejectionKind::BoundToken), "as Bearer, proof or not");
        for cnf in [
            json!({"jwk": {"kty": "EC"}}),
            json!({"jkt": world.key.thumbprint(), "kid": "k"}),
            json!({"x5u": "https://a/"}),
        ] {
            let token = world.token(Some(cnf));
            assert_eq!(refused(verifier, "Bearer", &token), Err(RejectionKind::BoundToken), "not understood");
        }
        let malformed = world.token(Some(json!({"jkt": 1})));
        assert_eq!(refused(verifier, "Bearer", &malformed), Err(RejectionKind::Malformed));
    }
    assert_eq!(refused(&plain, "DPoP", &bound), Err(RejectionKind::MissingCredential), "a foreign scheme there");
    assert_eq!(refused(&verifier, "DPoP", &world.token(None)), Err(RejectionKind::BoundToken), "bound to no key");
    assert_eq!(refused(&verifier, "DPoP", &world.token(Some(json!({})))), Err(RejectionKind::BoundToken));
    assert_eq!(refused(&verifier, "Bearer", &world.token(None)), Ok(()));
    assert_eq!(refused(&required, "Bearer", &world.token(None)), Err(RejectionKind::BoundToken));
    assert_eq!(refused(&required, "DPoP", &bound), Ok(()));
}

// R9449-4.3a, R9449-4.3b, R9449-4.3c, R9449-4.3d, THREAT-V9, THREAT-A1
#[test]
fn a_proof_that_is_not_the_one_of_this_request_is_refused() {
    let world = World::new();
    let verifier = world.verifier();
    let token = world.bound();
    let url = "https://api.example.com/orders";
    let with_proofs = |proofs: &[&str]| check(&verifier, &request(&format!("DPoP {token}"), proofs)).map(drop);
    let by = |method: &Method, url: &str, token: &str| with_proofs(&[&proof(&world.key, method, url, token, None)]);
    let good = world.proof(&token, None);
    let (listed, long) = (format!("{good}, {good}"), "a".repeat(4097));
    for proofs in [&[][..], &[&*good, &good], &["no.proof"], &[""], &[&*token], &[&*listed], &[&*long]] {
        assert_eq!(with_proofs(proofs), Err(RejectionKind::InvalidProof), "{proofs:?}");
    }
    assert_eq!(by(&Method::POST, url, &token), Err(RejectionKind::InvalidProof));
    assert_eq!(by(&Method::GET, "https://api.example.com/other", &token), Err(RejectionKind::InvalidProof));
    assert_eq!(by(&Method::GET, "https://evil.example.com/orders", &token), Err(RejectionKind::InvalidProof));
    assert_eq!(by(&Method::GET, url, &world.token(None)), Err(RejectionKind::InvalidProof));
    let other = DpopKey::generate().unwrap().with_clock(world.time.clock());
    let stolen = proof(&other, &Method::GET, url, &token, None);
    assert_eq!(with_proofs(&[&stolen]), Err(RejectionKind::BoundToken), "the token is another key's");
    assert_eq!(with_proofs(&[&good]), Ok(()), "none of these has used it up");

    let (old, early) = (world.proof(&token, None), world.proof(&token, None));
    world.time.tick(Duration::from_secs(60));
    assert_eq!(with_proofs(&[&old]), Ok(()));
    world.time.tick(Duration::from_secs(1));
    assert_eq!(with_proofs(&[&early]), Err(RejectionKind::InvalidProof));
}

// R9449-7.1b, R9449-7.2b
#[test]
fn the_challenges_say_which_scheme_failed_and_how() {
    let world = World::new();
    let algorithms = [Algorithm::Es256, Algorithm::EdDsa];
    let verifier = world.plain().with_dpop(world.proofs().algorithms(algorithms)).unwrap();
    let (bearer, dpop) = (r#"Bearer realm="api""#, r#"DPoP realm="api", algs="ES256 EdDSA""#);
    assert_eq!(refusal(&verifier, &HeaderMap::new()).challenges(), [bearer, dpop]);
    let token = world.bound();
    let failed = refusal(&verifier, &request(&format!("DPoP {token}"), &[]));
    assert_eq!(failed.status(), 401);
    let told = format!(r#"{dpop}, error="invalid_dpop_proof", error_description="The DPoP proof is not valid""#);
    assert_eq!(failed.challenges(), [bearer, &told]);
    let failed = refusal(&verifier, &request("DPoP not.a.token", &[&world.proof("not.a.token", None)]));
    let told = format!(r#"{dpop}, error="invalid_token", error_description="The access token is not valid""#);
    assert_eq!(failed.challenges(), [bearer, &told]);
    let failed = refusal(&verifier, &request(&format!("Bearer {token}"), &[]));
    assert!(failed.challenges()[0].to_str().unwrap().contains(r#"error="invalid_token""#));
    assert_eq!(failed.challenges()[1], dpop);

    let scoped = verifier.clone();
    let verified = check(&scoped, &world.request()).unwrap();
    let needed = ["admin"].into_iter().collect::<Vec<_>>();
    let lacks = scoped.require(&verified, &tower_auth_core::ScopeSet::new(needed).unwrap().into()).unwrap_err();
    assert_eq!(lacks.challenges()[0], bearer);
    assert!(lacks.challenges()[1].to_str().unwrap().contains(r#"error="insufficient_scope""#));
}

// THREAT-T10, R9449-4.3b
#[test]
fn host_and_forwarding_fields_say_nothing_of_the_url() {
    let world = World::new();
    let verifier = world.verifier();
    let token = world.bound();
    let evil = proof(&world.key, &Method::GET, "https://evil.example/orders", &token, None);
    let good = world.proof(&token, None);
    let spoofed = |proof: &str, target: &str| {
        let mut spoofed = request(&format!("DPoP {token}"), &[proof]);
        *spoofed.uri_mut() = target.parse().unwrap();
        for (name, value) in [
            (HOST.as_str(), "evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/orders"),
            ("x-original-url", "/orders"),
            ("forwarded", "host=evil.example;proto=https"),
        ] {
            spoofed.headers_mut().insert(name, value.parse().unwrap());
        }
        check(&verifier, &spoofed).map(drop)
    };
    assert_eq!(spoofed(&evil, "/orders"), Err(RejectionKind::InvalidProof));
    assert_eq!(spoofed(&evil, "https://evil.example/orders"), Err(RejectionKind::InvalidProof));
    assert_eq!(spoofed(&good, "/"), Err(RejectionKind::InvalidProof));
    assert_eq!(spoofed(&good, "http://evil.example/orders"), Ok(()), "only the path is the request's");
}

// R9449-4.3b
#[test]
fn a_prefix_that_a_proxy_has_taken_is_put_back() {
    let world = World::new();
    let proofs = DpopProofs::new("https://www.example.com/api").unwrap().clock(world.time.clock());
    let verifier = world.plain().with_dpop(proofs.base_url(API).unwrap()).unwrap();
    let token = world.bound();
    for url in ["https://www.example.com/api/orders", "https://api.example.com/orders"] {
        let proof = proof(&world.key, &Method::GET, url, &token, None);
        check(&verifier, &request(&format!("DPoP {token}"), &[&proof])).unwrap();
    }
    let proof = proof(&world.key, &Method::GET, "https://www.example.com/orders", &token, None);
    let refused = check(&verifier, &request(&format!("DPoP {token}"), &[&proof]));
    assert_eq!(refused.map(drop), Err(RejectionKind::InvalidProof));
}

// R9449-11.1a, THREAT-V10
#[test]
fn a_proof_is_good_once_and_another_for_the_same_token_is_another() {
    let world = World::new();
    let verifier = world.verifier();
    let request = world.request();
    check(&verifier, &request).unwrap();
    for clone in [verifier.clone(), verifier.clone()] {
        let refused = refusal(&clone, &request);
        assert_eq!(refused.kind(), RejectionKind::ReplayedProof);
        assert!(refused.challenges()[1].to_str().unwrap().contains(r#"error="invalid_dpop_proof""#));
    }
    world.time.tick(Duration::from_secs(60));
    assert_eq!(check(&verifier, &request).map(drop), Err(RejectionKind::ReplayedProof), "for the whole window");
    world.time.tick(Duration::from_secs(1));
    assert_eq!(check(&verifier, &request).map(drop), Err(RejectionKind::InvalidProof));
    check(&verifier, &world.request()).unwrap();
}

// THREAT-V10, THREAT-A9
#[test]
fn when_no_more_proofs_can_be_remembered_none_is_accepted_until_time_makes_room() {
    let world = World::new();
    let verifier = world.plain().with_dpop(world.proofs().replay_capacity(3)).unwrap();
    let requests: Vec<_> = (0..3).map(|_| world.request()).collect();
    for request in &requests {
        check(&verifier, request).unwrap();
    }
    let full = refusal(&verifier, &world.request());
    assert_eq!((full.kind(), full.status().as_u16(), full.grpc_code()), (RejectionKind::Overloaded, 503, 14));
    assert!(full.retry_after().is_some() && full.challenges().is_empty());
    assert_eq!(
        check(&verifier, &requests[0]).map(drop),
        Err(RejectionKind::ReplayedProof),
        "nothing was forgotten for it"
    );
    world.time.tick(Duration::from_secs(72));
    check(&verifier, &world.request()).unwrap();
}

// THREAT-V10, THREAT-A9
#[test]
fn nobody_without_a_bound_token_can_fill_the_memory() {
    let world = World::new();
    let verifier = world.plain().with_dpop(world.proofs().replay_capacity(1)).unwrap();
    let (token, other) = (world.bound(), DpopKey::generate().unwrap().with_clock(world.time.clock()));
    let url = "https://api.example.com/orders";
    let expired = {
        let claims = with(with(claims(), "exp", NOW - 600), "cnf", json!({"jkt": world.key.thumbprint()}));
        verify_support::token(&world.issuer, &claims)
    };
    let forged = verify_support::token(&es256(), &with(claims(), "cnf", json!({"jkt": other.thumbprint()})));
    for _ in 0..10 {
        for (token, proof) in [
            (&expired, world.proof(&expired, None)),
            (&forged, proof(&other, &Method::GET, url, &forged, None)),
            (&token, proof(&other, &Method::GET, url, &token, None)),
            (&token, proof(&world.key, &Method::POST, url, &token, None)),
            (&world.token(None), world.proof(&world.token(None), None)),
            (&world.token(Some(json!({"jkt": world.key.thumbprint(), "x5t#S256": "x"}))), world.proof(&token, None)),
        ] {
            assert!(check(&verifier, &request(&format!("DPoP {token}"), &[&proof])).is_err());
        }
    }
    check(&verifier, &world.request()).unwrap();
    assert_eq!(check(&verifier, &world.request()).map(drop), Err(RejectionKind::Overloaded));
}

// THREAT-V10
#[test]
fn of_a_thousand_requests_at_once_with_one_proof_one_is_accepted() {
    let world = World::new();
    let (verifier, request) = (world.verifier(), world.request());
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let outcomes = (0..250).map(|_| check(&verifier, &request).map(drop));
                    outcomes.filter(|outcome| *outcome != Err(RejectionKind::ReplayedProof)).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
    assert_eq!(check(&verifier, &request).map(drop), Err(RejectionKind::ReplayedProof));
}

// THREAT-V10, R9449-11.1a
#[tokio::test]
async fn verifiers_that_share_a_store_accept_a_proof_once_between_them() {
    let world = World::new();
    let store = Shared::default();
    let replica = || world.plain().with_dpop(world.proofs().replay_store(store.clone())).unwrap();
    let (one, two) = (replica(), replica());
    let request = world.request();
    let outcomes: Vec<_> = {
        let verifications = (0..1_000).map(|n| if n % 2 == 0 { one.verify(&request) } else { two.verify(&request) });
        let running: Vec<_> = verifications.map(|verification| tokio::spawn(verification)).collect();
        let mut outcomes = Vec::new();
        for task in running {
            outcomes.push(task.await.unwrap().map_err(|refusal| refusal.kind()));
        }
        outcomes
    };
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Err(RejectionKind::ReplayedProof))).count(), 999);
    let until = store.until.lock().unwrap().unwrap();
    assert!(until >= world.time.clock().wall() + Duration::from_secs(70), "as long as any replica would accept it");
    // Without a store each knows its own.
    let (one, two) = (world.verifier(), world.verifier());
    check(&one, &request).unwrap();
    check(&two, &request).unwrap();
}

// THREAT-V10, THREAT-V16
#[tokio::test]
async fn a_store_that_fails_hangs_or_cannot_be_waited_for_lets_nobody_in() {
    let world = World::new();
    let with_store = |store: DpopProofs| world.plain().with_dpop(store).unwrap();
    let failing = with_store(
        world.proofs().replay_store(|_: UsedProof| async { Err::<bool, BoxError>("connection refused".into()) }),
    );
    let refused = failing.verify(&world.request()).await.unwrap_err();
    assert_eq!((refused.kind(), refused.status().as_u16()), (RejectionKind::LookupUnavailable, 503));
    assert!(refused.retry_after().is_some());

    let hanging = with_store(world.proofs().replay_store(|_: UsedProof| std::future::pending()));
    let waiting = tokio::spawn(hanging.verify(&world.request()));
    tokio::task::yield_now().await;
    world.time.advance(Duration::from_secs(1)).await;
    assert_eq!(waiting.await.unwrap().unwrap_err().kind(), RejectionKind::LookupUnavailable);

    let store = Shared::default();
    let shared = with_store(world.proofs().replay_store(store.clone()));
    let request = world.request();
    assert_eq!(check(&shared, &request).map(drop), Err(RejectionKind::LookupUnavailable));
    assert_eq!(store.asked.load(Ordering::SeqCst), 0);
    shared.verify(&request).await.unwrap();
}

// R9449-8b
#[test]
fn a_nonce_is_given_with_the_refusal_and_the_next_one_in_time() {
    let world = World::new();
    let lifetime = Duration::from_secs(30);
    let verifier = world.plain().with_dpop(world.proofs().require_nonce().nonce_lifetime(lifetime)).unwrap();
    let token = world.bound();
    let with_nonce =
        |nonce: Option<&str>| verifier.try_verify(&request(&format!("DPoP {token}"), &[&world.proof(&token, nonce)]));
    let refused = with_nonce(None).unwrap_err();
    assert_eq!((refused.kind(), refused.status().as_u16()), (RejectionKind::NonceRequired, 401));
    let headers = refused.headers();
    assert_eq!(headers.get_all("dpop-nonce").iter().count(), 1);
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert!(refused.challenges()[1].to_str().unwrap().contains(r#"error="use_dpop_nonce""#));
    let first = headers["dpop-nonce"].to_str().unwrap().to_owned();
    assert!(with_nonce(Some(&first)).unwrap().dpop_nonce().is_none());

    world.time.tick(lifetime);
    let verified = with_nonce(Some(&first)).unwrap();
    let mut told: HeaderMap = [(CACHE_CONTROL, "public, max-age=60".parse().unwrap())].into_iter().collect();
    told.insert("dpop-nonce", "of-somebody-else".parse().unwrap());
    verified.tell_client(&mut told);
    assert_eq!((told.len(), &told[CACHE_CONTROL]), (2, &"no-store".parse().unwrap()));
    let second = told["dpop-nonce"].to_str().unwrap().to_owned();
    assert_ne!(first, second);
    world.time.tick(lifetime);
    let refused = with_nonce(Some(&first)).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::NonceRequired);
    assert!(with_nonce(Some(&second)).is_ok());
    for forged in ["", "guess", &second[1..], &format!("{second}A")] {
        assert_eq!(with_nonce(Some(forged)).unwrap_err().kind(), RejectionKind::NonceRequired, "{forged}");
    }
}

// R9449-8b
#[test]
fn a_fleet_with_one_secret_accepts_each_others_nonces() {
    let world = World::new();
    let secret = || Secret::from("0123456789abcdef0123456789abcdef");
    let replica = |proofs: DpopProofs| world.plain().with_dpop(proofs.require_nonce()).unwrap();
    let (one, two) = (replica(world.proofs().nonce_secret(secret())), replica(world.proofs().nonce_secret(secret())));
    let stranger = replica(world.proofs());
    let token = world.bound();
    let nonce_of = |verifier: &Verifier| {
        let refused = refusal(verifier, &request(&format!("DPoP {token}"), &[&world.proof(&token, None)]));
        refused.headers()["dpop-nonce"].to_str().unwrap().to_owned()
    };
    let by = |verifier: &Verifier, nonce: &str| {
        check(verifier, &request(&format!("DPoP {token}"), &[&world.proof(&token, Some(nonce))])).map(drop)
    };
    assert_eq!(by(&two, &nonce_of(&one)), Ok(()));
    assert_eq!(by(&two, &nonce_of(&stranger)), Err(RejectionKind::NonceRequired));
    assert_eq!(by(&stranger, &nonce_of(&one)), Err(RejectionKind::NonceRequired));
}

// THREAT-K3, THREAT-V9
#[test]
fn no_verdict_about_a_bound_token_is_remembered() {
    let world = World::new();
    let verifier = world.verifier();
    let token = world.bound();
    let request_of = |proofs: &[&str]| request(&format!("DPoP {token}"), proofs);
    let good = request_of(&[&world.proof(&token, None)]);
    check(&verifier, &good).unwrap();
    assert_eq!(check(&verifier, &good).map(drop), Err(RejectionKind::ReplayedProof));
    assert_eq!(check(&verifier, &request_of(&[])).map(drop), Err(RejectionKind::InvalidProof));
    assert_eq!(check(&verifier, &request(&format!("Bearer {token}"), &[])).map(drop), Err(RejectionKind::BoundToken));
    // What is remembered of a plain token is of no use under the other scheme.
    let plain = world.token(None);
    for _ in 0..2 {
        check(&verifier, &request(&format!("Bearer {plain}"), &[])).unwrap();
    }
    let as_dpop = request(&format!("DPoP {plain}"), &[&world.proof(&plain, None)]);
    assert_eq!(check(&verifier, &as_dpop).map(drop), Err(RejectionKind::BoundToken));
}

// R9449-4.3c, THREAT-V10
#[tokio::test]
async fn a_request_that_waits_for_keys_is_judged_by_its_proof_all_the_same() {
    let world = World::new();
    let server = Server::with_key(&world.issuer);
    let verifier = builder(&server, &world.time).build().unwrap().with_dpop(world.proofs()).unwrap();
    let (good, token) = (world.request(), world.bound());
    let wrong = request(
        &format!("DPoP {token}"),
        &[&proof(&world.key, &Method::PUT, "https://api.example.com/orders", &token, None)],
    );
    let stolen = request(&format!("Bearer {token}"), &[]);
    let waiting = [verifier.verify(&good), verifier.verify(&good), verifier.verify(&wrong), verifier.verify(&stolen)];
    assert!(waiting.iter().all(|verification| verification.is_waiting()));
    let mut outcomes = Vec::new();
    for verification in waiting {
        outcomes.push(verification.await.map(|_| ()).map_err(|refusal| refusal.kind()));
    }
    assert_eq!(
        outcomes,
        [Ok(()), Err(RejectionKind::ReplayedProof), Err(RejectionKind::InvalidProof), Err(RejectionKind::BoundToken)]
    );
    let missing = request(&format!("DPoP {token}"), &[]);
    assert_eq!(check(&verifier, &missing).map(drop), Err(RejectionKind::InvalidProof));
}

// R9449-4.3c, THREAT-V16
#[test]
fn where_only_the_header_is_known_a_proof_cannot_be_judged() {
    let world = World::new();
    let verifier = world.verifier();
    let request = world.request();
    let refused = refusal(&verifier, request.headers());
    assert_eq!((refused.kind(), refused.status().as_u16()), (RejectionKind::Misconfigured, 500));
    let (parts, ()) = request.into_parts();
    check(&verifier, &parts).unwrap();
}

// R9449-4.3c, R8705-3a
#[test]
fn a_token_that_is_bound_to_both_needs_both() {
    let world = World::new();
    let verifier = world.verifier();
    let certificate = PeerCertificate::from_der(b"certificate");
    let token = world.token(Some(json!({"jkt": world.key.thumbprint(), "x5t#S256": certificate.thumbprint()})));
    let outcome = |proofs: &[&str], certificate: Option<&PeerCertificate>| {
        let mut request = request(&format!("DPoP {token}"), proofs);
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        check(&verifier, &request).map(drop)
    };
    let proof = world.proof(&token, None);
    assert_eq!(outcome(&[&proof], None), Err(RejectionKind::WrongCertificate));
    assert_eq!(outcome(&[&proof], Some(&PeerCertificate::from_der(b"other"))), Err(RejectionKind::WrongCertificate));
    assert_eq!(outcome(&[], Some(&certificate)), Err(RejectionKind::InvalidProof));
    assert_eq!(outcome(&[&proof], Some(&certificate)), Ok(()), "and none of these has used it up");
    let mut as_bearer = request(&format!("Bearer {token}"), &[]);
    as_bearer.extensions_mut().insert(certificate);
    assert_eq!(check(&verifier, &as_bearer).map(drop), Err(RejectionKind::BoundToken));
}

// R9449-7.1b
#[test]
fn proofs_are_for_verifiers_of_tokens_and_configured_once() {
    let world = World::new();
    let basic = || BasicVerifier::new().user("batch", "s3cret").build().unwrap();
    let code = |outcome: Result<Verifier, tower_auth_core::ConfigError>| outcome.map(drop).unwrap_err().code();
    assert_eq!(code(basic().with_dpop(world.proofs())), "config.invalid_option");
    assert_eq!(code(world.verifier().with_dpop(world.proofs())), "config.invalid_option");
    assert_eq!(code(world.plain().with_dpop(world.proofs().algorithms([]))), "config.invalid_option");
    let all = Verifier::all_of([world.plain(), basic()]).unwrap();
    assert_eq!(code(all.with_dpop(world.proofs())), "config.invalid_option");
    let other =
        JwtVerifier::shared_secret("other", Algorithm::Hs256, &Secret::from("0123456789abcdef0123456789abcdef"));
    let other = other.unwrap().audience("orders").clock(world.time.clock()).build().unwrap();
    let twice = Verifier::any_of([world.verifier(), other.clone().with_dpop(world.proofs()).unwrap()]);
    assert_eq!(code(twice), "config.invalid_option");
    for merged in [
        Verifier::any_of([world.verifier(), other.clone(), basic()]).unwrap(),
        Verifier::any_of([basic(), other, world.plain()]).unwrap().with_dpop(world.proofs()).unwrap(),
    ] {
        check(&merged, &world.request()).unwrap();
        assert!(format!("{merged:?}").contains("dpop: true"));
    }
}

// THREAT-L1
#[test]
fn nothing_that_is_printed_has_the_proof_or_the_token() {
    let world = World::new();
    let verifier = world.verifier();
    let token = world.bound();
    let wrong = proof(&world.key, &Method::PUT, "https://api.example.com/orders", &token, None);
    let refused = refusal(&verifier, &request(&format!("DPoP {token}"), &[&wrong]));
    let shown = format!("{refused} {refused:?} {verifier:?} {:?}", refused.headers());
    for part in token.split('.').chain(wrong.split('.')) {
        assert!(!shown.contains(part), "{shown}");
    }
    assert!(refused.explain().contains("PUT"), "{refused}");
}
