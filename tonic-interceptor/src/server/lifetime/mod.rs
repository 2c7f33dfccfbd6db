//! Calls that last longer than the credential they began with.

mod body;
mod future;
mod rule;
mod service;
mod watch;

pub use self::body::LifetimeBody;
pub(super) use self::service::Lifetime;

pub(super) use self::rule::Rule;
