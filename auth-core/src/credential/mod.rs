//! What goes on a request, and where.

#[cfg(feature = "provider")]
mod base_url;
mod basic;
mod placement;
mod prepared;
mod signer;

#[cfg(feature = "provider")]
pub use self::base_url::BaseUrl;
pub use self::basic::Basic;
pub use self::placement::Placement;
pub use self::prepared::Credential;
#[cfg(feature = "provider")]
pub(crate) use self::prepared::Piece;
pub use self::signer::{RequestSigner, SigningRequest};
