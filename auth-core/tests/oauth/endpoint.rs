//! A token endpoint in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use tower_auth_core::{BoxError, ClientCredentials, HttpClient};

pub(crate) const URL: &str = "https://login.example.com/oauth/token";

/// An HTTP client that answers by itself, and what it was asked.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) http: HttpClient,
    seen: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Endpoint {
    pub(crate) fn new<F>(answer: F) -> Self
    where
        F: Fn() -> Result<Response<Bytes>, BoxError> + Clone + Send + Sync + 'static,
    {
        Self::routed(move |_| answer())
    }

    /// Answers by what is asked.
    pub(crate) fn routed<F>(answer: F) -> Self
    where
        F: Fn(&Request<Bytes>) -> Result<Response<Bytes>, BoxError> + Clone + Send + Sync + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let answer = answer(&request);
            shared.lock().unwrap().push(request);
            std::future::ready(answer)
        }));
        Self { http, seen }
    }

    /// Answers as `judge` decides.
    pub(crate) fn judging<F>(judge: F) -> Self
    where
        F: Fn(&Request<Bytes>) -> Response<Bytes> + Clone + Send + Sync + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        let http = HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let response = judge(&request);
            shared.lock().unwrap().push(request);
            std::future::ready(Ok::<_, BoxError>(response))
        }));
        Self { http, seen }
    }

    /// Answers every request with `status` and a JSON text.
    pub(crate) fn json(status: u16, body: &'static str) -> Self {
        Self::new(move || Ok(response(status, "application/json", body)))
    }

    /// Grants a token.
    pub(crate) fn granting() -> Self {
        Self::json(200, r#"{"access_token":"t0k","token_type":"Bearer","expires_in":3600}"#)
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The only request so far.
    pub(crate) fn only_request(&self) -> Request<Bytes> {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }

    /// The one request that `grant` makes.
    pub(crate) async fn request_of(&self, grant: ClientCredentials) -> Request<Bytes> {
        grant.http_client(self.http.clone()).build().unwrap().request_token().await.unwrap();
        self.only_request()
    }
}

pub(crate) fn response(status: u16, content_type: &str, body: &'static str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

/// The pair of a Basic `Authorization`.
pub(crate) fn basic(request: &Request<Bytes>) -> Option<(String, String)> {
    let value = request.headers().get("authorization")?.to_str().unwrap();
    let pair = STANDARD.decode(value.strip_prefix("Basic ")?).unwrap();
    let pair = String::from_utf8(pair).unwrap();
    let (user, password) = pair.split_once(':').unwrap();
    Some((user.to_owned(), password.to_owned()))
}

/// The parameters in a form body.
pub(crate) fn form(request: &Request<Bytes>) -> BTreeMap<String, String> {
    let text = std::str::from_utf8(request.body()).unwrap();
    let decode = |text: &str| {
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
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
