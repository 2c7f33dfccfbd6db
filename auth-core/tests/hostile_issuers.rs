//! Issuers, or whoever answers in their place, whose metadata and keys are made to cost more than they say.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod verify_support;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use tower_auth_core::{BoxError, HttpClient, RejectionKind};
use tower_auth_testing::TestClock;

use self::verify_support::*;

/// What says of itself that it is compressed.
fn bomb() -> Bytes {
    // The header of gzip, and whatever: nobody may look inside.
    let mut body = vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3];
    body.resize(64 * 1024, 0);
    body.into()
}

fn answers(good: &str) -> Vec<(&'static str, Response<Bytes>)> {
    let plain = |body: String| Response::new(Bytes::from(body));
    let encoded =
        |encoding: &str, body: Bytes| Response::builder().header("content-encoding", encoding).body(body).unwrap();
    let cut = &good[..good.len() - 1];
    vec![
        ("a gzip bomb", encoded("gzip", bomb())),
        ("compressed by name alone", encoded("br", Bytes::from(good.to_owned()))),
        ("brackets", plain("[".repeat(100_000))),
        ("braces", plain("{\"a\":".repeat(100_000))),
        ("brackets in a member", plain(format!("{cut},\"x\":{}}}", "[".repeat(100_000)))),
        ("closed brackets in a member", plain(format!("{cut},\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)))),
        ("a name twice", plain(format!("{cut},\"x\":1,\"x\":1}}"))),
        ("a name twice, spelled otherwise", plain(format!("{cut},\"x\":1,\"\\u0078\":1}}"))),
        ("many members", plain(format!("{cut}{}}}", (0..20_000).map(|n| format!(",\"m{n}\":0")).collect::<String>()))),
        ("a long text", plain(format!("{cut},\"x\":\"{}\"}}", "x".repeat(2 << 20)))),
        ("two documents", plain(format!("{good}{good}"))),
        ("not UTF-8", Response::new(Bytes::from([good.as_bytes(), b"\xff"].concat()))),
        ("nothing", plain(String::new())),
    ]
}

// THREAT-A5, THREAT-A2, THREAT-V16
#[test]
fn no_metadata_and_no_key_set_costs_more_than_its_size_or_takes_the_keys_away() {
    let key = es256();
    let metadata = json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys")}).to_string();
    let keys = key_set(&[("k1", &key)]);
    let token = token(&key, &with(claims(), "exp", NOW + 100_000));
    let hostile = [(".well-known", &metadata), ("keys", &keys)];
    for (path, (what, answer)) in
        hostile.iter().flat_map(|(path, good)| answers(good).into_iter().map(move |one| (*path, one)))
    {
        let time = TestClock::new();
        let instead: Arc<Mutex<Option<Response<Bytes>>>> = Arc::new(Mutex::new(Some(answer)));
        let client = {
            let (instead, metadata, keys) = (Arc::clone(&instead), metadata.clone(), keys.clone());
            HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
                let hostile = instead.lock().unwrap().clone().filter(|_| request.uri().path().contains(path));
                let good = if request.uri().path() == "/keys" { keys.clone() } else { metadata.clone() };
                let mut answer = hostile.unwrap_or_else(|| Response::new(Bytes::from(good)));
                answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
                std::future::ready(Ok::<_, BoxError>(answer))
            }))
        };
        let verifier = builder(&Server::default(), &time).http_client(client).build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ask = || runtime.block_on(async { verdict(&verifier, &token).await });
        let mut outcome = None;
        let spent = allocation_counter::measure(|| outcome = Some(ask()));
        assert_eq!(outcome.unwrap().unwrap_err(), RejectionKind::KeysUnavailable, "{path}: {what}");
        assert!(spent.bytes_max < 1 << 20, "{path}: {what} takes {} bytes", spent.bytes_max);

        // It mends itself; and keys that are there outlive the next such answer.
        let hostile = instead.lock().unwrap().take();
        time.tick(std::time::Duration::from_secs(31));
        ask().unwrap();
        *instead.lock().unwrap() = hostile;
        time.tick(std::time::Duration::from_secs(700));
        ask().unwrap();
    }
}
