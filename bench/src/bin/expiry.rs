//! What callers notice when tokens end: how long the longest of them waits, and how often the endpoint is asked.
//!
//! First fifty tasks that ask every five milliseconds while tokens of two seconds come from an endpoint that takes 200 ms; then a steady load
//! through tokens of one second, with faults. Peers beside ours, each by itself.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_types, clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http::Request;
use http_body_util::Full;
use tower_auth::AuthLayer;
use tower_auth_bench::{Figures, NoOp, TokenServer, answer, request};
use tower_auth_core::{ClientAuth, OAuthClient, TokenCache};
use tower_layer::Layer;
use tower_service::Service;

const LATENCY: Duration = Duration::from_millis(200);

fn main() {
    let is_quick = std::env::args().nth(1).as_deref() == Some("--quick");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut figures = Figures::new("expiry");
    figures.add("expiry", "floor: 1 ms", 1, 1.0, "ms");
    figures.add("expiry requests", "floor: 1", 1, 1.0, "requests");
    runtime.block_on(async {
        crowd(&mut figures).await;
        load(&mut figures, if is_quick { 5 } else { 60 }).await;
    });
    figures.save().unwrap();
}

fn cache(server: &TokenServer) -> TokenCache {
    let client = OAuthClient::new(format!("{}/token", server.address()), ClientAuth::basic("client", "secret")).unwrap();
    TokenCache::new(client.client_credentials())
}
