use std::future::poll_fn;
use std::mem;

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use http_body_util::Full;
use reqwest_middleware::{Error, Next};
use tower_auth_core::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::sender::{Sender, at_once};
use crate::{Auth, AuthError, AuthLayer, ReplayBody};

/// One call through the layer, which sends it by `next` once or twice.
pub(super) async fn exchange(
    layer: AuthLayer,
    request: reqwest::Request,
    extensions: &mut Extensions,
    next: Next<'_>,
) -> Result<reqwest::Response, Error> {
    let sender = Sender::new(next, request.url().clone(), extensions.clone());
    let shared = sender.extensions();
    let auth = layer.layer(sender);

    let is_known = request.body().is_none_or(|body| body.as_bytes().is_some());
    // Keeps the timeout and the version, which the conversion carries as an extension and in the head.
    let mut request = Request::<reqwest::Body>::try_from(request)?;
    request.extensions_mut().extend(extensions.clone());
    let answer = if is_known {
        // A type that the layer knows to be whole.
        call(auth, request.map(|body| Full::new(at_once(body)))).await
    } else {
        call(auth, request).await
    };
    *extensions = shared.take();
    answer.map(joined).map_err(typed)
}

async fn call<S, B>(mut auth: Auth<S>, request: Request<B>) -> Result<S::Response, BoxError>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<reqwest::Response>, Error = Error> + Clone,
    B: Body<Data = Bytes> + 'static,
{
    poll_fn(|context| Service::<Request<B>>::poll_ready(&mut auth, context)).await?;
    auth.call(request).await
}

/// The head of a response beside the rest, for the layer to look at. Nothing is copied.
pub(super) fn split(mut response: reqwest::Response) -> Response<reqwest::Response> {
    let headers = mem::take(response.headers_mut());
    let status = response.status();
    let mut split = Response::new(response);
    *split.status_mut() = status;
    *split.headers_mut() = headers;
    split
}

/// The response again, with what the layer has to say about it.
fn joined(split: Response<reqwest::Response>) -> reqwest::Response {
    let (parts, mut response) = split.into_parts();
    *response.headers_mut() = parts.headers;
    response.extensions_mut().extend(parts.extensions);
    response
}

/// The layer boxes its own errors and those of the service below.
pub(super) fn typed(error: BoxError) -> Error {
    match error.downcast::<Error>().map_err(|error| error.downcast::<AuthError>()) {
        Ok(sending) => *sending,
        Err(Ok(own)) => Error::middleware(*own),
        // There is no third kind. If there ever is one, it is still an error with a text and a source.
        Err(Err(other)) => Error::middleware(std::io::Error::other(other)),
    }
}
