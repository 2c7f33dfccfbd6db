use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};

use super::error::KeysError;
use super::metadata;
use crate::error::printable;
use crate::http::{Endpoint, HttpClient, PlaintextRules, TransportError, retry_after};
use crate::jose::JwkSet;
use crate::metadata::{MAX_METADATA, addresses};
use crate::{Clock, MonotonicTime};

/// Largest key set that is read, in bytes.
const MAX_KEYS: usize = 512 * 1024;

/// How long the place of a key set is believed.
const PLACE_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Fetches the key set of one issuer.
pub(in crate::verify) struct Fetcher {
    issuer: Box<str>,
    place: Place,
    rules: PlaintextRules,
    http: HttpClient,
    clock: Clock,
    /// Where the last good fetch found the keys, and when that was looked up.
    found: Mutex<Option<(Endpoint, MonotonicTime)>>,
}

/// Where a key set is.
#[derive(Clone, Debug)]
pub(in crate::verify) enum Place {
    At(Endpoint),
    /// Where the metadata of the issuer at this URL says.
    Discover(Endpoint),
}

/// Why one address yielded nothing.
enum Failed {
    /// It is not there; another address may have it.
    Elsewhere(KeysError),
    /// The server cannot be asked at this time.
    Now(KeysError),
}

impl Fetcher {
    pub(super) fn new(issuer: &str, place: Place, rules: PlaintextRules, http: HttpClient, clock: Clock) -> Self {
        Self { issuer: issuer.into(), place, rules, http, clock, found: Mutex::default() }
    }

    /// The keys; at least one of them is usable.
    pub(super) async fn fetch(&self) -> Result<JwkSet, KeysError> {
        let (endpoint, looked_up) = match &self.place {
            Place::At(endpoint) => (endpoint.clone(), MonotonicTime::START),
            // Forgotten until the fetch has succeeded: if it does not, the place may have moved.
            Place::Discover(issuer) => match self.recall() {
                Some(found) => found,
                None => (self.discover(issuer).await?, self.clock.now()),
            },
        };
        let accept = "application/jwk-set+json, application/json";
        let (site, uri) = (endpoint.site(), endpoint.uri());
        let response = self.get(site, uri, accept, MAX_KEYS).await.map_err(Failed::into_error)?;
        let keys = JwkSet::parse(response.body())
            .map_err(|error| KeysError::new("keys.unreadable", format!("{site} answered with no key set: {error}")))?;
        // Nobody means to withdraw every key; last known good ones stay (THREAT-A2).
        if keys.keys().is_empty() {
            return Err(KeysError::new("keys.none_usable", format!("the key set of {site} has no usable key")));
        }
        self.remember(endpoint, looked_up);
        Ok(keys)
    }

    /// The place of the key set, by the first metadata document that is the issuer's. Of several failures the one that
    /// says most is reported: a document that is wrong before one that is absent.
    async fn discover(&self, issuer: &Endpoint) -> Result<Endpoint, KeysError> {
        let mut absent = None;
        let mut wrong = None;
        for uri in addresses(issuer.uri()) {
            match self.get(issuer.site(), &uri, "application/json", MAX_METADATA).await {
                Ok(response) if !is_json(&response) => {
                    absent =
                        Some(KeysError::new("keys.metadata", "the metadata of the issuer is not JSON by its type"));
                }
                Ok(response) => match metadata::keys_endpoint(response.body(), &self.issuer, issuer, &self.rules) {
                    Ok(endpoint) => return Ok(endpoint),
                    Err(error) => wrong = wrong.or(Some(error)),
                },
                Err(Failed::Elsewhere(error)) => absent = Some(error),
                Err(Failed::Now(error)) => return Err(error),
            }
        }
        Err(wrong.or(absent).unwrap_or_else(|| KeysError::new("keys.metadata", "the issuer has no address to ask")))
    }

    async fn get(&self, site: &str, uri: &Uri, accept: &'static str, max: usize) -> Result<Response<Bytes>, Failed> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tower-auth/", env!("CARGO_PKG_VERSION"))));
        let response = self.http.send(request).await.map_err(|error| Failed::Now(unreachable(site, uri, &*error)))?;
        let status = response.status();
        if status != StatusCode::OK {
            let mut error = KeysError::new("keys.status", format!("{site} answered with status {}", status.as_u16()));
            error.retry_after = retry_after(response.headers(), self.clock.wall());
            let may_be_elsewhere = (status.is_client_error() || status.is_redirection())
                && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
            return Err(if may_be_elsewhere { Failed::Elsewhere(error) } else { Failed::Now(error) });
        }
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(Failed::Now(KeysError::new("keys.encoded", format!("{site} answered with a compressed body"))));
        }
        if response.body().len() > max {
            return Err(Failed::Now(KeysError::new(
                "keys.too_large",
                format!("{site} answered with more than {} KiB", max / 1024),
            )));
        }
        Ok(response)
    }

    /// Takes out what is remembered, if it is not too old.
    fn recall(&self) -> Option<(Endpoint, MonotonicTime)> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.filter(|(_, at)| self.clock.now().saturating_since(*at) < PLACE_LIFE)
    }

    fn remember(&self, endpoint: Endpoint, looked_up: MonotonicTime) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((endpoint, looked_up));
    }
}

impl Failed {
    fn into_error(self) -> KeysError {
        match self {
            Self::Elsewhere(error) | Self::Now(error) => error,
        }
    }
}

/// Whether the media type is JSON, whatever its parameters.
fn is_json(response: &Response<Bytes>) -> bool {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn unreachable(site: &str, uri: &Uri, error: &(dyn Error + 'static)) -> KeysError {
    match TransportError::find(error) {
        Some(transport) => KeysError::new(transport.code(), format!("{site} cannot be asked: {transport}")),
        // Somebody else's error: only what can be printed of it is kept, without the query, which may hold a key.
        None => {
            let mut text = error.to_string();
            if let Some(query) = uri.query().filter(|query| !query.is_empty()) {
                text = text.replace(query, "[redacted]");
            }
            KeysError::new("keys.unreachable", format!("{site} cannot be asked: {}", printable(&text, 200)))
        }
    }
}
