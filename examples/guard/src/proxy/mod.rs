//! The way to the upstream: what is taken off requests, what they are told of their caller, and how they are sent.

mod cleaning;
mod client;
mod forwarded;
mod hop;
mod identity;
#[allow(clippy::module_inception, reason = "one noun to a file")]
mod proxy;
mod sent_body;
mod upgrade;

pub(crate) use self::identity::is_reserved;
pub use self::identity::{Fact, IdentityHeaders};
pub(crate) use self::proxy::Proxy;

use self::cleaning::Cleaning;
