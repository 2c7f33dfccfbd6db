use tower_auth_core::Clock;
use tower_layer::Layer;

use super::EndAtExpiry;

/// Ends responses that are still being written when the credential of their caller expires: streams of events, logs that are
/// followed, long polls. Their clients come back with a new token.
///
/// It takes the caller from the extensions of the request, so it belongs below the [`ValidateLayer`](crate::ValidateLayer) or
/// the extractor that verifies. Requests without a verdict, and callers whose credential does not say when it expires, are
/// left alone; and so are bodies whose length is known beforehand, which would arrive cut off.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, service_fn};
/// use tower_auth::core::BasicVerifier;
/// use tower_auth::{EndAtExpiryLayer, ValidateLayer};
///
/// let verifier = BasicVerifier::new().user("batch", "s3cret").build()?;
/// let events = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::new())) });
/// let service = ServiceBuilder::new()
///     .layer(ValidateLayer::new(verifier))
///     .layer(EndAtExpiryLayer::new())
///     .service(events);
/// # Ok::<(), tower_auth::core::ConfigError>(())
/// ```
///
/// The body ends as if it were complete. For a format whose readers could take a part for the whole, end the stream in the
/// service, with a word of farewell: [`Principal::expiry`](tower_auth_core::Principal::expiry) says when. WebSockets, which
/// have no response body, need that as well. For gRPC use the layer of `tower-auth-tonic`.
#[derive(Clone, Debug, Default)]
pub struct EndAtExpiryLayer {
    clock: Clock,
}

impl EndAtExpiryLayer {
    /// By the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock }
    }
}

impl<S> Layer<S> for EndAtExpiryLayer {
    type Service = EndAtExpiry<S>;

    fn layer(&self, inner: S) -> EndAtExpiry<S> {
        EndAtExpiry::new(inner, self.clock.clone())
    }
}
