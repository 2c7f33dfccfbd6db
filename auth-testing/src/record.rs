use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::Endpoint;

/// How many requests a server remembers; older ones are dropped, not uncounted.
const MAX_KEPT: usize = 10_000;

/// A request that a test server received.
///
/// `Debug` shows no header value and no parameter value that could be a secret; the methods give everything. Clones share the content.
#[derive(Clone)]
pub struct RecordedRequest(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    params: Vec<(String, String)>,
    body: Bytes,
    client_id: Option<String>,
    status: OnceLock<StatusCode>,
}

/// Parameters whose values are shown by `Debug`.
const HARMLESS_PARAMS: [&str; 6] = ["grant_type", "scope", "client_id", "resource", "audience", "token_type_hint"];

/// Headers whose values are shown by `Debug`.
const HARMLESS_HEADERS: [&str; 6] =
    ["accept", "accept-encoding", "content-length", "content-type", "host", "user-agent"];

impl RecordedRequest {
    pub(crate) fn new(
        endpoint: Endpoint,
        head: &Parts,
        params: Vec<(String, String)>,
        body: Bytes,
        client_id: Option<String>,
    ) -> Self {
        Self(Arc::new(Inner {
            endpoint,
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers: head.headers.clone(),
            params,
            body,
            client_id,
            status: OnceLock::new(),
        }))
    }

    pub(crate) fn set_status(&self, status: StatusCode) {
        // A request is answered once.
        let _ = self.0.status.set(status);
    }

    /// Where it went.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.0.endpoint
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// Its path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.uri.path()
    }

    /// Its URI as it arrived: whole in memory, path and query on a socket.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// Its headers, secrets included.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The value of a header as text, secrets included; `None` if it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name)?.to_str().ok()
    }

    /// The parameters of its query and its form or JSON body, in order, secrets included.
    #[must_use]
    pub fn params(&self) -> &[(String, String)] {
        &self.0.params
    }

    /// The first parameter called `name`, secrets included.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.0.params.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The header of its client assertion, a JSON object, unchecked.
    #[must_use]
    pub fn assertion_header(&self) -> Option<String> {
        jwt_part(self.param("client_assertion")?, 0)
    }

    /// The claims of its client assertion, a JSON object, unchecked.
    #[must_use]
    pub fn assertion_claims(&self) -> Option<String> {
        jwt_part(self.param("client_assertion")?, 1)
    }

    /// The header of its DPoP proof, a JSON object, unchecked.
    #[must_use]
    pub fn proof_header(&self) -> Option<String> {
        jwt_part(self.header("dpop")?, 0)
    }

    /// The claims of its DPoP proof, a JSON object, unchecked.
    #[must_use]
    pub fn proof_claims(&self) -> Option<String> {
        jwt_part(self.header("dpop")?, 1)
    }

    /// Its body, secrets included. Empty if it was not read.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// The client that it named, whether or not its authentication succeeded.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// The status of the answer; `None` while there is none, or if the connection was closed instead.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status.get().copied()
    }
}

/// A part of a JWT, decoded.
fn jwt_part(jwt: &str, index: usize) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(jwt.split('.').nth(index)?).ok()?).ok()
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |harmless: &[&str], name: &str, value: &str| {
            let value = if harmless.contains(&name) { value } else { "[redacted]" };
            format!("{name}: {value}")
        };
        let headers: Vec<_> = self
            .0
            .headers
            .iter()
            .map(|(name, value)| shown(&HARMLESS_HEADERS, name.as_str(), value.to_str().unwrap_or("[not text]")))
            .collect();
        let params: Vec<_> = self.params().iter().map(|(name, value)| shown(&HARMLESS_PARAMS, name, value)).collect();
        f.debug_struct("RecordedRequest")
            .field("endpoint", &self.0.endpoint)
            .field("method", &self.0.method)
            .field("path", &self.path())
            .field("headers", &headers)
            .field("params", &params)
            .field("body_bytes", &self.0.body.len())
            .field("client_id", &self.client_id())
            .field("status", &self.status())
            .finish()
    }
}

/// What a server received.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    requests: VecDeque<RecordedRequest>,
    counts: [usize; Endpoint::COUNT],
}

impl Recorder {
    pub(crate) fn add(&self, request: RecordedRequest) {
        let mut log = self.log();
        log.counts[request.endpoint().index()] += 1;
        if log.requests.len() == MAX_KEPT {
            log.requests.pop_front();
        }
        log.requests.push_back(request);
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.log().requests.iter().cloned().collect()
    }

    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        self.log().counts[endpoint.index()]
    }

    pub(crate) fn clear(&self) {
        *self.log() = Log::default();
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn request(endpoint: Endpoint) -> RecordedRequest {
        let (head, ()) = Request::post("https://a.test/token?client_secret=sentinel-1")
            .header("authorization", "Basic sentinel-2")
            .header("x-api-key", "sentinel-3")
            .header("host", "a.test")
            .body(())
            .unwrap()
            .into_parts();
        let params = [("grant_type", "refresh_token"), ("refresh_token", "sentinel-4"), ("x", "sentinel-5")];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        RecordedRequest::new(endpoint, &head, params, Bytes::from_static(b"sentinel-6"), None)
    }

    // THREAT-L1
    #[test]
    fn debug_shows_no_value_that_could_be_a_secret() {
        let request = request(Endpoint::Token);
        let shown = format!("{request:?}");
        assert!(!shown.contains("sentinel"), "{shown}");
        assert!(shown.contains("refresh_token: [redacted]") && shown.contains("host: a.test"), "{shown}");
        assert_eq!(request.header("x-api-key"), Some("sentinel-3"));
        assert_eq!(request.param("refresh_token"), Some("sentinel-4"));
    }

    // THREAT-A9
    #[test]
    fn the_record_is_bounded_and_the_count_is_not() {
        let recorder = Recorder::default();
        let (one, other) = (request(Endpoint::Token), request(Endpoint::Jwks));
        recorder.add(other);
        for _ in 0..MAX_KEPT {
            recorder.add(one.clone());
        }
        assert_eq!((recorder.count(Endpoint::Token), recorder.count(Endpoint::Jwks)), (MAX_KEPT, 1));
        assert_eq!(recorder.all().len(), MAX_KEPT);
        assert_eq!(recorder.all()[0].endpoint(), Endpoint::Token);
    }
}
