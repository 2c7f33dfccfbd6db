//! The hit allocates nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use http::{HeaderValue, Request};
use tower_auth_core::{SourceRequest, Token, TokenCache, TokenResponse};

fn request() -> Request<()> {
    let mut request = Request::new(());
    request.headers_mut().insert("accept", HeaderValue::from_static("*/*"));
    request.headers_mut().reserve(8);
    request
}

fn warm_cache() -> TokenCache {
    let cache = TokenCache::new(|_: SourceRequest| async {
        Ok(TokenResponse::new(Token::new("t".repeat(700)).unwrap()).expires_in(Duration::from_secs(3_600)))
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(cache.ready()).unwrap();
    cache
}

#[test]
fn attaching_allocates_nothing() {
    let cache = warm_cache();
    let mut reader = cache.reader();
    // The first use reads the shared copy, the second makes one of its own.
    reader.attach(&mut request()).unwrap();
    reader.attach(&mut request()).unwrap();
    let mut requests: Vec<_> = (0..100).map(|_| request()).collect();
    let counted = allocation_counter::measure(|| {
        for request in &mut requests {
            reader.attach(request).unwrap();
        }
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    assert_eq!(requests[99].headers()["authorization"].len(), "Bearer ".len() + 700);
}

#[test]
fn attaching_by_a_clone_per_request_allocates_nothing() {
    let cache = warm_cache();
    let reader = cache.reader();
    reader.clone().attach(&mut request()).unwrap();
    let mut requests: Vec<_> = (0..100).map(|_| request()).collect();
    let counted = allocation_counter::measure(|| {
        for request in &mut requests {
            reader.clone().attach(request).unwrap();
        }
    });
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 16])));
    assert_eq!(counted.count_total, 1);
}
