//! What it costs to be able to send a request again.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tower_auth::AuthLayer;
use tower_auth_bench::{Reading, at_once, case, drive_as, warm_cache};
use tower_layer::Layer;
use tower_service::Service;

const ORIGIN: [&str; 1] = ["https://api.example.com"];

/// Beside the least that it takes.
fn recovery(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recovery");
    let cache = warm_cache();
    let off = AuthLayer::new(&cache, ORIGIN).unwrap().without_recovery().layer(Reading);
    case(&mut group, "floor: recovery off, head and service cloned", || {
        let mut service = off.clone();
        move || {
            drive_as(full(), |request| {
                let kept = (copy_of_head(&request), service.clone());
                let answer = at_once(service.call(request));
                drop(black_box(kept));
                answer
            });
        }
    });
    case(&mut group, "design: recovery off", || {
        let mut service = off.clone();
        move || drive_as(full(), |request| at_once(service.call(request)))
    });
    let on = AuthLayer::new(&cache, ORIGIN).unwrap().layer(Reading);
    case(&mut group, "ours: recovery on, known body", || {
        let mut service = on.clone();
        move || drive_as(full(), |request| at_once(service.call(request)))
    });
    let limited = AuthLayer::new(&cache, ORIGIN).unwrap().layer(Reading);
    case(&mut group, "ours: recovery on, replay body", || {
        let mut service = limited.clone();
        move || drive_as(streamed(), |request| at_once(service.call(request)))
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

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |data| data.len() as u64))
    }
}

fn copy_of_head<B>(request: &Request<B>) -> Parts {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy.into_parts().0
}

criterion_group!(benches, recovery);
criterion_main!(benches);
