use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Request, Response};
use tower_auth_core::{BoxError, HttpClient};

use crate::expected::Exchange;

/// A request as it left.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// An HTTP client that keeps each request and answers as it was told.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    answers: Arc<Mutex<VecDeque<Exchange>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Recorder {
    pub(crate) fn client(&self) -> HttpClient {
        let this = self.clone();
        HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let answer = this.answer(&request);
            async move { Ok::<_, BoxError>(answer) }
        }))
    }

    pub(crate) fn expect(&self, exchanges: &[Exchange]) {
        self.sent.lock().unwrap().clear();
        *self.answers.lock().unwrap() = exchanges.iter().cloned().collect();
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        self.sent.lock().unwrap().push(Sent {
            method: request.method().to_string(),
            url: request.uri().to_string(),
            headers: request.headers().clone(),
            body: String::from_utf8_lossy(request.body()).into_owned(),
        });
        let Some(exchange) = self.answers.lock().unwrap().pop_front() else {
            return Response::builder().status(500).body(Bytes::new()).unwrap();
        };
        let mut response = Response::new(Bytes::from(exchange.answer));
        *response.status_mut() = exchange.status.try_into().unwrap();
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        for (name, value) in &exchange.answer_headers {
            let name = if name == "set-cookie-2" { SET_COOKIE } else { name.parse::<HeaderName>().unwrap() };
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    }
}
