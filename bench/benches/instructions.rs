//! Instructions of the hot paths, counted by callgrind: the same on each run, whatever else the machine does.
//!
//! Started by `scripts/instructions`.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::hint::black_box;

use bytes::Bytes;
use gungraun::prelude::*;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use http_body_util::Full;
use tower_auth::{Auth, AuthLayer};
use tower_auth_bench::incoming::{Issuer, RawCheck, verified};
use tower_auth_bench::{NoOp, TIMES, bearer, drive, request, token, warm_cache};
use tower_auth_core::jose::Algorithm;
use tower_auth_core::{TokenReader, Verifier};
use tower_http::auth::{AddAuthorization, AddAuthorizationLayer};
use tower_layer::Layer;

type Head = Request<Full<Bytes>>;

fn reader() -> TokenReader {
    warm_cache().reader()
}

/// The first uses fill what later ones find.
fn used(mut reader: TokenReader) -> TokenReader {
    let mut request = request();
    for _ in 0..4 {
        let _ = reader.attach(&mut request);
    }
    reader
}

#[library_benchmark]
#[bench::once(request(), bearer())]
fn floor(mut request: Head, value: HeaderValue) -> (Head, HeaderValue) {
    for _ in 0..TIMES {
        black_box(request.headers_mut().insert(AUTHORIZATION, value.clone()));
    }
    (request, value)
}

#[library_benchmark]
#[bench::once(request(), used(reader()))]
fn long_lived(mut request: Head, mut reader: TokenReader) -> (Head, TokenReader) {
    for _ in 0..TIMES {
        black_box(reader.attach(&mut request));
    }
    (request, reader)
}

#[library_benchmark]
#[bench::once(request(), used(reader()))]
fn cloned(mut request: Head, reader: TokenReader) -> (Head, TokenReader) {
    for _ in 0..TIMES {
        black_box(reader.clone().attach(&mut request));
    }
    (request, reader)
}

library_benchmark_group!(name = attach, benchmarks = [floor, long_lived, cloned]);

fn added() -> AddAuthorization<NoOp> {
    let mut service = AddAuthorizationLayer::bearer(&token()).layer(NoOp);
    drive(&mut service);
    service
}

fn authorized(recovery: bool) -> Auth<NoOp> {
    let layer = AuthLayer::new(&warm_cache(), ["https://api.example.com"]).unwrap();
    let layer = if recovery { layer } else { layer.without_recovery() };
    let mut service = layer.layer(NoOp);
    (0..4).for_each(|_| drive(&mut service));
    service
}

#[library_benchmark]
#[bench::once(added())]
fn add_authorization(mut service: AddAuthorization<NoOp>) -> AddAuthorization<NoOp> {
    (0..TIMES).for_each(|_| drive(&mut service));
    service
}

#[library_benchmark]
#[bench::once(authorized(false))]
fn recovery_off(mut service: Auth<NoOp>) -> Auth<NoOp> {
    (0..TIMES).for_each(|_| drive(&mut service));
    service
}

#[library_benchmark]
#[bench::once(authorized(true))]
fn recovery_on(mut service: Auth<NoOp>) -> Auth<NoOp> {
    (0..TIMES).for_each(|_| drive(&mut service));
    service
}

library_benchmark_group!(name = layer, benchmarks = [add_authorization, recovery_off, recovery_on]);

/// Of HS256, whose signature hides least of what else is done. With a token that it accepts.
fn checked() -> (RawCheck, String) {
    let issuer = Issuer::new(Algorithm::Hs256);
    (issuer.raw_check(), issuer.token(0))
}

fn verifying(remembers: bool) -> (Verifier, String) {
    let issuer = Issuer::new(Algorithm::Hs256);
    let (verifier, token) =
        (if remembers { issuer.remembering_verifier() } else { issuer.verifier() }, issuer.token(0));
    (0..4).for_each(|_| drop(verified(&verifier, &token)));
    (verifier, token)
}

#[library_benchmark]
#[bench::once(checked())]
fn raw_check((raw, token): (RawCheck, String)) -> (RawCheck, String) {
    for _ in 0..TIMES {
        assert!(black_box(raw.accepts(black_box(&token))));
    }
    (raw, token)
}

#[library_benchmark]
#[bench::once(verifying(false))]
fn first_sight((verifier, token): (Verifier, String)) -> (Verifier, String) {
    for _ in 0..TIMES {
        drop(black_box(verified(&verifier, black_box(&token))));
    }
    (verifier, token)
}

#[library_benchmark]
#[bench::once(verifying(true))]
fn memo_hit((verifier, token): (Verifier, String)) -> (Verifier, String) {
    for _ in 0..TIMES {
        drop(black_box(verified(&verifier, black_box(&token))));
    }
    (verifier, token)
}

library_benchmark_group!(name = verify, benchmarks = [raw_check, first_sight, memo_hit]);

main!(library_benchmark_groups = [attach, layer, verify]);
