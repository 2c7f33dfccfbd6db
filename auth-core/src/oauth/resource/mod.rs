//! The metadata of protected resources (RFC 9728), and the way from a refused request to the authorization server behind the
//! resource.

mod builder;
mod discovered_resource;
mod guarded_http;
mod issuer_clients;
mod metadata;
mod metadata_request;
mod resource_discovery;

pub use self::builder::ResourceDiscoveryBuilder;
pub use self::discovered_resource::DiscoveredResource;
pub use self::metadata::ProtectedResourceMetadata;
pub use self::metadata_request::ResourceMetadataRequest;
pub use self::resource_discovery::ResourceDiscovery;
