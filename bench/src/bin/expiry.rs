//! What callers notice when tokens end: how long the longest of them waits, and how often the endpoint is asked.
//!
//! First a crowd: fifty tasks that ask every five milliseconds, while tokens of two seconds come from an endpoint that takes 200 ms. Then a
//! load: 2,000 requests per second over loopback connections through tokens of one second, while each twentieth answer of the endpoint is
//! a 503. Each peer by itself, one after the other.
//!
//! `expiry [--quick]`
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a program that measures")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{Mutex, mpsc};
use tokio::time::MissedTickBehavior;
use tower::ServiceExt;
use tower_auth::{AuthLayer, ReplayBody};
use tower_auth_bench::{Figures, TokenServer, answer, peers};
use tower_auth_core::{ClientCredentials, TokenCache};
use tower_layer::Layer;

const LATENCY: Duration = Duration::from_millis(200);

/// In the order in which they are measured.
const NAMES: [&str; 4] = ["ours", "peer: middle", "peer: huskarl", "peer: google-cloud-auth"];

fn main() {
    let is_quick = std::env::args().nth(1).as_deref() == Some("--quick");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut figures = Figures::new("expiry");
    runtime.block_on(async {
        crowd(&mut figures, Duration::from_secs(if is_quick { 4 } else { 20 })).await;
        load(&mut figures, Duration::from_secs(if is_quick { 4 } else { 60 })).await;
    });
    figures.save().unwrap();
}

/// Puts the token of one of them on a request, and says whether there was one.
#[derive(Clone)]
enum Authorizer {
    Nobody,
    Ours(TokenCache),
    Middle(middle::BasicClientCredentialAuthorizer),
    Huskarl(Arc<huskarl::authorizer::HttpAuthorizer>),
    Google(google_cloud_auth::credentials::Credentials),
}

impl Authorizer {
    async fn new(name: &str, server: &TokenServer) -> Self {
        match name {
            "ours" => Self::Ours(ours(server)),
            "peer: middle" => Self::Middle(peers::middle(server).await),
            "peer: huskarl" => Self::Huskarl(Arc::new(peers::huskarl(server).await)),
            "peer: google-cloud-auth" => Self::Google(peers::google(server)),
            _ => Self::Nobody,
        }
    }

    async fn attach(&self, headers: &mut HeaderMap) -> bool {
        match self {
            Self::Nobody => true,
            Self::Ours(cache) => {
                cache.current().await.is_ok_and(|current| current.credential.apply_to_headers(headers))
            }
            Self::Middle(middle) => {
                use middle::Authorizer as _;
                middle.authorization_header().is_ok_and(|value| {
                    headers.insert(AUTHORIZATION, HeaderValue::clone(&value));
                    true
                })
            }
            Self::Huskarl(huskarl) => {
                let uri = http::Uri::from_static("https://api.example.com/orders");
                huskarl.get_headers(&http::Method::GET, &uri).await.is_ok_and(|found| {
                    headers.extend(found);
                    true
                })
            }
            Self::Google(google) => {
                use google_cloud_auth::credentials::CacheableResource::New;
                match google.headers(http::Extensions::new()).await {
                    Ok(New { data, .. }) => {
                        headers.extend(data);
                        true
                    }
                    _ => false,
                }
            }
        }
    }
}

fn ours(server: &TokenServer) -> TokenCache {
    let source = ClientCredentials::new(format!("{}/token", server.address()), "client", "secret");
    source.allow_loopback_http().cached().unwrap()
}

/// Fifty tasks ask for the token again and again.
async fn crowd(figures: &mut Figures, length: Duration) {
    const LIFETIME: u64 = 2;
    figures.add("expiry: longest wait", "floor: 1 ms", 1, 1.0, "ms");
    figures.add("expiry: token requests at once, most", "floor: 1", 1, 1.0, "requests");
    for name in NAMES {
        let server = TokenServer::start(LIFETIME, LATENCY);
        let authorizer = Authorizer::new(name, &server).await;
        assert!(authorizer.attach(&mut HeaderMap::new()).await, "{name} has a token");
        let waits = Arc::new(Mutex::new(Histogram::<u64>::new(3).unwrap()));
        let until = Instant::now() + length;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (authorizer, waits) = (authorizer.clone(), Arc::clone(&waits));
            tasks.spawn(async move {
                let mut own = Histogram::<u64>::new(3).unwrap();
                while Instant::now() < until {
                    let begun = Instant::now();
                    authorizer.attach(&mut HeaderMap::new()).await;
                    own.record(nanos(begun.elapsed())).unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                waits.lock().await.add(own).unwrap();
            });
        }
        while tasks.join_next().await.is_some() {}
        let waits = waits.lock().await;
        let asked = server.asked() as f64;
        let name = named(name);
        figures.add("expiry: longest wait", &name, 1, waits.max() as f64 / 1e6, "ms");
        figures.add("expiry: wait, 99.9 of 100", &name, 1, waits.value_at_quantile(0.999) as f64 / 1e6, "ms");
        let lifetimes = length.as_secs_f64() / LIFETIME as f64;
        figures.add("expiry: token requests per lifetime", &name, 1, asked / lifetimes, "requests");
        figures.add("expiry: token requests at once, most", &name, 1, server.most_at_once() as f64, "requests");
    }
}

/// A steady load over real connections, from the time at which a request was due to the end of its answer.
async fn load(figures: &mut Figures, length: Duration) {
    let address = hello().await;
    let plain = async |authorizer: &Authorizer| run(address.as_str(), authorizer, length).await;
    let nobody = plain(&Authorizer::Nobody).await;
    note(figures, "floor: no auth", &nobody);
    for name in NAMES {
        let server = TokenServer::failing(answer(1), LATENCY, 20);
        let authorizer = Authorizer::new(name, &server).await;
        authorizer.attach(&mut HeaderMap::new()).await;
        let outcome = plain(&authorizer).await;
        note(figures, &named(name), &outcome);
    }
}

struct Outcome {
    latencies: Histogram<u64>,
    without: u64,
}

fn note(figures: &mut Figures, name: &str, outcome: &Outcome) {
    for (what, quantile) in [("50 of 100", 0.5), ("99 of 100", 0.99), ("99.9 of 100", 0.999), ("the longest", 1.0)] {
        let value = outcome.latencies.value_at_quantile(quantile) as f64 / 1e6;
        figures.add(&format!("expiry under load: latency, {what}"), name, 1, value, "ms");
    }
    let share = outcome.without as f64 / (outcome.latencies.len() as f64) * 1e6;
    figures.add("expiry under load: without a token", name, 1, share, "of a million");
}

/// 2,000 requests per second, whatever becomes of those before.
async fn run(address: &str, authorizer: &Authorizer, length: Duration) -> Outcome {
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(64).build_http();
    let layered = match authorizer {
        Authorizer::Ours(cache) => {
            let client: Client<HttpConnector, ReplayBody<Empty<Bytes>>> =
                Client::builder(TokioExecutor::new()).pool_max_idle_per_host(64).build_http();
            Some(AuthLayer::new(cache, [address]).unwrap().layer(client))
        }
        _ => None,
    };
    let (done, mut ends) = mpsc::unbounded_channel::<(Duration, bool)>();
    let sender = {
        let (authorizer, address) = (authorizer.clone(), address.to_owned());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let until = Instant::now() + length;
            while Instant::now() < until {
                let due = ticks.tick().await.into_std();
                for _ in 0..2 {
                    let (authorizer, client, layered) = (authorizer.clone(), client.clone(), layered.clone());
                    let (done, mut request) = (done.clone(), Request::new(Empty::new()));
                    *request.uri_mut() = address.parse().unwrap();
                    tokio::spawn(async move {
                        let has_succeeded = match layered {
                            Some(layered) => end(layered.oneshot(request).await).await,
                            None => {
                                let has_token = authorizer.attach(request.headers_mut()).await;
                                end(client.oneshot(request).await).await && has_token
                            }
                        };
                        let _ = done.send((due.elapsed(), has_succeeded));
                    });
                }
            }
        })
    };
    let mut outcome = Outcome { latencies: Histogram::new(3).unwrap(), without: 0 };
    while let Some((latency, has_succeeded)) = ends.recv().await {
        outcome.latencies.record(nanos(latency)).unwrap();
        outcome.without += u64::from(!has_succeeded);
    }
    sender.await.unwrap();
    outcome
}

async fn end<B: http_body::Body, E>(answer: Result<Response<B>, E>) -> bool {
    match answer {
        Ok(response) => response.status().is_success() && response.into_body().collect().await.is_ok(),
        Err(_) => false,
    }
}

/// A server on a thread and a runtime of its own.
async fn hello() -> String {
    let (say, address) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        tower_auth_bench::block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            say.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let service = hyper::service::service_fn(|_| async {
                    Ok::<_, Infallible>(Response::new(http_body_util::Full::new(Bytes::from_static(b"hello"))))
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
    });
    address.await.unwrap()
}

fn named(name: &str) -> String {
    if name == "ours" { "ours: `TokenCache`".to_owned() } else { name.to_owned() }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
