//! A token endpoint in memory that answers by a script, and what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use tower_auth_core::{BoxError, HttpClient, TransportError, TransportErrorKind};

use super::endpoint::response;

/// One answer.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Json(u16, &'static str),
    /// The connection broke after the request was sent.
    Lost,
    /// No connection came about.
    Unsent,
    /// Nothing, ever.
    Hang,
}

#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) http: HttpClient,
    seen: Arc<Mutex<Vec<Sent>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

/// The parameters of a request, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Sent(pub(crate) Vec<(String, String)>);

impl Sent {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (queue, record) = (Arc::clone(&answers), Arc::clone(&seen));
        let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            record.lock().unwrap().push(Sent(pairs(request.body())));
            let answer = queue.lock().unwrap().pop_front().expect("a request that the script does not expect");
            async move {
                let broken = |kind, unsent| Err(BoxError::from(TransportError::new(kind, "x").unsent(unsent)));
                match answer {
                    Answer::Json(status, body) => Ok(response(status, "application/json", body)),
                    Answer::Lost => broken(TransportErrorKind::Protocol, false),
                    Answer::Unsent => broken(TransportErrorKind::Connect, true),
                    Answer::Hang => std::future::pending().await,
                }
            }
        }));
        Self { http, seen, answers }
    }

    pub(crate) fn push(&self, answer: Answer) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// The requests so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The refresh tokens that came, in their order.
    pub(crate) fn refresh_tokens(&self) -> Vec<String> {
        self.sent().iter().filter_map(|sent| sent.get("refresh_token").map(str::to_owned)).collect()
    }
}

fn pairs(body: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(body).unwrap();
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect()
}

fn decode(text: &str) -> String {
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
