use http::Response;
use tower_auth_core::Rejection;

/// How refusals of a [`ValidateLayer`](super::ValidateLayer) are answered: without a body, or with one. Nothing else implements
/// it.
pub trait RefusalBodies<R>: sealed::Sealed {
    /// The answer.
    #[doc(hidden)]
    fn answer(refusal: &Rejection) -> Response<R>;
}

/// Refusals have no body: for every kind of body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EmptyBodies;

/// Refusals have a body that is made of a text.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WrittenBodies;

impl<R: Default> RefusalBodies<R> for EmptyBodies {
    fn answer(refusal: &Rejection) -> Response<R> {
        refusal.to_response()
    }
}

impl<R: Default + From<String>> RefusalBodies<R> for WrittenBodies {
    fn answer(refusal: &Rejection) -> Response<R> {
        refusal.to_full_response()
    }
}

mod sealed {
    #[allow(unreachable_pub, reason = "it seals a public trait")]
    pub trait Sealed {}

    impl Sealed for super::EmptyBodies {}
    impl Sealed for super::WrittenBodies {}
}
