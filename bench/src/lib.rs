//! What the benchmarks share: repetitions by several threads at once, and figures that the report reads.
#![forbid(unsafe_code)]

mod figures;
pub mod incoming;
mod outgoing;
#[cfg(feature = "peers")]
pub mod peers;
mod poll;
#[cfg(feature = "peers")]
pub mod resource_peers;
mod services;
#[cfg(feature = "peers")]
mod threads;
mod token_server;

/// How often a case is repeated where instructions are counted.
pub const TIMES: u32 = 1_000;

pub use figures::{Figure, Figures, target_dir};
pub use outgoing::{bearer, block_on, request, token, warm_cache};
pub use poll::at_once;
pub use services::{BoxedNoOp, NoOp, Reading, drive, drive_as};
#[cfg(feature = "peers")]
pub use threads::{case, thread_counts, timed_case};
pub use token_server::{TokenServer, answer};
