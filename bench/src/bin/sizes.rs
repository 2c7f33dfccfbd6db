//! How much memory is held for each token: by caches, and by the verifier that remembers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a program that measures")]

use std::time::Duration;

use tower_auth_bench::incoming::{Issuer, LIVE_TOKENS, verified};
use tower_auth_bench::{Figures, block_on, token, warm_cache};
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{Clock, SourceRequest, Token, TokenCache, TokenCaches, TokenResponse};

fn main() {
    let mut figures = Figures::new("sizes");
    let floor = "floor: the token's text";
    figures.add("memory: a cached token", floor, 1, token().len() as f64, "bytes");
    // What a process holds once is held by the first.
    let _first = warm_cache();
    let own = held(warm_cache);
    figures.add("memory: a cached token", "ours: a `TokenCache`", 1, own, "bytes");
    let all = held(keyed);
    figures.add("memory: a cached token", "ours: one of 10,000 of `TokenCaches`", 1, all / LIVE_TOKENS as f64, "bytes");

    let issuer = Issuer::new(Algorithm::Rs256);
    let tokens: Vec<_> = (0..LIVE_TOKENS).map(|number| issuer.token(number)).collect();
    let verifier = issuer.remembering_verifier();
    let memo = held(|| tokens.iter().for_each(|token| drop(verified(&verifier, token))));
    figures.add("memory: a remembered verdict", floor, 1, tokens[0].len() as f64, "bytes");
    figures.add("memory: a remembered verdict", "ours: one of 10,000", 1, memo / LIVE_TOKENS as f64, "bytes");
    figures.save().unwrap();
}

/// How many bytes more than before are held after `make` by what it made.
fn held<T>(make: impl FnOnce() -> T) -> f64 {
    let mut kept = None;
    let info = allocation_counter::measure(|| kept = Some(make()));
    drop(kept);
    info.bytes_current as f64
}

fn keyed() -> TokenCaches<usize> {
    let caches = TokenCaches::with_limits(
        |_: &usize| TokenCache::builder(source),
        LIVE_TOKENS,
        Duration::from_secs(86_400),
        Clock::system(),
    );
    block_on(async {
        for key in 0..LIVE_TOKENS {
            caches.get(&key).unwrap().ready().await.unwrap();
        }
    });
    caches
}

async fn source(_: SourceRequest) -> Result<TokenResponse, tower_auth_core::TokenError> {
    Ok(TokenResponse::new(Token::new(token()).unwrap()).expires_in(Duration::from_secs(86_400)))
}
