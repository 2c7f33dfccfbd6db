use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::capture_connection;
use tower_service::Service;

use super::clients::Clients;
use crate::Clock;
use crate::clock::within;
use crate::error::BoxError;
use crate::http::WipedBuffer;
use crate::http::error::{TransportError, TransportErrorKind, find};
use crate::http::plaintext::{PlaintextRules, site};

/// One exchange: rules, deadline, cap.
#[derive(Clone)]
pub(super) struct TransportService(pub(super) Arc<Settings>);

pub(super) struct Settings {
    pub(super) clients: Clients,
    pub(super) rules: PlaintextRules,
    pub(super) clock: Clock,
    pub(super) total: Duration,
    pub(super) max_body: usize,
}

impl Service<Request<Bytes>> for TransportService {
    type Response = Response<Bytes>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let settings = Arc::clone(&self.0);
        Box::pin(async move { settings.exchange(request).await })
    }
}

impl Settings {
    async fn exchange(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let site = site(request.uri());
        if let Err(objection) = self.rules.check(request.uri()) {
            let message = format!("no request is sent to {site:?}, whose URL is not allowed: {}", objection.text());
            return Err(TransportError::new(TransportErrorKind::Forbidden, message).unsent(true));
        }
        request.headers_mut().remove(ACCEPT_ENCODING);
        let mut request = request.map(Full::new);
        let connection = capture_connection(&mut request);
        let work = async {
            let client = self.clients.current().await;
            let response = client.request(request).await.map_err(|error| broken(&site, error))?;
            self.read(&site, response).await
        };
        let result = within(&self.clock, self.total, work).await.unwrap_or_else(|| {
            let unsent = connection.connection_metadata().is_none();
            let message = format!("the exchange with {site} took longer than {:?}", self.total);
            Err(TransportError::new(TransportErrorKind::TimedOut, message).unsent(unsent))
        });
        // A certificate that is refused shows as an alert, or as a closed connection if that comes first.
        if let Err(error) = &result {
            if matches!(error.kind(), TransportErrorKind::Tls | TransportErrorKind::Protocol) {
                self.clients.doubt();
            }
        }
        result
    }

    async fn read<B>(&self, site: &str, response: Response<B>) -> Result<Response<Bytes>, TransportError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = response.into_parts();
        match self.read_body(site, &parts.headers, body).await {
            // What the server said by its status must not get lost for the sake of a page.
            Err(error) if !parts.status.is_success() && is_unreadable(&error) => {
                Ok(Response::from_parts(parts, Bytes::new()))
            }
            body => Ok(Response::from_parts(parts, body?)),
        }
    }

    async fn read_body<B>(&self, site: &str, headers: &HeaderMap, mut body: B) -> Result<Bytes, TransportError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        if is_encoded(headers) {
            let message = format!("{site} answered with a compressed body, which nobody asked for");
            return Err(TransportError::new(TransportErrorKind::Encoded, message));
        }
        let too_large = || {
            let message = format!("the answer of {site} is larger than {} bytes", self.max_body);
            TransportError::new(TransportErrorKind::TooLarge, message)
        };
        let announced = announced_length(headers);
        if announced.is_some_and(|length| length > self.max_body) {
            return Err(too_large());
        }
        let mut buffer = WipedBuffer::with_capacity(announced.unwrap_or(0).min(MAX_AT_ONCE));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(site, error))?;
            // Trailers say nothing here.
            let Some(data) = frame.data_ref() else { continue };
            if data.len() > self.max_body - buffer.len() {
                return Err(too_large());
            }
            buffer.extend(data);
        }
        Ok(buffer.into_bytes())
    }
}

/// The most memory that is set aside for a body before any of it has come.
const MAX_AT_ONCE: usize = 64 * 1024;

impl fmt::Debug for TransportService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportService").finish_non_exhaustive()
    }
}

fn is_unreadable(error: &TransportError) -> bool {
    matches!(error.kind(), TransportErrorKind::TooLarge | TransportErrorKind::Encoded)
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What a failure below means.
fn broken(site: &str, error: impl Into<BoxError>) -> TransportError {
    let error = error.into();
    if let Some(own) = TransportError::find(&*error) {
        return own.clone();
    }
    let unsent = find::<hyper_util::client::legacy::Error>(&*error).is_some_and(|error| error.is_connect());
    let (kind, message) = if find::<rustls::Error>(&*error).is_some() {
        (TransportErrorKind::Tls, format!("there is no trusted TLS connection to {site}"))
    } else if unsent {
        (TransportErrorKind::Connect, format!("cannot connect to {site}"))
    } else {
        (TransportErrorKind::Protocol, format!("the connection to {site} broke, or it does not speak HTTP"))
    };
    TransportError::new(kind, message).unsent(unsent).with_source(error)
}
