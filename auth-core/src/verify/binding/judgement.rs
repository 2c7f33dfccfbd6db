use std::future::Future;
use std::pin::Pin;

use http::HeaderValue;

use crate::verify::rejection::Fault;
use crate::verify::step::Finding;

/// What comes of a token and of what the request proves beside it.
pub(in crate::verify) enum Judgement {
    Done(Result<Judged, Fault>),
    /// Somebody else has to be asked.
    #[allow(dead_code, reason = "which demands can wait depends on the features")]
    Wait {
        /// What those are answered who cannot wait.
        pending: Fault,
        future: Pin<Box<dyn Future<Output = Result<Judged, Fault>> + Send>>,
    },
}

/// A token that its sender may use.
pub(in crate::verify) struct Judged {
    pub(in crate::verify) finding: Finding,
    /// What the client shall put into its next proof.
    pub(in crate::verify) nonce: Option<HeaderValue>,
}

impl Judgement {
    /// The outcome, waited for if need be.
    pub(in crate::verify) async fn outcome(self) -> Result<Judged, Fault> {
        match self {
            Self::Done(outcome) => outcome,
            Self::Wait { future, .. } => future.await,
        }
    }
}

impl From<Result<Finding, Fault>> for Judgement {
    fn from(found: Result<Finding, Fault>) -> Self {
        Self::Done(found.map(|finding| Judged { finding, nonce: None }))
    }
}
