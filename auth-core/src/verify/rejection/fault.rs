use std::borrow::Cow;
use std::time::Duration;

use http::HeaderValue;

use super::RejectionKind;

/// Why one check said no, before it is known what the answer looks like.
#[derive(Clone, Debug)]
pub(in crate::verify) struct Fault {
    pub(in crate::verify) kind: RejectionKind,
    /// For the operator. Holds no credential; what it quotes of one is cut to printable ASCII.
    pub(in crate::verify) detail: Cow<'static, str>,
    pub(in crate::verify) retry_after: Option<Duration>,
    /// The nonce that the next DPoP proof is to hold.
    pub(in crate::verify) nonce: Option<HeaderValue>,
}

impl Fault {
    pub(in crate::verify) fn new(kind: RejectionKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None, nonce: None }
    }

    pub(in crate::verify) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}
