//! Refusals: what the client is told, and what the operator is told.

mod body;
mod challenges;
mod fault;
mod kind;
#[allow(clippy::module_inception, reason = "the noun of the folder")]
mod rejection;
mod scheme;

pub use self::body::RejectionBody;
pub use self::kind::RejectionKind;
pub use self::rejection::Rejection;
pub use self::scheme::Scheme;

pub(super) use self::challenges::{Challenges, DEFAULT_REALM};
pub(super) use self::fault::Fault;
pub(super) use self::rejection::DPOP_NONCE;
