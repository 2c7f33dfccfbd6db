//! An introspection endpoint in memory that says of each token what it is told to, and what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::service_fn;
use tower_auth_core::{
    BoxError, HttpClient, IntrospectionVerifier, OAuthClient, Rejection, RejectionKind, Verified, Verifier,
};
use tower_auth_testing::TestClock;

pub(crate) const URL: &str = "https://login.example.com/introspect";
/// What [`TestClock::new`] says.
pub(crate) const NOW: u64 = 1_767_225_600;

/// What comes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Answer(u16, String),
    /// An answer that says when to come again, in seconds.
    Later(u16, u64),
    Hang,
    Panic,
    Fail,
}

/// Clones are one endpoint.
#[derive(Clone)]
pub(crate) struct Peer(Arc<Inner>);

struct Inner {
    says: Mutex<BTreeMap<String, Act>>,
    others: Mutex<Act>,
    asked: Mutex<Vec<String>>,
    held: watch::Sender<bool>,
}

impl Peer {
    /// One that knows no token.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            says: Mutex::default(),
            others: Mutex::new(Act::Answer(200, json!({ "active": false }).to_string())),
            asked: Mutex::default(),
            held: watch::Sender::new(false),
        }))
    }

    /// One that knows the token `good`, which is for us.
    pub(crate) fn with_good() -> Self {
        let peer = Self::new();
        peer.say("good", good());
        peer
    }

    /// Answers about `token` with this from now on.
    pub(crate) fn say(&self, token: &str, answer: impl ToString) {
        self.act(token, Act::Answer(200, answer.to_string()));
    }

    pub(crate) fn act(&self, token: &str, act: Act) {
        self.0.says.lock().unwrap().insert(token.to_owned(), act);
    }

    /// What comes of requests about other tokens.
    pub(crate) fn act_always(&self, act: Act) {
        self.0.says.lock().unwrap().clear();
        *self.0.others.lock().unwrap() = act;
    }

    /// Lets requests wait, or go on.
    pub(crate) fn hold(&self, held: bool) {
        self.0.held.send_replace(held);
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.0.asked.lock().unwrap().len()
    }

    /// Counts from zero.
    pub(crate) fn forget(&self) {
        self.0.asked.lock().unwrap().clear();
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    pub(crate) fn http(&self) -> HttpClient {
        let peer = self.clone();
        HttpClient::new(service_fn(move |request: Request<Bytes>| {
            let peer = peer.clone();
            async move { peer.answer(&request).await }
        }))
    }

    async fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let body = std::str::from_utf8(request.body()).unwrap();
        let token = body.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default().to_owned();
        self.0.asked.lock().unwrap().push(token.clone());
        let act = self.0.says.lock().unwrap().get(&token).cloned();
        let act = act.unwrap_or_else(|| self.0.others.lock().unwrap().clone());
        self.0.held.subscribe().wait_for(|held| !held).await.unwrap();
        let response = Response::builder().header("content-type", "application/json");
        match act {
            Act::Answer(status, body) => Ok(response.status(status).body(Bytes::from(body))?),
            Act::Later(status, seconds) => {
                Ok(response.status(status).header("retry-after", seconds).body(Bytes::new())?)
            }
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("scripted panic"),
            Act::Fail => Err("scripted failure".into()),
        }
    }
}

/// What an authorization server says of a token that is for us.
pub(crate) fn good() -> Value {
    json!({
        "active": true, "iss": "https://login.example.com", "sub": "alice", "aud": "orders", "client_id": "web",
        "scope": "orders:read orders:write", "token_type": "Bearer", "exp": NOW + 600, "iat": NOW, "username": "Alice",
    })
}

pub(crate) fn with(mut answer: Value, name: &str, value: impl Into<Value>) -> Value {
    answer[name] = value.into();
    answer
}

pub(crate) fn without(mut answer: Value, name: &str) -> Value {
    answer.as_object_mut().unwrap().remove(name);
    answer
}

/// What accepts [`good`], and remembers nothing.
pub(crate) fn plain(peer: &Peer, time: &TestClock) -> IntrospectionVerifier {
    let client = OAuthClient::builder("orders").secret("client-sentinel").introspection_endpoint(URL);
    IntrospectionVerifier::over(client)
        .http_client(peer.http())
        .audience("orders")
        .refusals_for(Duration::ZERO)
        .clock(time.clock())
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    authorization(&format!("Bearer {token}"))
}

pub(crate) fn authorization(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", value.parse().unwrap());
    headers
}

pub(crate) async fn verdict(verifier: &Verifier, token: &str) -> Result<Verified, RejectionKind> {
    verifier.verify(&bearer(token)).await.map_err(|refusal| refusal.kind())
}

pub(crate) async fn refusal(verifier: &Verifier, token: &str) -> Rejection {
    verifier.verify(&bearer(token)).await.unwrap_err()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
