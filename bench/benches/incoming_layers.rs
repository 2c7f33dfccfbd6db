//! Layers that let in who may come in, over a service that does nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::missing_docs_in_private_items)]

use std::convert::Infallible;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use tower_auth::ValidateLayer;
use tower_auth_bench::incoming::{Issuer, bearer_of, drive_with, lets_in};
use tower_auth_bench::{NoOp, case};
use tower_auth_core::jose::Algorithm;
use tower_layer::Layer;
use tower_service::Service;

fn layers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("incoming layers");
    let issuer = Issuer::new(Algorithm::Rs256);
    let token = issuer.token(0);
    let value = bearer_of(&token);
    measure(&mut group, "floor: no layer", &NoOp, &value);

    let remembering = ValidateLayer::new(issuer.remembering_verifier());
    measure(&mut group, "ours: RS256, memo", &remembering.layer(NoOp), &value);
    let scoped = remembering.clone().require_scope("orders:read").unwrap();
    measure(&mut group, "ours: RS256, memo, scope demanded", &scoped.layer(NoOp), &value);
    measure(&mut group, "ours: RS256, no memo", &ValidateLayer::new(issuer.verifier()).layer(NoOp), &value);

    #[allow(deprecated, reason = "it is what others compare with")]
    let fixed = tower_http::validate_request::ValidateRequestHeaderLayer::bearer(&token);
    measure(&mut group, "peer: tower-http `ValidateRequestHeader`, one fixed token", &fixed.layer(NoOp), &value);
    #[cfg(feature = "peers")]
    {
        let peer = tower_auth_bench::resource_peers::tower_oauth2_resource_server(&issuer).into_layer::<()>();
        measure(&mut group, "peer: tower-oauth2-resource-server, RS256", &peer.layer(NoOp), &value);
    }
    group.finish();
}

fn measure<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: &S, value: &HeaderValue)
where
    S: Service<Request<Full<Bytes>>, Response = Response<()>, Error = Infallible> + Clone + Sync,
{
    assert!(lets_in(&mut service.clone(), value), "{name}");
    case(group, name, || {
        let (mut service, value) = (service.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        drop(value.clone());
        move || drive_with(&mut service, &value)
    });
}

criterion_group!(benches, layers);
criterion_main!(benches);
