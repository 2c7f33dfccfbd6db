use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, oneshot};

/// Work that nobody may cut off: it runs in tasks of its own, and whoever closes the store waits for it.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Inner>);

#[derive(Default)]
struct Inner {
    running: AtomicUsize,
    ended: Notify,
    closed: AtomicBool,
    closing: Notify,
}

/// Counts a task for as long as it lives, however it ends.
struct Counted(Arc<Inner>);

/// What is being done while the store is open.
pub(crate) struct Admitted(#[allow(dead_code, reason = "held for its end")] Counted);

impl Tasks {
    /// Runs `work` in a task; `None` if its runtime ended before it did.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.run_admitted(Admitted(self.count()), work).await
    }

    /// The same for work that must not begin once the store is being closed.
    pub(crate) async fn run_admitted<T: Send + 'static>(
        &self,
        admitted: Admitted,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let _counted = admitted;
            // Whoever waited may be gone.
            let _ = sender.send(work.await);
        });
        receiver.await.ok()
    }

    /// Runs `work` in a task that nobody waits for, but whoever closes the store.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let counted = self.count();
        tokio::spawn(async move {
            let _counted = counted;
            work.await;
        });
    }

    /// Lets something begin, which counts as running for as long as it holds what is returned; `None` if the store is being closed.
    pub(crate) fn admit(&self) -> Option<Admitted> {
        // Counted first: whoever closes either sees it, or is seen.
        let counted = self.count();
        (!self.is_closed()).then_some(Admitted(counted))
    }

    fn count(&self) -> Counted {
        self.0.running.fetch_add(1, Ordering::SeqCst);
        Counted(Arc::clone(&self.0))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    /// Lets nothing new begin.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.closing.notify_waiters();
    }

    /// Ends when the store is being closed.
    pub(crate) async fn closing(&self) {
        loop {
            let closing = self.0.closing.notified();
            if self.is_closed() {
                return;
            }
            closing.await;
        }
    }

    /// Waits until nothing runs.
    pub(crate) async fn drained(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.0.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}
