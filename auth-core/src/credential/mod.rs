//! What goes on a request, and where.

mod basic;
mod placement;
mod prepared;
mod signer;

pub use self::basic::Basic;
pub use self::placement::Placement;
pub use self::prepared::Credential;
#[cfg(feature = "provider")]
pub(crate) use self::prepared::Piece;
pub use self::signer::{RequestSigner, SigningRequest};
