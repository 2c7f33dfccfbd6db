//! An access token of RFC 9068 becomes a verdict: by its signature, and from memory.
//!
//! Ours takes the token as it stands in the field and gives back the caller. Peers that are more than a function get what they
//! take: `tower-oauth2-resource-server` a request with a service below it that does nothing, `huskarl-resource-server` the header.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use foldhash::quality::RandomState;
use tower_auth_bench::incoming::{Issuer, LIVE_TOKENS, scrambled, verified};
use tower_auth_bench::{case, timed_case};
use tower_auth_core::Verified;
use tower_auth_core::jose::Algorithm;

fn verify(criterion: &mut Criterion) {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        let mut group = criterion.benchmark_group(format!("verify {}", algorithm.name()));
        let issuer = Issuer::new(algorithm);
        ours(&mut group, &issuer);
        #[cfg(feature = "peers")]
        peers(&mut group, &issuer);
        group.finish();
    }
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, issuer: &Issuer) {
    let token = issuer.token(0);
    let raw = issuer.raw_check();
    assert!(raw.accepts(&token));
    case(group, "floor: aws-lc-rs, parsed key", || {
        let (raw, token) = (&raw, token.clone());
        move || assert!(black_box(raw.accepts(black_box(&token))))
    });

    let verifier = issuer.verifier();
    assert_eq!(verified(&verifier, &token).client_id(), Some("s6BhdRkqt3-web"));
    case(group, "ours: first sight", || {
        let (verifier, token) = (&verifier, token.clone());
        move || drop(black_box(verified(verifier, black_box(&token))))
    });

    let tokens: Vec<_> = (0..LIVE_TOKENS).map(|number| issuer.token(number)).collect();
    let verifier = issuer.remembering_verifier();
    tokens.iter().for_each(|token| drop(verified(&verifier, token)));
    let starts = AtomicUsize::new(0);
    timed_case(group, "ours: memo hit, 10,000 live tokens", || {
        let start = starts.fetch_add(LIVE_TOKENS / 3, Ordering::Relaxed);
        let verifier = &verifier;
        arriving(scrambled(&tokens, start), move |token| drop(black_box(verified(verifier, token))))
    });
    // What memory alone costs where the tokens of a run are in no cache of the processor.
    let entry = |token: &String| (token.as_str().into(), Arc::new(verified(&verifier, token)));
    let map: HashMap<Box<str>, Arc<Verified>, RandomState> = tokens.iter().map(entry).collect();
    timed_case(group, "design: read-only map, 10,000 live tokens", || {
        let map = &map;
        arriving(scrambled(&tokens, LIVE_TOKENS / 2), move |token| drop(black_box(Arc::clone(&map[token]))))
    });
    case(group, "ours: memo hit, one hot token", || {
        let (verifier, token) = (&verifier, tokens[0].clone());
        move || drop(black_box(verified(verifier, black_box(&token))))
    });
}

/// Looks up tokens that have just arrived: their characters are in the processor's caches, as what a socket was read into is, and
/// nothing else of them. That they come there is not timed.
fn arriving<'a>(mut next: impl FnMut() -> &'a String, mut look_up: impl FnMut(&str)) -> impl FnMut(u64) -> Duration {
    let mut arrived = vec![String::new(); 16];
    move |times| {
        let (mut took, mut left) = (Duration::ZERO, usize::try_from(times).unwrap());
        while left > 0 {
            let some = left.min(arrived.len());
            arrived[..some].iter_mut().for_each(|token| token.clone_from(next()));
            let start = Instant::now();
            arrived[..some].iter().for_each(|token| look_up(black_box(token)));
            took += start.elapsed();
            left -= some;
        }
        took
    }
}

#[cfg(feature = "peers")]
fn peers(group: &mut BenchmarkGroup<'_, WallTime>, issuer: &Issuer) {
    use http::HeaderMap;
    use http::header::AUTHORIZATION;
    use tower_auth_bench::incoming::{bearer_of, drive_with, lets_in};
    use tower_auth_bench::resource_peers::{Huskarl, JsonWebToken, jwt_authorizer, tower_oauth2_resource_server};
    use tower_auth_bench::{NoOp, at_once};
    use tower_layer::Layer;

    let token = issuer.token(0);
    let jsonwebtoken = JsonWebToken::new(issuer);
    assert!(jsonwebtoken.decode(&token).is_some());
    case(group, "peer: jsonwebtoken", || {
        let (jsonwebtoken, token) = (&jsonwebtoken, token.clone());
        move || drop(black_box(jsonwebtoken.decode(black_box(&token)).unwrap()))
    });

    let jwt_authorizer = jwt_authorizer(issuer);
    assert!(at_once(jwt_authorizer.check_auth(&token)).is_ok());
    case(group, "peer: jwt-authorizer", || {
        let (jwt_authorizer, token) = (&jwt_authorizer, token.clone());
        move || drop(black_box(at_once(jwt_authorizer.check_auth(black_box(&token))).unwrap()))
    });

    // Neither has shared secrets as it comes.
    if issuer.secret().is_some() {
        return;
    }
    let layer = tower_oauth2_resource_server(issuer).into_layer::<()>();
    assert!(lets_in(&mut layer.layer(NoOp), &bearer_of(&token)));
    case(group, "peer: tower-oauth2-resource-server", || {
        let (mut service, value) = (layer.layer(NoOp), bearer_of(&token));
        move || drive_with(&mut service, &value)
    });

    // It may fetch keys again where it is used.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let huskarl = runtime.block_on(Huskarl::new(issuer));
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer_of(&token))]);
    assert!(huskarl.accepts(&headers));
    case(group, "peer: huskarl-resource-server", || {
        let (huskarl, headers) = (&huskarl, headers.clone());
        move || assert!(black_box(huskarl.accepts(black_box(&headers))))
    });
}

criterion_group!(benches, verify);
criterion_main!(benches);
