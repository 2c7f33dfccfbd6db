use std::fmt;

use tokio::sync::broadcast;

use super::CredentialEvent;

/// How many events wait for somebody who is slow.
const WAITING: usize = 1_024;

/// Hands events to whoever listens in this process.
pub(crate) struct Hub(broadcast::Sender<CredentialEvent>);

/// The events of a store, from when it was asked for on, of this process alone. For those of the whole fleet use webhooks.
pub struct CredentialEvents(broadcast::Receiver<CredentialEvent>);

impl Hub {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(WAITING).0)
    }

    pub(crate) fn tell(&self, event: CredentialEvent) {
        // Nobody may be listening.
        let _ = self.0.send(event);
    }

    pub(crate) fn listen(&self) -> CredentialEvents {
        CredentialEvents(self.0.subscribe())
    }
}

impl CredentialEvents {
    /// The next event; `None` once the store is gone. Whoever is more than a thousand events behind misses the oldest.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<CredentialEvent> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "events of credentials were missed: whoever listens is too slow");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl fmt::Debug for CredentialEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialEvents").finish_non_exhaustive()
    }
}
