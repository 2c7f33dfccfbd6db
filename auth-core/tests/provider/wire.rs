//! A provider in memory that writes down what it gets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use tower::service_fn;
use tower_auth_core::{BoxError, HttpClient};

#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sent: Vec<(String, String)>,
    answers: VecDeque<Response<Bytes>>,
}

pub(crate) fn json(body: &str) -> Response<Bytes> {
    Response::builder().header("content-type", "application/json").body(Bytes::from(body.to_owned())).unwrap()
}

impl Wire {
    /// The next answer. Without one the connection fails.
    pub(crate) fn then(&self, answer: Response<Bytes>) -> &Self {
        self.0.lock().unwrap().answers.push_back(answer);
        self
    }

    pub(crate) fn client(&self) -> HttpClient {
        let state = Arc::clone(&self.0);
        HttpClient::new(service_fn(move |request: Request<Bytes>| {
            let mut state = state.lock().unwrap();
            let body = String::from_utf8_lossy(request.body()).into_owned();
            state.sent.push((request.uri().to_string(), body));
            let answer = state.answers.pop_front().ok_or_else(|| BoxError::from("nobody answers"));
            async move { answer }
        }))
    }

    pub(crate) fn uris(&self) -> Vec<String> {
        self.0.lock().unwrap().sent.iter().map(|(uri, _)| uri.clone()).collect()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().sent.iter().map(|(_, body)| body.clone()).collect()
    }
}
