use std::cell::Cell;
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;

/// An [`Arc`] whose count is kept per shard of the threads: for what services share that are cloned with each request.
///
/// If all clones count on one word, two cores fight over it, which costs more than all else that a clone does. So the value hangs on several
/// small counted nodes, and a clone counts on the node of its own thread's shard.
///
/// The nodes of other shards are kept by the handle that was cloned, so they live as long as it does. It makes them when it is cloned on
/// another thread for the second time: a handle of one request that moves once to another thread makes none.
///
/// For the crates of this family, which are versioned together.
#[doc(hidden)]
pub struct ShardedArc<T> {
    node: Arc<Node<T>>,
    /// Whether this handle was ever cloned on a thread of another shard.
    travels: AtomicBool,
    /// By shard: the nodes of other threads.
    kept: OnceLock<Kept<T>>,
}

struct Kept<T>(Box<[OnceLock<Arc<Node<T>>>]>);

/// Out of line, so that nothing of this is in the way of the many handles that keep nothing.
impl<T> Drop for Kept<T> {
    #[cold]
    #[inline(never)]
    fn drop(&mut self) {
        drop(mem::take(&mut self.0));
    }
}

/// Aligned so that the count, which the threads of one shard write, is not on the line that threads of other shards read to
/// find their own node.
#[repr(align(128))]
struct Node<T> {
    shard: usize,
    /// How many shards there are, less one: they are a power of two.
    mask: usize,
    value: Arc<T>,
    all: Arc<Nodes<T>>,
}

/// The nodes of one value, by shard, for as long as somebody holds them.
struct Nodes<T>(Mutex<Box<[Weak<Node<T>>]>>);

impl<T> ShardedArc<T> {
    /// Shares `value`.
    pub fn new(value: T) -> Self {
        Self::with_shards(value, default_shards())
    }

    /// With a number of nodes that is a power of two.
    pub(crate) fn with_shards(value: T, shards: usize) -> Self {
        debug_assert!(shards.is_power_of_two(), "{shards} shards");
        let all = Arc::new(Nodes(Mutex::new((0..shards).map(|_| Weak::new()).collect())));
        let mask = shards - 1;
        Self::on(node_of(thread_number() & mask, mask, &Arc::new(value), &all))
    }

    /// Changes the value, of which there is another one from now on if it was shared.
    pub fn update(&mut self, change: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        let mut value = T::clone(self);
        change(&mut value);
        *self = Self::new(value);
    }

    /// The value, counted in one place: for a task or a future that outlives this handle.
    pub(crate) fn as_arc(&self) -> &Arc<T> {
        &self.node.value
    }

    /// Whether anybody else holds the value: another handle, by this node or another, or a task.
    pub(crate) fn is_held_elsewhere(&self) -> bool {
        let kept = || self.kept.get().into_iter().flat_map(|kept| kept.0.iter().filter_map(OnceLock::get));
        let elsewhere = |node: &Arc<Node<T>>| Arc::strong_count(node) > 1;
        elsewhere(&self.node) || kept().any(elsewhere) || Arc::strong_count(&self.node.value) > 1 + kept().count()
    }

    #[inline]
    fn on(node: Arc<Node<T>>) -> Self {
        Self { node, travels: AtomicBool::new(false), kept: OnceLock::new() }
    }

    /// The node for a thread of another shard, which is not kept yet.
    #[cold]
    fn first_on(&self, shard: usize) -> &Arc<Node<T>> {
        if self.kept.get().is_none() && !self.travels.swap(true, Ordering::Relaxed) {
            return &self.node;
        }
        let Node { mask, value, all, .. } = &*self.node;
        let kept = self.kept.get_or_init(|| Kept((0..=*mask).map(|_| OnceLock::new()).collect()));
        kept.0[shard].get_or_init(|| node_of(shard, *mask, value, all))
    }
}

/// The node of `shard`: the one that others hold, or a new one.
fn node_of<T>(shard: usize, mask: usize, value: &Arc<T>, all: &Arc<Nodes<T>>) -> Arc<Node<T>> {
    let mut nodes = all.0.lock().unwrap_or_else(PoisonError::into_inner);
    nodes[shard].upgrade().unwrap_or_else(|| {
        let node = Arc::new(Node { shard, mask, value: Arc::clone(value), all: Arc::clone(all) });
        nodes[shard] = Arc::downgrade(&node);
        node
    })
}

impl<T> Clone for ShardedArc<T> {
    #[inline]
    fn clone(&self) -> Self {
        let shard = thread_number() & self.node.mask;
        if self.node.shard == shard {
            return Self::on(Arc::clone(&self.node));
        }
        // What was made on one thread and is cloned on others comes here with each request.
        let kept = self.kept.get().and_then(|kept| kept.0[shard].get());
        Self::on(Arc::clone(kept.unwrap_or_else(|| self.first_on(shard))))
    }
}

impl<T> Deref for ShardedArc<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.node.value
    }
}

impl<T: fmt::Debug> fmt::Debug for ShardedArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The number of the current thread, counted up from zero in the order of first use.
#[inline]
pub(crate) fn thread_number() -> usize {
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

/// How many shards there are unless somebody says otherwise: two per core, since threads are dealt out in order and more of
/// them run over time than there are cores. A power of two from 4 to 32.
pub(crate) fn default_shards() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(4, usize::from);
        (cores * 2).next_power_of_two().clamp(4, 32)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// Counts how often it is dropped.
    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn counted() -> (ShardedArc<Counted>, Arc<AtomicUsize>) {
        let drops = Arc::new(AtomicUsize::new(0));
        (ShardedArc::with_shards(Counted(Arc::clone(&drops)), 4), drops)
    }

    #[test]
    fn the_last_of_many_threads_drops_the_value_and_no_other_does() {
        let (shared, drops) = counted();
        let barrier = Barrier::new(9);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let own = shared.clone();
                    let clones: Vec<_> = (0..100).map(|_| own.clone()).collect();
                    let of_clones: Vec<_> = clones.iter().map(ShardedArc::clone).collect();
                    barrier.wait();
                    drop((own, clones));
                    assert_eq!(drops.load(Ordering::SeqCst), 0);
                    of_clones
                });
            }
            barrier.wait();
        });
        assert!(!shared.is_held_elsewhere());
        let last = shared.clone();
        drop(shared);
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        thread::spawn(move || drop(last)).join().unwrap();
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_else_holds_it_is_known_whichever_thread_they_cloned_it_on() {
        let (shared, _) = counted();
        for round in 0..3 {
            assert!(!shared.is_held_elsewhere(), "{round}");
            let clones: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| shared.clone())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            for clone in clones {
                assert!(shared.is_held_elsewhere() && clone.is_held_elsewhere(), "{round}");
                drop(clone);
            }
        }
        let task = Arc::clone(shared.as_arc());
        assert!(shared.is_held_elsewhere());
        drop(task);
        assert!(!shared.is_held_elsewhere());
    }

    #[test]
    fn a_change_leaves_what_others_hold_as_it_was() {
        let mut changed = ShardedArc::new(vec![1]);
        let other = changed.clone();
        changed.update(|list| list.push(2));
        assert_eq!((&changed[..], &other[..]), (&[1, 2][..], &[1][..]));
    }
}
