use std::time::Duration;

use tokio::sync::watch;

use super::error::KeysError;
use crate::clock::within;
use crate::verify::rejection::{Fault, RejectionKind};
use crate::{Clock, MonotonicTime};

/// What a fetch ended with.
#[derive(Clone, Debug)]
pub(in crate::verify) struct Landed {
    pub(super) started: MonotonicTime,
    pub(super) error: Option<KeysError>,
    /// It was under way already when it was joined, so its answer may be from before that.
    pub(super) is_earlier: bool,
}

impl Landed {
    /// Of a fetch that began after what waits for its answer came, though somebody else began it.
    pub(in crate::verify) fn of_a_later_fetch(self) -> Self {
        Self { is_earlier: false, ..self }
    }
}

/// A fetch to be waited for.
pub(in crate::verify) struct KeyWait {
    pub(super) outcome: watch::Receiver<Option<Landed>>,
    pub(super) issuer: Box<str>,
    pub(super) clock: Clock,
    /// Longer than the fetch itself may take.
    pub(super) limit: Duration,
    pub(super) is_earlier: bool,
}

impl KeyWait {
    /// What the fetch ends with. A fetch that is lost (it panicked, its runtime was shut down) ends with an error.
    pub(in crate::verify) async fn landed(mut self) -> Landed {
        let end = within(&self.clock, self.limit, self.outcome.wait_for(Option::is_some)).await;
        let landed = match end {
            Some(Ok(landed)) => landed.clone(),
            Some(Err(_)) | None => None,
        };
        let landed = landed.unwrap_or_else(|| Landed {
            started: MonotonicTime::START,
            error: Some(KeysError::new("keys.aborted", "the fetch ended without a result")),
            is_earlier: false,
        });
        Landed { is_earlier: self.is_earlier, ..landed }
    }

    /// What to answer instead of waiting.
    pub(in crate::verify) fn pending(&self) -> Fault {
        let detail = format!(
            "the keys of {} are being fetched; a service that cannot wait should await `Verifier::ready` before it takes requests",
            self.issuer
        );
        Fault::new(RejectionKind::KeysUnavailable, detail).retry_after(Duration::from_secs(1))
    }
}

/// Nothing can be said of a token: 503 and never a verdict.
pub(super) fn unavailable(error: &KeysError) -> Fault {
    Fault::new(
        RejectionKind::KeysUnavailable,
        format!("the issuer's keys are not available: {} [{}]", error.message, error.code),
    )
    .retry_after(error.retry_after.unwrap_or(Duration::from_secs(1)).max(Duration::from_secs(1)))
}
