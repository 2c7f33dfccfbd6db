//! How a client proves to an authorization server who it is (RFC 6749 section 2.3).

mod assertion;
mod authenticator;
mod basic_half;
mod method;
mod secret_slot;
mod secret_source;

pub use self::assertion::AssertionAudience;
pub use self::basic_half::BasicHalf;
pub use self::method::ClientAuth;
pub use self::secret_source::{FileSecret, SecretSource};

pub(super) use self::assertion::AssertionOptions;
pub(super) use self::authenticator::{Authenticator, Identity, Proof, SecretOrigin};
pub(super) use self::basic_half::Halves;
pub(super) use self::secret_source::ErasedSecretSource;
