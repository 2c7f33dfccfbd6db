//! An opaque token about which its authorization server was asked lately.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use criterion::{Criterion, criterion_group, criterion_main};
use tower_auth_bench::incoming::{AUDIENCE, ISSUER, Issuer, scrambled, verified};
use tower_auth_bench::{TokenServer, block_on, case};
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{IncomingCredential, IntrospectionVerifier, Verifier};

/// How many answers are remembered.
const ANSWERS: usize = 1_000;

fn introspection(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("introspection");
    let tokens: Vec<String> = (0..ANSWERS).map(|number| format!("mF_9.B5f-4.1JqM{number:017}")).collect();

    let known: HashMap<[u8; 32], usize> = tokens.iter().map(|token| key(token)).zip(0..).collect();
    case(&mut group, "floor: SHA-256 of the token, looked up in a map", || {
        let (known, mut next) = (&known, scrambled(&tokens, 0));
        move || assert!(black_box(known.get(&key(black_box(next())))).is_some())
    });

    let issuer = Issuer::new(Algorithm::Rs256);
    let (jwt, raw) = (issuer.token(0), issuer.raw_check());
    assert!(raw.accepts(&jwt));
    case(&mut group, "design: RS256 by aws-lc-rs, parsed key", || {
        let (raw, jwt) = (&raw, jwt.clone());
        move || assert!(black_box(raw.accepts(black_box(&jwt))))
    });

    let server = TokenServer::answering(answer(), Duration::ZERO);
    let verifier = verifier(&server);
    block_on(async {
        for token in &tokens {
            assert!(verifier.verify_credential(IncomingCredential::bearer(token)).await.is_ok());
        }
    });
    assert_eq!(server.asked(), ANSWERS);
    case(&mut group, "ours: remembered answer", || {
        let (verifier, mut next) = (&verifier, scrambled(&tokens, 0));
        move || drop(black_box(verified(verifier, black_box(next()))))
    });
    assert_eq!(server.asked(), ANSWERS, "nobody was asked again");
    group.finish();
}

fn key(token: &str) -> [u8; 32] {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().unwrap()
}

fn answer() -> String {
    let exp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 86_400;
    format!(
        r#"{{"active":true,"iss":"{ISSUER}","sub":"248289761001","aud":"{AUDIENCE}","exp":{exp},"client_id":"web","scope":"orders:read orders:write"}}"#
    )
}

fn verifier(server: &TokenServer) -> Verifier {
    IntrospectionVerifier::new(format!("{}/introspect", server.address()), "orders", "correct horse")
        .allow_loopback_http()
        .audience(AUDIENCE)
        .cache_for(Duration::from_secs(3_600))
        .build()
        .unwrap()
}

criterion_group!(benches, introspection);
criterion_main!(benches);
