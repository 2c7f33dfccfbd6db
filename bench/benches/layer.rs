//! A whole service: a layer over one that does nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::convert::Infallible;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use http::Request;
use http_body_util::Full;
use tower_auth::{AuthLayer, ReplayBody};
use tower_auth_bench::{BoxedNoOp, NoOp, case, drive, token, warm_cache};
use tower_http::auth::AddAuthorizationLayer;
use tower_layer::Layer;
use tower_service::Service;

const ORIGIN: [&str; 1] = ["https://api.example.com"];

/// Over an inner service whose future is small, and over one whose future is boxed as hyper-util's is.
fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("layer, small future{}", observed()));
    over(&mut group, NoOp);
    group.finish();
    let mut group = criterion.benchmark_group(format!("layer, boxed future{}", observed()));
    over(&mut group, BoxedNoOp);
    group.finish();
}

/// With the feature everything is counted for Prometheus, and traced into nowhere: what services in production do.
#[cfg(feature = "metrics")]
fn observed() -> &'static str {
    use tracing_subscriber::filter::LevelFilter;

    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().unwrap();
        tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_writer(std::io::sink).init();
    });
    ", metrics and tracing on"
}

#[cfg(not(feature = "metrics"))]
fn observed() -> &'static str {
    ""
}

fn over<S>(group: &mut BenchmarkGroup<'_, WallTime>, inner: S)
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<()>, Error = Infallible>,
    S: Service<Request<ReplayBody<Full<Bytes>>>, Response = http::Response<()>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    <S as Service<Request<ReplayBody<Full<Bytes>>>>>::Future: Send,
{
    let cache = warm_cache();
    let add = AddAuthorizationLayer::bearer(&token()).layer(inner.clone());
    case(group, "floor: tower-http `AddAuthorization`", || {
        let mut service = add.clone();
        move || drive(&mut service)
    });
    case(group, "design: no layer, no header", || {
        let mut service = inner.clone();
        move || drive(&mut service)
    });
    case(group, "design: tower-http `AddAuthorization`, cloned per request", || {
        let add = &add;
        move || drive(&mut add.clone())
    });
    for (name, layer) in [
        ("ours: recovery off", AuthLayer::new(&cache, ORIGIN).unwrap().without_recovery()),
        ("ours: recovery on, known body", AuthLayer::new(&cache, ORIGIN).unwrap()),
    ] {
        let service = layer.layer(inner.clone());
        case(group, name, || {
            let mut service = service.clone();
            move || drive(&mut service)
        });
        case(group, &format!("{name}, cloned per request"), || {
            let service = &service;
            move || drive(&mut service.clone())
        });
    }
}

criterion_group!(benches, whole);
criterion_main!(benches);
