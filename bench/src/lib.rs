//! What the benchmarks share: repetitions by several threads at once, and figures that the report reads.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_types, reason = "it measures time")]

mod figures;
mod outgoing;
mod threads;

pub use figures::{Figure, Figures, target_dir};
pub use outgoing::{bearer, block_on, request, token, warm_cache};
pub use threads::{case, thread_counts};
