use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use tower_auth_core::Secret;

use super::ApiKeyProviderBuilder;
use super::description::api_key_description;
use super::keys::{Keys, Worth};
use crate::body::TestBody;
use crate::fault::{ConnectionLost, FaultPlan, play};
use crate::listen::{ListeningServer, Port};
use crate::record::Recorder;
use crate::server::{bare, json_response, wrong_method};
use crate::{Account, Endpoint, Fault, RandomFaults, RecordedRequest};

/// A provider whose API wants a key, on a loopback port over plain HTTP, for other processes.
///
/// `GET /api/v1/me` says whose key it is: `{"id":"alice","name":"Alice Example"}`. It answers 401 to none and to one that is not known, 403 to one that is
/// [restricted](Self::restrict).
///
/// ```
/// use http::{HeaderName, Request};
/// use tower_auth_core::HttpTransport;
/// use tower_auth_testing::{Account, ApiKeyProvider};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let provider = ApiKeyProvider::builder().header(HeaderName::from_static("x-api-key")).listen().await?;
/// let key = provider.issue(Account::new("alice").name("Alice Example"));
/// let http = HttpTransport::new().allow_loopback_http().build()?;
///
/// let request = |key: &str| Request::get(provider.url("/api/v1/me")).header("x-api-key", key).body("".into());
/// let answer = http.send(request(key.expose_secret())?).await?;
/// assert_eq!(answer.body(), r#"{"id":"alice","name":"Alice Example"}"#);
///
/// assert!(provider.delete(&key));
/// assert_eq!(http.send(request(key.expose_secret())?).await?.status(), 401);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// # }).unwrap();
/// ```
#[must_use = "the provider stops when this is dropped"]
pub struct ApiKeyProvider {
    inner: Arc<Inner>,
    listening: ListeningServer,
}

struct Inner {
    settings: ApiKeyProviderBuilder,
    keys: Keys,
    faults: FaultPlan,
    recorder: Recorder,
}

impl ApiKeyProvider {
    /// Describes a provider.
    pub fn builder() -> ApiKeyProviderBuilder {
        ApiKeyProviderBuilder::new()
    }

    pub(super) fn serve(settings: ApiKeyProviderBuilder, port: Port) -> Self {
        let inner = Arc::new(Inner {
            settings,
            keys: Keys::default(),
            faults: FaultPlan::default(),
            recorder: Recorder::default(),
        });
        let answering = Arc::clone(&inner);
        let listening = port.serve(move |request| {
            let inner = Arc::clone(&answering);
            async move { inner.respond(request).await }
        });
        Self { inner, listening }
    }

    /// `http://127.0.0.1:port`, followed by `path`, which begins with a slash or is empty.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.listening.url(path)
    }

    /// A new key of `account`, which may have others.
    #[must_use]
    pub fn issue(&self, account: impl Into<Account>) -> Secret {
        self.inner.keys.issue(account.into())
    }

    /// A new key in place of `key`, which is good no more. `None` if it is not known.
    #[must_use]
    pub fn rotate(&self, key: &Secret) -> Option<Secret> {
        self.inner.keys.rotate(key)
    }

    /// Deletes a key. False if it is not known.
    pub fn delete(&self, key: &Secret) -> bool {
        self.inner.keys.delete(key)
    }

    /// Answers 403 to `key` from now on. False if it is not known.
    pub fn restrict(&self, key: &Secret) -> bool {
        self.inner.keys.restrict(key)
    }

    /// A description of it in the format of provider files, called `id`: the method `api_key` with the field `api_key`, a verification, and a probe that
    /// keeps `account_name` (and `account_id`).
    #[must_use]
    pub fn provider_toml(&self, id: &str) -> String {
        api_key_description(self, id)
    }

    /// Makes something go wrong.
    pub fn fault(&self, fault: Fault) {
        self.inner.faults.add(Endpoint::Resource, fault);
    }

    /// Makes things go wrong by chance, in place of what was said before.
    pub fn random_faults(&self, faults: RandomFaults) {
        self.inner.faults.add_random(Endpoint::Resource, faults);
    }

    /// Forgets the faults that have not happened yet, and those that come by chance.
    pub fn clear_faults(&self) {
        self.inner.faults.clear();
    }

    /// The requests so far, oldest first: the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.inner.recorder.all()
    }

    /// How many requests came, those that met a fault included.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.inner.recorder.count(Endpoint::Resource)
    }

    /// Takes no new connection, and waits until the requests under way are answered.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait, not the shutdown.
    pub async fn shutdown(self) {
        self.listening.shutdown().await;
    }

    pub(super) fn header(&self) -> Option<&HeaderName> {
        self.inner.settings.header.as_ref()
    }

    pub(super) fn display_name(&self) -> &str {
        &self.inner.settings.display_name
    }
}

impl Inner {
    /// Records a request and answers it, or does what a fault says.
    async fn respond(&self, request: Request<Incoming>) -> Result<Response<TestBody>, ConnectionLost> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| ConnectionLost)?.to_bytes();
        let record = RecordedRequest::new(Endpoint::Resource, &head, Vec::new(), body, None);
        self.recorder.add(record.clone());
        let clock = &self.settings.clock;
        let reply = play(self.faults.take(Endpoint::Resource), clock, || self.answer(&head)).await?;
        record.set_status(reply.response.status());
        Ok(reply.streamed(clock))
    }

    fn answer(&self, head: &Parts) -> Response<Bytes> {
        if head.uri.path() != "/api/v1/me" {
            return bare(StatusCode::NOT_FOUND, String::new());
        }
        if head.method != Method::GET {
            return wrong_method("GET");
        }
        match self.key(head).map_or(Worth::Nothing, |key| self.keys.worth(key)) {
            Worth::Account(Account { id, name }) => {
                json_response(StatusCode::OK, json!({ "id": id, "name": name }).to_string())
            }
            Worth::Forbidden => json_response(StatusCode::FORBIDDEN, json!({ "error": "forbidden" }).to_string()),
            Worth::Nothing => {
                let mut response =
                    json_response(StatusCode::UNAUTHORIZED, json!({ "error": "unauthorized" }).to_string());
                if self.settings.header.is_none() {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                response
            }
        }
    }

    /// The one key in a request.
    fn key<'a>(&self, head: &'a Parts) -> Option<&'a str> {
        let name = self.settings.header.as_ref().unwrap_or(&AUTHORIZATION);
        let mut values = head.headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
        if self.settings.header.is_some() {
            return Some(value);
        }
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    }
}

impl fmt::Debug for ApiKeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyProvider")
            .field("address", &self.listening.address())
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}
