//! What the outgoing benchmarks send.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use tower_auth_core::{SourceRequest, Token, TokenCache, TokenResponse};

/// A token of the usual length.
#[must_use]
pub fn token() -> String {
    "t".repeat(700)
}

/// The header that carries it. Its bytes are shared already: the first clone of a fresh value allocates.
#[must_use]
pub fn bearer() -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token())).expect("ASCII");
    value.set_sensitive(true);
    drop(value.clone());
    value
}

/// A request with five headers, of which the first is replaced.
#[must_use]
pub fn request() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from(Bytes::from_static(b"body")));
    *request.uri_mut() = Uri::from_static("https://api.example.com/orders");
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer());
    for name in ["accept", "user-agent", "content-type", "x-request-id"] {
        headers.insert(name, HeaderValue::from_static("value"));
    }
    request
}

/// A cache whose token lasts for a day.
///
/// # Panics
/// When the source is asked and does not answer: it does.
#[must_use]
pub fn warm_cache() -> TokenCache {
    let cache = TokenCache::new(|_: SourceRequest| async {
        Ok(TokenResponse::new(Token::new(token()).expect("no spaces")).expires_in(Duration::from_secs(86_400)))
    });
    block_on(cache.ready()).expect("the source answers");
    cache
}

/// Runs a future to its end, on a runtime of its own.
///
/// # Panics
/// Without a runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}
