use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;

/// An [`Arc`] whose count is kept per thread: for what services share that are cloned with each request.
///
/// If all clones count on one word, two cores fight over it (some 55 ns per request). So the value hangs on several
/// small counted nodes, and a clone counts on the node of its own thread. The nodes of other threads are kept by the handle that was
/// cloned, so they live as long as it does; a handle that is never cloned on another thread makes none.
///
/// ```
/// use tower_auth_core::ShardedArc;
///
/// let shared = ShardedArc::new(vec![1, 2, 3]);
/// let elsewhere = shared.clone();
/// std::thread::spawn(move || assert_eq!(elsewhere.len(), 3)).join().unwrap();
/// assert_eq!(shared[0], 1);
/// ```
pub struct ShardedArc<T> {
    node: Arc<Node<T>>,
    /// By shard: the nodes of other threads, made when this handle was first cloned there.
    kept: OnceLock<Box<Kept<T>>>,
}

struct Kept<T>(Vec<OnceLock<Arc<Node<T>>>>);

/// Out of line, so that nothing of this is in the way of the many handles that keep nothing.
impl<T> Drop for Kept<T> {
    #[cold]
    #[inline(never)]
    fn drop(&mut self) {
        self.0.clear();
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
        let all = Arc::new(Nodes(Mutex::new((0..shards).map(|_| Weak::new()).collect())));
        let mask = shards - 1;
        Self::on(node_of(thread_number() & mask, mask, &Arc::new(value), &all))
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
        Self { node, kept: OnceLock::new() }
    }

    /// The node of another thread's shard.
    #[cold]
    fn on_shard(&self, shard: usize) -> &Arc<Node<T>> {
        let Node { mask, value, all, .. } = &*self.node;
        let kept = self.kept.get_or_init(|| Box::new(Kept((0..=*mask).map(|_| OnceLock::new()).collect())));
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
        let node = if self.node.shard == shard { &self.node } else { self.on_shard(shard) };
        Self::on(Arc::clone(node))
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
    let cores = thread::available_parallelism().map_or(4, usize::from);
    (cores * 2).next_power_of_two().clamp(4, 32)
}
