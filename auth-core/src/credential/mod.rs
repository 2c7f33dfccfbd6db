//! What goes on a request, and where.

#[cfg(feature = "provider")]
mod base_url;
mod basic;
mod pair_text;
mod part;
mod placement;
mod prepared;
mod signer;

#[cfg(feature = "provider")]
pub use self::base_url::BaseUrl;
pub use self::basic::Basic;
#[cfg(feature = "verify")]
pub(crate) use self::pair_text::PairText;
#[cfg(feature = "provider")]
pub(crate) use self::part::Piece;
#[cfg(any(feature = "dpop", feature = "sign-aws"))]
pub(crate) use self::part::wiped_value;
pub use self::placement::Placement;
pub use self::prepared::Credential;
pub use self::signer::{RequestSigner, SigningRequest};
