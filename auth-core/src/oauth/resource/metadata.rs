use std::fmt;
use std::sync::Arc;

use super::ResourceMetadataRequest;
use crate::metadata::{Document, DocumentError};

/// What a protected resource says of itself (RFC 9728): above all, whose tokens it takes.
///
/// ```no_run
/// # #[cfg(feature = "http")]
/// # async fn example() -> Result<(), tower_auth_core::TokenError> {
/// use tower_auth_core::ProtectedResourceMetadata;
///
/// let metadata = ProtectedResourceMetadata::request("https://api.example.com/mcp").fetch().await?;
/// println!("{:?}", metadata.authorization_servers());
/// # Ok(())
/// # }
/// ```
///
/// `signed_metadata` is ignored as a whole, which RFC 9728 section 2.2 allows.
///
/// # Clone
/// Clones share the document.
///
/// # Security
/// It proves that the resource names these servers, not that they can be trusted: [`ResourceDiscovery`](crate::ResourceDiscovery) uses those that the
/// program allows.
#[derive(Clone)]
pub struct ProtectedResourceMetadata(Arc<Inner>);

struct Inner {
    resource: String,
    servers: Vec<String>,
    scopes: Option<Vec<String>>,
    methods: Option<Vec<String>>,
    dpop_algs: Option<Vec<String>>,
    requires_dpop: bool,
    document: Document,
}

impl ProtectedResourceMetadata {
    /// Describes a fetch of the metadata of the resource at `url`, the URL that is requested.
    pub fn request(url: impl Into<String>) -> ResourceMetadataRequest {
        ResourceMetadataRequest::new(url.into())
    }

    /// The document in `body`, about whichever resource.
    pub(super) fn read(body: &[u8]) -> Result<Self, DocumentError> {
        let document = Document::parse(body)?;
        Ok(Self(Arc::new(Inner {
            resource: document.text("resource")?.ok_or(DocumentError::Missing("resource"))?,
            servers: document.get("authorization_servers")?.unwrap_or_default(),
            scopes: document.get("scopes_supported")?,
            methods: document.get("bearer_methods_supported")?,
            dpop_algs: document.get("dpop_signing_alg_values_supported")?,
            requires_dpop: document.get("dpop_bound_access_tokens_required")?.unwrap_or(false),
            document,
        })))
    }

    /// The resource identifier: the value for [`resource`](crate::ClientCredentials::resource) in token requests (RFC 8707).
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// The issuers of the authorization servers whose tokens it takes, as it names them.
    #[must_use]
    pub fn authorization_servers(&self) -> &[String] {
        &self.0.servers
    }

    /// Scopes that requests may need; there may be others. `None` if it does not say.
    #[must_use]
    pub fn scopes(&self) -> Option<&[String]> {
        self.0.scopes.as_deref()
    }

    /// The ways in which it takes Bearer tokens (`header`, `body`, `query`); `None` if it does not say.
    #[must_use]
    pub fn bearer_methods(&self) -> Option<&[String]> {
        self.0.methods.as_deref()
    }

    /// The algorithms for DPoP proofs; `None` if it does not say.
    #[must_use]
    pub fn dpop_signing_algs(&self) -> Option<&[String]> {
        self.0.dpop_algs.as_deref()
    }

    /// Whether it takes no tokens but those bound to a DPoP key. Without the member, false.
    #[must_use]
    pub fn requires_dpop(&self) -> bool {
        self.0.requires_dpop
    }

    /// The JSON text of any member, extensions included. It is what the server sent: nothing was checked but its form.
    #[must_use]
    pub fn raw_member(&self, name: &str) -> Option<&str> {
        self.0.document.raw(name)
    }
}

impl fmt::Debug for ProtectedResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResourceMetadata")
            .field("resource", &self.0.resource)
            .field("authorization_servers", &self.0.servers)
            .finish_non_exhaustive()
    }
}
