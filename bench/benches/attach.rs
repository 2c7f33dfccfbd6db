//! The attach step: an unexpired token in memory becomes a header of a request.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::hint::black_box;
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwap;
use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use tower_auth_bench::{bearer, case, request, warm_cache};

fn attach(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("attach");
    case(&mut group, "floor: clone a prebuilt value and insert it", || {
        let (mut request, value) = (request(), bearer());
        move || {
            black_box(request.headers_mut().insert(AUTHORIZATION, value.clone()));
        }
    });

    let cache = warm_cache();
    case(&mut group, "ours: long-lived reader", || {
        let (mut request, mut reader) = (request(), cache.reader());
        move || {
            black_box(reader.attach(&mut request));
        }
    });
    let shared = cache.reader();
    case(&mut group, "ours: reader cloned per request", || {
        let (mut request, shared) = (request(), &shared);
        move || {
            black_box(shared.clone().attach(&mut request));
        }
    });

    let swap = ArcSwap::from_pointee(bearer());
    case(&mut group, "design: arc-swap `load`, no expiry check", || {
        let (mut request, swap) = (request(), &swap);
        move || {
            let value = HeaderValue::clone(&swap.load());
            black_box(request.headers_mut().insert(AUTHORIZATION, value));
        }
    });
    case(&mut group, "design: arc-swap `load_full`, no expiry check", || {
        let (mut request, swap) = (request(), &swap);
        move || {
            let value = HeaderValue::clone(&swap.load_full());
            black_box(request.headers_mut().insert(AUTHORIZATION, value));
        }
    });
    let behind_arc = Arc::new(ArcSwap::from_pointee(bearer()));
    case(&mut group, "design: arc-swap behind an `Arc` cloned per request", || {
        let (mut request, swap) = (request(), &behind_arc);
        move || {
            let value = HeaderValue::clone(&Arc::clone(swap).load());
            black_box(request.headers_mut().insert(AUTHORIZATION, value));
        }
    });
    let lock = RwLock::new(bearer());
    case(&mut group, "design: std `RwLock`, no expiry check", || {
        let (mut request, lock) = (request(), &lock);
        move || {
            let value = lock.read().unwrap().clone();
            black_box(request.headers_mut().insert(AUTHORIZATION, value));
        }
    });
    let (_sender, watch) = tokio::sync::watch::channel(bearer());
    case(&mut group, "design: `tokio::watch`, no expiry check", || {
        let (mut request, watch) = (request(), watch.clone());
        move || {
            let value = watch.borrow().clone();
            black_box(request.headers_mut().insert(AUTHORIZATION, value));
        }
    });
    group.finish();
}

criterion_group!(benches, attach);
criterion_main!(benches);
