use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use http::{Extensions, Response};

/// An answer that tells of a rotated refresh token, until it is on its way. It travels with the answer; one that ends before
/// its time counts as lost.
#[derive(Debug)]
pub(crate) struct Delivery {
    counted_at: [Arc<Losses>; 2],
    fate: AtomicU8,
}

/// How many answers were lost.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    dropped: AtomicUsize,
    undelivered: AtomicUsize,
}

const PENDING: u8 = 0;
const SENT: u8 = 1;
const DROPPED: u8 = 2;

impl Delivery {
    /// Losses are counted at each of `counted_at`.
    pub(crate) fn new(counted_at: [Arc<Losses>; 2]) -> Arc<Self> {
        Arc::new(Self { counted_at, fate: AtomicU8::new(PENDING) })
    }

    /// That of an answer, if it is of such a kind.
    pub(crate) fn of(extensions: &Extensions) -> Option<Arc<Self>> {
        extensions.get::<Arc<Self>>().cloned()
    }

    /// Takes it off an answer that goes on its way by itself.
    pub(crate) fn take<B>(response: &mut Response<B>) -> Option<Arc<Self>> {
        response.extensions_mut().remove()
    }

    /// The last byte is in the hands of the transport. Without effect on one that was dropped.
    pub(crate) fn sent(&self) {
        let _ = self.fate.compare_exchange(PENDING, SENT, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// A fault makes the answer useless.
    pub(crate) fn dropped(&self) {
        self.fate.store(DROPPED, Ordering::SeqCst);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        for losses in &self.counted_at {
            let count = match *self.fate.get_mut() {
                SENT => continue,
                DROPPED => &losses.dropped,
                _ => &losses.undelivered,
            };
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Losses {
    /// By a fault.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }

    /// Because the peer had gone.
    pub(crate) fn undelivered(&self) -> usize {
        self.undelivered.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_sent_dropped_or_undelivered() {
        let [family, all] = [Arc::new(Losses::default()), Arc::new(Losses::default())];
        let delivery = || Delivery::new([Arc::clone(&family), Arc::clone(&all)]);
        delivery().sent();
        let dropped = delivery();
        dropped.dropped();
        dropped.sent();
        drop(dropped);
        drop(delivery());
        drop(delivery());
        for losses in [family, all] {
            assert_eq!((losses.dropped(), losses.undelivered()), (1, 2));
        }
    }
}
