//! The pages on which people connect their accounts, and an HTTP API that does the same: a router for an application to mount.

mod api;
mod builder;
mod claims;
#[allow(clippy::module_inception, reason = "the noun of the room")]
mod connect;
mod cookie;
mod pages;
mod public_url;
mod query;
mod session;
mod throttle;

pub(crate) mod assets;
pub(crate) mod views;

pub use self::builder::ConnectBuilder;
pub use self::connect::Connect;
pub use self::session::ConnectSession;
