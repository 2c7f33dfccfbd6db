//! Caches by key: one token for each user, tenant or audience.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::RwLock;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use tower_auth_bench::{bearer, block_on, case, request, token};
use tower_auth_core::{Clock, SourceRequest, Token, TokenCache, TokenCaches, TokenResponse};

/// By one key, by a thousand and by a hundred thousand, each used in turn, in no order that a processor foresees.
fn keyed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keyed caches");
    case(&mut group, "floor: clone a prebuilt value and insert it", || {
        let (mut request, value) = (request(), bearer());
        move || {
            black_box(request.headers_mut().insert(AUTHORIZATION, value.clone()));
        }
    });
    for count in [1_u64, 1_000, 100_000] {
        let caches = TokenCaches::with_limits(
            |_: &u64| TokenCache::builder(source),
            usize::try_from(count).unwrap(),
            Duration::from_secs(86_400),
            Clock::system(),
        );
        block_on(async {
            for key in 0..count {
                caches.get(&key).unwrap().ready().await.unwrap();
            }
        });
        case(&mut group, &format!("ours: {count} keys"), || {
            let (mut request, caches, mut next) = (request(), &caches, Walk::new(count));
            move || {
                black_box(caches.get(&next.key()).unwrap().reader().attach(&mut request).unwrap());
            }
        });
        let map: RwLock<HashMap<u64, HeaderValue>> = RwLock::new((0..count).map(|key| (key, bearer())).collect());
        case(&mut group, &format!("design: `RwLock` of a map, no expiry check, {count} keys"), || {
            let (mut request, map, mut next) = (request(), &map, Walk::new(count));
            move || {
                let value = map.read().unwrap()[&next.key()].clone();
                black_box(request.headers_mut().insert(AUTHORIZATION, value));
            }
        });
    }
    group.finish();
}

async fn source(_: SourceRequest) -> Result<TokenResponse, tower_auth_core::TokenError> {
    Ok(TokenResponse::new(Token::new(token()).unwrap()).expires_in(Duration::from_secs(86_400)))
}

/// All keys again and again, scattered.
struct Walk {
    at: u64,
    count: u64,
}

impl Walk {
    fn new(count: u64) -> Self {
        Self { at: 0, count }
    }

    fn key(&mut self) -> u64 {
        self.at = self.at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.at >> 33) % self.count
    }
}

criterion_group!(benches, keyed);
criterion_main!(benches);
