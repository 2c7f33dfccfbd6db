use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt};
use tower_auth::core::{BoxError, HttpClient};
use tower_auth::{AuthError, AuthErrorKind, NotRecovered};

use crate::explain;
use crate::failure::{Exit, Failure};
use crate::sends::SendLog;
use crate::session::{Session, Site};

/// A request to an API, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The whole URL, without the credential.
    pub uri: Uri,
    /// Headers beside those of the provider; they win over them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What an API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
    /// How often the request was sent: more than once if a token was refused and renewed.
    pub sends: u32,
    /// Which of the cache's tokens went with the last send; `None` if the credential never changes.
    pub generation: Option<u64>,
    /// Why a refused token was not replaced, if one was refused.
    pub note: Option<NotRecovered>,
}

impl Session {
    /// Sends a request with the credential.
    ///
    /// # Errors
    /// When no token could be had, the request was refused by a rule, or the API did not answer.
    pub async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        let log = Arc::new(SendLog::new(self.cache()));
        let transport = CountedSends { http: self.http.clone(), log: Arc::clone(&log) };
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = call.uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("fetch/", env!("CARGO_PKG_VERSION"))));
        headers.extend(call.headers.clone());
        let result = match self.site()? {
            Some(Site::Provider(layer)) => whole(layer.layer(transport).oneshot(request).await).await,
            Some(Site::Bodies(layer)) => whole(layer.layer(transport).oneshot(request).await).await,
            Some(Site::Named(layer)) => whole(layer.layer(transport).oneshot(request).await).await,
            None if self.is_open() => whole(transport.oneshot(request).await).await,
            None => return Err(Failure::usage("the credential has no base_url to go to")),
        };
        let response = result.map_err(|error| self.failed(call, &*error))?;
        let note = response.extensions().get().cloned();
        let status = response.status();
        Ok(Answer { status, body: response.into_body(), sends: log.sends(), generation: log.generation(), note })
    }

    fn failed(&self, call: &Call, error: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
        match error.downcast_ref::<AuthError>() {
            Some(own) => match own.token_error() {
                Some(error) => self.no_token(error),
                None if own.kind() == AuthErrorKind::ForeignOrigin => Failure::usage(own.to_string()),
                None => Failure::new(Exit::CallFailed, own.to_string()),
            },
            None => Failure::new(
                Exit::CallFailed,
                format!("{} {}: no answer: {}", call.method, explain::site(&call.uri), explain::chain(error)),
            ),
        }
    }
}

/// An answer with its body read, as far as a layer has not done so.
async fn whole<B>(answer: Result<Response<B>, BoxError>) -> Result<Response<Bytes>, BoxError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (parts, body) = answer?.into_parts();
    let body = body.collect().await.map_err(Into::into)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}

/// The transport, with each send counted.
#[derive(Clone, Debug)]
struct CountedSends {
    http: HttpClient,
    log: Arc<SendLog>,
}

impl<B> Service<Request<B>> for CountedSends
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    /// The HTTP client awaits its own readiness.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { http, log } = self.clone();
        log.note(request.headers());
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            Ok(http.send(Request::from_parts(parts, body)).await?.map(Full::new))
        })
    }
}
