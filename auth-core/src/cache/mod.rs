//! The token cache: a source, a lock-free snapshot of its last token, and one refresh at a time.

mod backoff;
mod bucket;
mod builder;
mod context;
mod flight;
mod flow;
mod keyed;
mod persist;
mod presentation;
mod reader;
mod refresh;
mod snapshot;
mod state;
mod status;
mod steering;
mod telemetry;
mod token_cache;
mod window;

pub use self::builder::TokenCacheBuilder;
pub use self::keyed::TokenCaches;
pub use self::reader::TokenReader;
pub use self::snapshot::Generation;

pub use self::status::{CacheState, CacheStatus};
pub use self::steering::Invalidation;
pub use self::token_cache::{Current, TokenCache};

#[cfg(feature = "provider")]
pub(crate) use self::presentation::Present;
