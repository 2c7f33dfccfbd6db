//! An issuer for the tests of verification: it signs tokens, and answers for its metadata and keys as it is told.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use serde_json::{Value, json};
use tower::service_fn;
use tower_auth_core::jose::{Algorithm, SigningKey, TokenHeader};
use tower_auth_core::{Clock, HttpClient, JwtVerifier, RejectionKind, Verified, Verifier};
use tower_auth_testing::TestClock;

pub const ISSUER: &str = "https://login.example.com";
/// What [`TestClock::new`] says.
pub const NOW: u64 = 1_767_225_600;

/// What the server does with one request.
#[derive(Clone)]
pub enum Act {
    Answer(u16, String),
    Hang,
    Panic,
    Fail,
}

/// A server that answers by path and counts. Clones are one server.
#[derive(Clone, Default)]
pub struct Server(Arc<Inner>);

#[derive(Default)]
struct Inner {
    pages: Mutex<BTreeMap<String, Act>>,
    asked: Mutex<Vec<String>>,
    delay: Mutex<Duration>,
    clock: Mutex<Clock>,
    running: AtomicUsize,
    most_running: AtomicUsize,
}

impl Server {
    /// A server with metadata and the public part of `key` under the id `k1`.
    pub fn with_key(key: &SigningKey) -> Self {
        let server = Self::default();
        server.metadata(ISSUER, &format!("{ISSUER}/keys"));
        server.keys(&[("k1", key)]);
        server
    }

    pub fn page(&self, path: &str, act: Act) {
        self.0.pages.lock().unwrap().insert(path.to_owned(), act);
    }

    pub fn metadata(&self, issuer: &str, jwks_uri: &str) {
        let body = json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string();
        self.page("/.well-known/oauth-authorization-server", Act::Answer(200, body));
    }

    pub fn keys(&self, keys: &[(&str, &SigningKey)]) {
        self.page("/keys", Act::Answer(200, key_set(keys)));
    }

    /// Every answer takes `delay` by `clock`.
    pub fn slow(&self, clock: Clock, delay: Duration) {
        *self.0.clock.lock().unwrap() = clock;
        *self.0.delay.lock().unwrap() = delay;
    }

    /// How often `path` was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.0.asked.lock().unwrap().iter().filter(|one| *one == path).count()
    }

    pub fn all_asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    pub fn most_at_once(&self) -> usize {
        self.0.most_running.load(Ordering::SeqCst)
    }

    pub fn client(&self) -> HttpClient {
        let server = self.clone();
        HttpClient::new(service_fn(move |request: Request<Bytes>| {
            let server = server.clone();
            async move { server.answer(&request).await }
        }))
    }

    async fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, std::io::Error> {
        let inner = &*self.0;
        let path = request.uri().path().to_owned();
        inner.asked.lock().unwrap().push(path.clone());
        let running = inner.running.fetch_add(1, Ordering::SeqCst) + 1;
        inner.most_running.fetch_max(running, Ordering::SeqCst);
        let _guard = Running(&inner.running);
        let (clock, delay) = (inner.clock.lock().unwrap().clone(), *inner.delay.lock().unwrap());
        if !delay.is_zero() {
            clock.sleep(delay).await;
        }
        let act = inner.pages.lock().unwrap().get(&path).cloned().unwrap_or(Act::Answer(404, String::new()));
        match act {
            Act::Answer(status, body) => {
                let mut response = Response::builder().status(status).header("content-type", "application/json");
                if status == 503 {
                    response = response.header("retry-after", "120");
                }
                Ok(response.body(Bytes::from(body)).unwrap())
            }
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("scripted panic"),
            Act::Fail => Err(std::io::Error::other("scripted failure")),
        }
    }
}

struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub fn key_set(keys: &[(&str, &SigningKey)]) -> String {
    let keys: Vec<_> = keys.iter().map(|(kid, key)| key.public_jwk(Some(kid)).unwrap()).collect();
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

pub fn es256() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// Claims that RFC 9068 asks for.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "orders", "exp": NOW + 600, "iat": NOW, "jti": "5f3c",
        "client_id": "web", "scope": "orders:read orders:write",
    })
}

pub fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

pub fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

pub fn header() -> TokenHeader {
    TokenHeader::new().typ("at+jwt").kid("k1")
}

pub fn token(key: &SigningKey, claims: &Value) -> String {
    key.sign(&header(), claims).unwrap()
}

pub fn token_by(key: &SigningKey, kid: &str) -> String {
    key.sign(&TokenHeader::new().typ("at+jwt").kid(kid), &claims()).unwrap()
}

pub fn bearer(token: &str) -> HeaderMap {
    authorization(&format!("Bearer {token}"))
}

pub fn authorization(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(value).unwrap());
    headers
}

/// What accepts the tokens above: keys from `server`, time from `time`.
pub fn builder(server: &Server, time: &TestClock) -> JwtVerifier {
    JwtVerifier::issuer(ISSUER).unwrap().audience("orders").http_client(server.client()).clock(time.clock())
}

pub async fn verdict(verifier: &Verifier, token: &str) -> Result<Verified, RejectionKind> {
    verifier.verify(&bearer(token)).await.map_err(|refusal| refusal.kind())
}
