//! Metadata documents (RFC 8414): where they are, and what makes one usable. Both sides read them: the OAuth client for
//! endpoints, verification for keys.

mod addresses;
mod document;

pub(crate) use self::addresses::addresses;
pub(crate) use self::document::{Document, DocumentError};

/// Largest metadata document that is read, in bytes.
pub(crate) const MAX_METADATA: usize = 256 * 1024;
