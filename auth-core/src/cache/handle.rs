use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::shard::thread_number;
use super::state::State;

/// A counted reference to a cache's state whose count is kept per thread.
///
/// Services are cloned for each request. If all clones counted on one word, two cores would fight over it
/// (some 55 ns per request). So the state hangs on several small counted nodes, and a clone counts on the
/// node of its own thread. The nodes of other threads are kept by the value that was cloned, so they live
/// as long as it does; a value that is never cloned on another thread makes none.
pub(super) struct Handle {
    node: Arc<Node>,
    /// By shard: the nodes of other threads, made when this value was first cloned there.
    kept: OnceLock<Box<[OnceLock<Arc<Node>>]>>,
}

/// Aligned so that the count, which the threads of one shard write, is not on the line that threads of other shards read to
/// find their own node.
#[repr(align(128))]
struct Node {
    shard: usize,
    state: Arc<State>,
}

/// The nodes of one state, by shard, for as long as somebody holds them.
#[derive(Default)]
pub(super) struct Nodes(Mutex<Vec<Weak<Node>>>);

impl Handle {
    pub(super) fn new(state: State) -> Self {
        let state = Arc::new(state);
        let shard = thread_number() & (state.shard_count() - 1);
        Self::on(state.nodes().get(&state, shard))
    }

    /// The state, counted: for a task or a future that outlives this handle.
    pub(super) fn state(&self) -> &Arc<State> {
        &self.node.state
    }

    /// Whether anybody else holds the state: another handle, by this node or another, or a flight.
    pub(super) fn is_held_elsewhere(&self) -> bool {
        let own_nodes = self.kept.get().map_or(0, |kept| kept.iter().filter(|node| node.get().is_some()).count());
        let elsewhere = |node: &Arc<Node>| Arc::strong_count(node) > 1;
        elsewhere(&self.node)
            || self.kept.get().is_some_and(|kept| kept.iter().filter_map(OnceLock::get).any(elsewhere))
            || Arc::strong_count(&self.node.state) > 1 + own_nodes
    }

    fn on(node: Arc<Node>) -> Self {
        Self { node, kept: OnceLock::new() }
    }
}

impl Clone for Handle {
    #[inline]
    fn clone(&self) -> Self {
        let count = self.node.state.shard_count();
        let shard = thread_number() & (count - 1);
        if self.node.shard == shard {
            return Self::on(Arc::clone(&self.node));
        }
        let kept = self.kept.get_or_init(|| (0..count).map(|_| OnceLock::new()).collect());
        let node = kept[shard].get_or_init(|| self.node.state.nodes().get(&self.node.state, shard));
        Self::on(Arc::clone(node))
    }
}

impl Deref for Handle {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        &self.node.state
    }
}

impl Nodes {
    /// The node of `shard`: the one that others hold, or a new one.
    fn get(&self, state: &Arc<State>, shard: usize) -> Arc<Node> {
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.resize_with(state.shard_count(), Weak::new);
        nodes[shard].upgrade().unwrap_or_else(|| {
            let node = Arc::new(Node { shard, state: Arc::clone(state) });
            nodes[shard] = Arc::downgrade(&node);
            node
        })
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.node.state, f)
    }
}
