use std::sync::Arc;
use std::time::Duration;

use super::store::Inner;
use crate::backend::{BackendError, Failed, Intent};
use crate::event::CredentialEvent;

/// The longest wait for a database before it is tried again.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// How an attempt ended that brought nothing, to be written.
#[derive(Clone)]
pub(super) struct Note {
    pub(super) store: Arc<Inner>,
    /// The token was sent once, and not a second time.
    pub(super) doubt: Option<Intent>,
    pub(super) failed: Failed,
    /// Told once it is written.
    pub(super) event: Option<CredentialEvent>,
}

impl Note {
    /// False if the lease or the generation is another by now.
    pub(super) async fn write(&self) -> Result<bool, BackendError> {
        let (backend, failed) = (&self.store.backend, &self.failed);
        if let Some(intent) = &self.doubt {
            let (id, fence) = (failed.id, failed.fence);
            // It may have run out, and nobody has taken it.
            let is_ours = backend.extend(id, fence, self.store.settings.lease).await?
                && backend.begin_exchange(id, fence, failed.generation, intent.clone()).await?;
            if !is_ours {
                return Ok(false);
            }
        }
        backend.fail_exchange(failed.clone()).await
    }

    /// Writes it as soon as the database lets it, while nobody waits.
    pub(super) fn later(self) {
        let store = Arc::clone(&self.store);
        store.tasks.clone().spawn(async move {
            let mut pause = Duration::from_millis(20);
            loop {
                match self.write().await {
                    Ok(true) => return store.tell(self.event),
                    Ok(false) => return,
                    Err(error) if store.tasks.is_closed() && pause >= LONGEST_PAUSE => {
                        tracing::error!(credential = %self.failed.id, error = %error, "the end of an attempt was not noted");
                        return;
                    }
                    Err(_) => {}
                }
                store.clock.sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
    }
}
