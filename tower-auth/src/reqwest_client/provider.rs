use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Extensions, Request, Response};
use http_body_util::Full;
use pin_project_lite::pin_project;
use reqwest::{ResponseBuilderExt, Url, redirect};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Next};
use tower_auth_core::{BoxError, ConfigError, ConfigErrorKind};
use tower_layer::Layer;
use tower_service::Service;

use super::client::middleware_of;
use super::exchange::typed;
use super::sender::{Sender, at_once};
use crate::{InspectedBody, ProviderLayer, ReplayBody};

/// # reqwest
impl ProviderLayer {
    /// A reqwest client behind this layer; see [`AuthLayer::reqwest`](crate::AuthLayer::reqwest), whose rules hold. reqwest knows absolute URLs only, so that
    /// paths must be written behind [`Connection::base_url`](crate::core::Connection::base_url).
    ///
    /// ```no_run
    /// use tower_auth::ProviderLayer;
    /// use tower_auth::core::{ProviderSpec, ProviderValues};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let connection = ProviderSpec::from_file("providers/hubspot.toml")?.fill(&ProviderValues::new())?.connect().build()?;
    /// let client = ProviderLayer::new(&connection)?.reqwest(reqwest::Client::builder())?;
    ///
    /// let base = connection.base_url().unwrap_or_default();
    /// let owners = client.get(format!("{base}/crm/v3/owners")).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When reqwest cannot build the client.
    pub fn reqwest(self, client: reqwest::ClientBuilder) -> Result<ClientWithMiddleware, ConfigError> {
        if let Some(auth) = self.alone() {
            return auth.clone().reqwest(client);
        }
        let client = client.redirect(redirect::Policy::none()).build().map_err(|error| {
            ConfigError::new(ConfigErrorKind::InvalidOption, "reqwest cannot build its client").with_source(error)
        })?;
        let layer = self;
        let exchange = middleware_of(move |request, extensions, next| {
            Box::pin(exchange(layer.clone(), request, extensions, next))
        });
        Ok(ClientBuilder::new(client).with(exchange).build())
    }
}

/// One call through the layer.
async fn exchange(
    layer: ProviderLayer,
    request: reqwest::Request,
    extensions: &mut Extensions,
    next: Next<'_>,
) -> Result<reqwest::Response, Error> {
    let url = request.url().clone();
    let sender = Sender::new(next, url.clone(), extensions.clone());
    let shared = sender.extensions();
    let service = layer.layer(Opened { sender });

    let is_known = request.body().is_none_or(|body| body.as_bytes().is_some());
    let mut request = Request::<reqwest::Body>::try_from(request)?;
    request.extensions_mut().extend(extensions.clone());
    let answer = if is_known {
        call(service, request.map(|body| Full::new(at_once(body)))).await
    } else {
        call(service, request).await
    };
    *extensions = shared.take();
    answer.map(|response| closed(response, &url)).map_err(typed)
}

async fn call<S, B>(mut service: S, request: Request<B>) -> Result<S::Response, BoxError>
where
    S: Service<Request<B>, Error = BoxError>,
{
    poll_fn(|context| service.poll_ready(context)).await?;
    service.call(request).await
}

/// A sender whose responses have a body that can be looked into.
#[derive(Clone)]
struct Opened<'a> {
    sender: Sender<'a>,
}

pin_project! {
    struct OpenedFuture<F> {
        #[pin]
        response: F,
    }
}

impl<'a, B> Service<Request<ReplayBody<B>>> for Opened<'a>
where
    Sender<'a>: Service<Request<ReplayBody<B>>, Response = Response<reqwest::Response>>,
{
    type Response = Response<reqwest::Body>;
    type Error = <Sender<'a> as Service<Request<ReplayBody<B>>>>::Error;
    type Future = OpenedFuture<<Sender<'a> as Service<Request<ReplayBody<B>>>>::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReplayBody<B>>) -> Self::Future {
        OpenedFuture { response: self.sender.call(request) }
    }
}

impl<F, E> Future for OpenedFuture<F>
where
    F: Future<Output = Result<Response<reqwest::Response>, E>>,
{
    type Output = Result<Response<reqwest::Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (parts, response) = ready!(self.project().response.poll(context))?.into_parts();
        let (own, body) = Response::<reqwest::Body>::from(response).into_parts();
        let mut opened = Response::from_parts(parts, body);
        // What reqwest knows of the connection.
        *opened.version_mut() = own.version;
        opened.extensions_mut().extend(own.extensions);
        Poll::Ready(Ok(opened))
    }
}

/// The response as reqwest's own again.
fn closed(response: Response<InspectedBody<reqwest::Body>>, url: &Url) -> reqwest::Response {
    let addressed = Response::builder().url(url.clone()).body(()).map(|response| response.into_parts().0.extensions);
    let mut response = response.map(reqwest::Body::wrap::<InspectedBody<reqwest::Body>>);
    response.extensions_mut().extend(addressed.unwrap_or_default());
    response.into()
}
