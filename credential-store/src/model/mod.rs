//! What the store keeps: whose credential it is, for what, and how it is doing.

mod id;
mod owner;
mod status;
mod timestamp;

pub use self::id::CredentialId;
pub use self::owner::{Owner, OwnerDigest};
pub use self::status::CredentialStatus;
pub use self::timestamp::Timestamp;
