use std::time::Instant;

use http::HeaderMap;
use tower_auth::core::{Basic, BasicVerifier, PasswordHash, Secret};

use crate::measure::nanoseconds;

/// What a login costs that the memo knows, beside the hash that it saves.
pub(crate) fn run() {
    let password = Secret::from("correct horse battery staple");
    let hash = PasswordHash::hash(&password).unwrap();
    let mut hashing: Vec<f64> = (0..31)
        .map(|_| {
            let start = Instant::now();
            assert!(hash.verify(&password));
            start.elapsed().as_secs_f64() * 1e9
        })
        .collect();
    hashing.sort_by(f64::total_cmp);
    let hashing = hashing[hashing.len() / 2];

    let verifier = BasicVerifier::new().user_hash("batch", hash.expose_hash()).build().unwrap();
    let mut headers = HeaderMap::new();
    let text = Basic::new("batch", password).unwrap().header_text();
    headers.insert("authorization", text.expose_secret().parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(verifier.verify(&headers)).is_ok());
    let case = || {
        let (verifier, headers) = (verifier.clone(), headers.clone());
        move || assert!(verifier.try_verify(&headers).is_ok())
    };
    println!();
    println!("{:<62} {hashing:>9.0}", "a password hashed by argon2id, ns");
    for threads in [1, 2] {
        let repeat = nanoseconds(threads, &case);
        println!(
            "{:<62} {repeat:>9.1}   1/{:.0}",
            format!("the same pair again, {threads} thread(s), ns"),
            hashing / repeat
        );
    }
}
