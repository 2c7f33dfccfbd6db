//! A whole service: a layer over one that does nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::convert::Infallible;
use std::hint::black_box;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use http::Request;
use http_body::Body;
use http_body_util::Full;
use tower_auth::{AuthLayer, ReplayBody};
use tower_auth_bench::{BoxedNoOp, NoOp, Reading, case, drive, drive_as, token, warm_cache};
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

#[cfg(not(feature = "metrics"))]
/// What it costs to be able to send a request again, beside the least that takes.
fn recovery(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recovery");
    let cache = warm_cache();
    let off = AuthLayer::new(&cache, ORIGIN).unwrap().without_recovery().layer(Reading);
    case(&mut group, "floor: recovery off, head and service cloned", || {
        let mut service = off.clone();
        move || {
            drive_as(full(), |request| {
                let kept = (copy_of_head(&request), service.clone());
                let answer = tower_auth_bench::at_once(service.call(request));
                drop(black_box(kept));
                answer
            });
        }
    });
    case(&mut group, "design: recovery off", || {
        let mut service = off.clone();
        move || drive_as(full(), |request| tower_auth_bench::at_once(service.call(request)))
    });
    let on = AuthLayer::new(&cache, ORIGIN).unwrap().layer(Reading);
    case(&mut group, "ours: recovery on, known body", || {
        let mut service = on.clone();
        move || drive_as(full(), |request| tower_auth_bench::at_once(service.call(request)))
    });
    let limited = AuthLayer::new(&cache, ORIGIN).unwrap().layer(Reading);
    case(&mut group, "ours: recovery on, replay body", || {
        let mut service = limited.clone();
        move || drive_as(streamed(), |request| tower_auth_bench::at_once(service.call(request)))
    });
    group.finish();
}

fn full() -> Full<Bytes> {
    Full::new(Bytes::from_static(&[b'b'; 200]))
}

/// A body of a type that nobody knows.
fn streamed() -> impl Body<Data = Bytes, Error = Infallible> + Send + 'static {
    Unknown(Some(Bytes::from_static(&[b'b'; 200])))
}

struct Unknown(Option<Bytes>);

impl Body for Unknown {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(self.0.take().map(|data| Ok(http_body::Frame::data(data))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.as_ref().map_or(0, |data| data.len() as u64))
    }
}

fn copy_of_head<B>(request: &Request<B>) -> http::request::Parts {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy.into_parts().0
}

#[cfg(not(feature = "metrics"))]
criterion_group!(benches, whole, recovery);
#[cfg(feature = "metrics")]
criterion_group!(benches, whole);
criterion_main!(benches);
