//! A user-id and password: hashed at first, remembered then.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::hint::black_box;

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tower_auth_bench::case;
use tower_auth_core::{Basic, BasicVerifier, Verifier};

const USER: &str = "batch";
const PASSWORD: &str = "correct horse battery staple";

fn login(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("login");
    group.sample_size(10);
    let text = Argon2::default().hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let hash = PasswordHash::new(&text).unwrap();
    assert!(is_right(&hash));
    case(&mut group, "floor: argon2id", || || assert!(black_box(is_right(black_box(&hash)))));

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let headers = headers();
    let description = || BasicVerifier::new().user_hash(USER, text.as_str());
    let verifier = description().without_memo().build().unwrap();
    case(&mut group, "ours: first login", || {
        let (runtime, verifier, headers) = (&runtime, &verifier, &headers);
        move || assert!(runtime.block_on(verifier.verify(black_box(headers))).is_ok())
    });

    let verifier = description().memo_ttl(std::time::Duration::from_secs(86_400)).build().unwrap();
    assert!(runtime.block_on(verifier.verify(&headers)).is_ok());
    case(&mut group, "ours: repeated login", || {
        let (verifier, headers) = (&verifier, headers.clone());
        move || assert!(is_remembered(verifier, black_box(&headers)))
    });
    group.finish();
}

fn is_right(hash: &PasswordHash) -> bool {
    Argon2::default().verify_password(PASSWORD.as_bytes(), hash).is_ok()
}

/// What must be hashed cannot be told at once.
fn is_remembered(verifier: &Verifier, headers: &HeaderMap) -> bool {
    verifier.try_verify(headers).is_ok()
}

fn headers() -> HeaderMap {
    let pair = Basic::new(USER, PASSWORD).unwrap().header_text();
    HeaderMap::from_iter([(AUTHORIZATION, pair.expose_secret().parse().unwrap())])
}

criterion_group!(benches, login);
criterion_main!(benches);
