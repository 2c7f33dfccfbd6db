//! The default transport against real sockets.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod certificates;
mod guard;
mod limits;
mod server;
mod tls;

use bytes::Bytes;
use http::Request;
use tower_auth_core::{BoxError, TransportError};

/// A token request, with a sentinel wherever a secret could be.
fn request(url: &str) -> Request<Bytes> {
    Request::post(url)
        .header("authorization", "Basic sentinel")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from_static(b"client_secret=sentinel"))
        .unwrap()
}

/// The transport's own error, after a check that neither it nor what lies below tells too much.
fn own(error: BoxError) -> TransportError {
    let mut texts = format!("{error:?}");
    let mut next: Option<&dyn std::error::Error> = Some(&*error);
    while let Some(error) = next {
        texts.push_str(&error.to_string());
        next = error.source();
    }
    assert!(!texts.contains("sentinel"), "{texts}");
    *error.downcast().expect("a transport error")
}
