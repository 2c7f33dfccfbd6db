//! A peer in memory that answers as it is told, and knows what it was sent.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fastrand::Rng;
use http::{Request, Response};
use tower_auth_core::{BoxError, Clock, HttpClient, TransportError, TransportErrorKind};

use super::answers::{Answer, Timing};

/// Parameters of requests that nobody may see.
const SECRET: &[&str] = &[
    "actor_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "password",
    "refresh_token",
    "subject_token",
    "token",
];

#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) http: HttpClient,
    state: Arc<Mutex<State>>,
}

struct State {
    rng: Rng,
    /// What came with the requests since the last look, and what was answered.
    secrets: Vec<String>,
    answers: Vec<Answer>,
}

impl Peer {
    pub(crate) fn new(seed: u64, clock: Clock) -> Self {
        let state = State { rng: Rng::with_seed(seed), secrets: Vec::new(), answers: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let (answer, echo) = shared.lock().unwrap().answer(&request);
            let clock = clock.clone();
            async move {
                let broken = |kind, unsent| Err(BoxError::from(TransportError::new(kind, "x").unsent(unsent)));
                match answer.timing {
                    Timing::Now => {}
                    Timing::After(delay) => clock.sleep(delay).await,
                    Timing::Never => std::future::pending().await,
                    Timing::Lost => return broken(TransportErrorKind::Protocol, false),
                    Timing::Unsent => return broken(TransportErrorKind::Connect, true),
                    Timing::Foreign => return Err(format!("cannot send {request:?} {echo}").into()),
                }
                let mut response = Response::new(answer.body);
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers;
                Ok::<_, BoxError>(response)
            }
        }));
        Self { http, state }
    }

    /// What was answered since the last time, and the secrets that came in.
    pub(crate) fn take(&self) -> (Vec<Answer>, Vec<String>) {
        let mut state = self.state.lock().unwrap();
        (std::mem::take(&mut state.answers), std::mem::take(&mut state.secrets))
    }
}

impl State {
    fn answer(&mut self, request: &Request<Bytes>) -> (Answer, String) {
        let mut secrets = secrets(request);
        let echo = match secrets.len() {
            0 => "nothing".to_owned(),
            count => secrets[self.rng.usize(..count)].clone(),
        };
        let answer = Answer::next(&mut self.rng, &echo);
        self.answers.push(answer.clone());
        self.secrets.append(&mut secrets);
        (answer, echo)
    }
}

/// What is secret in a request.
fn secrets(request: &Request<Bytes>) -> Vec<String> {
    let mut secrets: Vec<_> = pairs(request.body())
        .into_iter()
        .filter(|(name, _)| SECRET.contains(&name.as_str()))
        .map(|(_, value)| value)
        .collect();
    if let Some(value) = request.headers().get("authorization") {
        let pair = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let text = String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap();
        secrets.extend([pair.to_owned(), decode(text.split_once(':').unwrap().1)]);
    }
    secrets
}

/// The pairs of a form.
pub(crate) fn pairs(body: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(body).unwrap();
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}

/// A half of a pair.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
