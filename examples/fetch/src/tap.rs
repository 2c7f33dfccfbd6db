use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use tower::Service;
use tower_auth::core::{BoxError, HttpClient};

/// Listens to what a connection sends for itself, while somebody wants to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tap(Arc<Mutex<Option<Vec<Heard>>>>);

/// A request that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

#[derive(Clone)]
struct Tapped {
    http: HttpClient,
    tap: Tap,
}

impl Tap {
    /// `http`, listened to.
    pub(crate) fn on(&self, http: HttpClient) -> HttpClient {
        HttpClient::new(Tapped { http, tap: self.clone() })
    }

    /// Begins to listen.
    pub(crate) fn open(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// Ends listening, and gives what was heard.
    pub(crate) fn close(&self) -> Vec<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}

impl Service<Request<Bytes>> for Tapped {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

    /// The HTTP client awaits its own readiness.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let Self { http, tap } = self.clone();
        Box::pin(async move {
            let (method, uri) = (request.method().clone(), request.uri().clone());
            let response = http.send(request).await?;
            if let Some(list) = &mut *tap.0.lock().unwrap_or_else(PoisonError::into_inner) {
                list.push(Heard { method, uri, status: response.status(), body: response.body().clone() });
            }
            Ok(response)
        })
    }
}
