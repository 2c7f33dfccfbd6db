//! The attach step: an unexpired token in memory becomes a header of a request.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::hint::black_box;
use std::sync::{Arc, RwLock};
#[cfg(feature = "peers")]
use std::time::Duration;

use arc_swap::ArcSwap;
use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderValue;
use http::header::AUTHORIZATION;
#[cfg(feature = "peers")]
use tower_auth_bench::{TokenServer, at_once, peers};
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
    #[cfg(feature = "peers")]
    peers(&mut group);
    group.finish();
}

/// From the cached token to a header of the request. Their token endpoint is on the loopback interface, and is asked before the clock starts.
#[cfg(feature = "peers")]
fn peers(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    use azure_core::http::policies::Policy as _;
    use middle::Authorizer as _;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let server = TokenServer::start(86_400, Duration::ZERO);

    let middle = runtime.block_on(peers::middle(&server));
    case(group, "peer: middle", || {
        let (mut request, middle) = (request(), middle.clone());
        move || {
            let value = HeaderValue::clone(&middle.authorization_header().unwrap());
            black_box(request.headers_mut().insert(AUTHORIZATION, value));
        }
    });

    let huskarl = runtime.block_on(peers::huskarl(&server));
    let (method, uri) = (http::Method::GET, http::Uri::from_static("https://api.example.com/orders"));
    runtime.block_on(huskarl.get_headers(&method, &uri)).unwrap();
    case(group, "peer: huskarl", || {
        let (mut request, huskarl, method, uri) = (request(), &huskarl, &method, &uri);
        move || {
            let headers = at_once(huskarl.get_headers(method, uri)).unwrap();
            for (name, value) in &headers {
                black_box(request.headers_mut().insert(name, value.clone()));
            }
        }
    });

    let google = peers::google(&server);
    runtime.block_on(google.headers(http::Extensions::new())).unwrap();
    case(group, "peer: google-cloud-auth", || {
        let (mut request, google) = (request(), &google);
        move || {
            let google_cloud_auth::credentials::CacheableResource::New { data, .. } =
                at_once(google.headers(http::Extensions::new())).unwrap()
            else {
                return;
            };
            for (name, value) in &data {
                black_box(request.headers_mut().insert(name, value.clone()));
            }
        }
    });

    let (azure, next) = peers::azure();
    case(group, "peer: azure_core", || {
        let (azure, next) = (&azure, &next);
        let context = azure_core::http::Context::new();
        let url = "https://api.example.com/orders".parse().unwrap();
        let mut request = azure_core::http::Request::new(url, azure_core::http::Method::Get);
        move || {
            black_box(at_once(azure.send(&context, &mut request, next)).unwrap());
        }
    });
}

criterion_group!(benches, attach);
criterion_main!(benches);
