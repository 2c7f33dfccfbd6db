//! Metadata documents (RFC 8414, RFC 9728): where they are, and what makes one usable. Both sides read them: the OAuth client for
//! endpoints, verification for keys.

#[cfg(any(feature = "oauth", feature = "jwt"))]
mod addresses;
#[cfg(any(feature = "oauth", feature = "jwt"))]
mod document;
mod resource_address;

#[cfg(any(feature = "oauth", feature = "jwt"))]
pub(crate) use self::addresses::addresses;
#[cfg(any(feature = "oauth", feature = "jwt"))]
pub(crate) use self::document::{Document, DocumentError};
pub(crate) use self::resource_address::resource_address;

/// Largest metadata document that is read, in bytes.
#[cfg(any(feature = "oauth", feature = "jwt"))]
pub(crate) const MAX_METADATA: usize = 256 * 1024;
