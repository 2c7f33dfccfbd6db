use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Mutex;
use tower::{Service, ServiceExt};
use tower_auth::{AuthLayer, ReplayBody};
use tower_auth_bench::{bearer, block_on, token, warm_cache};
use tower_http::auth::AddAuthorizationLayer;
use tower_layer::Layer;

use crate::drive::Outcome;
use crate::process::{pinned, processor_time_of};

/// How many requests are under way at once.
const TASKS: usize = 16;

pub(crate) fn variants() -> Vec<&'static str> {
    vec![
        "floor: header by hand",
        "ours: recovery off",
        "ours: recovery on",
        "design: no header",
        "design: tower-http `AddAuthorization`",
    ]
}

/// Runs a variant in a process of its own.
pub(crate) fn measure(variant: &str, address: &str, length: Duration, processor: usize) -> Outcome {
    let program = std::env::current_exe().unwrap();
    let seconds = length.as_secs().max(1).to_string();
    let output =
        pinned(processor, program.to_str().unwrap()).args(["client", variant, address, &seconds]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [per_second, processor_time, p50, p99, p999] = numbers[..] else { panic!("the client said: {text}") };
    Outcome { per_second, processor_time, latencies: [p50, p99, p999] }
}

/// Sends for so many seconds, and prints what [`measure`] reads.
pub(crate) fn run(variant: &str, address: &str, seconds: u64) {
    let length = Duration::from_secs(seconds);
    let layer = AuthLayer::new(&warm_cache(), [address]).unwrap();
    block_on(async {
        let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let value = bearer();
        // Bodies that can be sent again are of a type of their own.
        let of_replayed: Client<HttpConnector, ReplayBody<Empty<Bytes>>> =
            Client::builder(TokioExecutor::new()).build_http();
        match variant {
            "floor: header by hand" => {
                let by_hand = client.map_request(move |mut request: Request<_>| {
                    request.headers_mut().insert(AUTHORIZATION, value.clone());
                    request
                });
                send(by_hand, address, length).await;
            }
            "design: no header" => send(client, address, length).await,
            "design: tower-http `AddAuthorization`" => {
                send(AddAuthorizationLayer::bearer(&token()).layer(client), address, length).await;
            }
            "ours: recovery on" => send(layer.layer(of_replayed), address, length).await,
            "ours: recovery off" => send(layer.without_recovery().layer(of_replayed), address, length).await,
            _ => panic!("an unknown variant: {variant}"),
        }
    });
}

async fn send<S, B>(service: S, address: &str, length: Duration)
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: std::fmt::Debug,
    S::Future: Send,
    B: http_body::Body + Send,
    B::Error: std::fmt::Debug,
    B::Data: Send,
{
    let address: http::Uri = address.parse().unwrap();
    let all = Arc::new(Mutex::new(Histogram::<u64>::new(3).unwrap()));
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let (mut service, address, all) = (service.clone(), address.clone(), Arc::clone(&all));
        tasks.spawn(async move {
            let mut latencies = Histogram::<u64>::new(3).unwrap();
            while begun.elapsed() < length {
                let mut request = Request::new(Empty::new());
                *request.uri_mut() = address.clone();
                let sent = Instant::now();
                let response = service.ready().await.unwrap().call(request).await.unwrap();
                assert!(response.status().is_success(), "{}", response.status());
                response.into_body().collect().await.unwrap();
                latencies.record(u64::try_from(sent.elapsed().as_nanos()).unwrap()).unwrap();
            }
            all.lock().await.add(latencies).unwrap();
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let (all, spent) = (all.lock().await, processor_time_of("self"));
    let micros = |share| all.value_at_quantile(share) as f64 / 1e3;
    println!(
        "{} {} {} {} {}",
        all.len() as f64 / begun.elapsed().as_secs_f64(),
        spent.as_secs_f64() * 1e6 / all.len() as f64,
        micros(0.5),
        micros(0.99),
        micros(0.999)
    );
}
