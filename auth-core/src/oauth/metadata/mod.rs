//! The metadata of an authorization server (RFC 8414, OpenID Connect Discovery): what it says, and how it is fetched.

mod discovery;
mod document_request;
mod kept;
mod metadata_cache;
mod server_endpoint;
mod server_metadata;

pub use self::discovery::ServerDiscovery;
pub(super) use self::document_request::{DocumentRequest, unreachable};
pub(super) use self::kept::Kept;
pub(super) use self::metadata_cache::MetadataCache;
pub use self::server_endpoint::ServerEndpoint;
pub use self::server_metadata::ServerMetadata;
