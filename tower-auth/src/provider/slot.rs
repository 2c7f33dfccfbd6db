use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// A place among the calls under way, held from readiness on. A clone holds none.
#[derive(Default)]
pub(super) enum Slot {
    #[default]
    Empty,
    Waiting(Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send + Sync>>),
    Held(OwnedSemaphorePermit),
}

impl Slot {
    /// Waits for a place.
    pub(super) fn poll(&mut self, places: &Arc<Semaphore>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            *self = match self {
                Self::Held(_) => return Poll::Ready(()),
                Self::Empty => Self::Waiting(Box::pin(Arc::clone(places).acquire_owned())),
                // Nobody closes the semaphore.
                Self::Waiting(place) => ready!(place.as_mut().poll(context)).map_or(Self::Empty, Self::Held),
            };
        }
    }

    /// The place, for the call.
    pub(super) fn take(&mut self) -> Option<OwnedSemaphorePermit> {
        match std::mem::take(self) {
            Self::Held(permit) => Some(permit),
            Self::Empty | Self::Waiting(_) => None,
        }
    }
}
