//! Which of several copies a thread uses, so that threads do not fight over one reference count.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The number of the current thread, counted up from zero in the order of first use.
#[inline]
pub(super) fn thread_number() -> usize {
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    let number = NUMBER.get();
    if number == usize::MAX { first_use(&NUMBER) } else { number }
}

#[cold]
fn first_use(slot: &'static thread::LocalKey<Cell<usize>>) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    slot.set(number);
    number
}

/// How many copies a cache keeps unless told otherwise: two per core, since threads are dealt out in order and more of
/// them run over time than there are cores. A power of two from 4 to 32.
pub(super) fn default_count() -> usize {
    let cores = thread::available_parallelism().map_or(4, usize::from);
    (cores * 2).next_power_of_two().clamp(4, 32)
}
