use std::time::Duration;

use super::kept::Kept;
use super::{ServerDiscovery, ServerMetadata};
use crate::TokenError;

/// How long a document is believed.
const LIFE: Duration = Duration::from_secs(3600);

/// The metadata of one server.
pub(in crate::oauth) struct MetadataCache {
    discovery: ServerDiscovery,
    kept: Kept<ServerMetadata>,
}

impl MetadataCache {
    pub(in crate::oauth) fn new(discovery: ServerDiscovery) -> Self {
        Self { discovery, kept: Kept::default() }
    }

    pub(in crate::oauth) fn issuer(&self) -> &str {
        self.discovery.issuer()
    }

    /// What the server says of itself.
    pub(in crate::oauth) async fn get(&self) -> Result<ServerMetadata, TokenError> {
        let discovery = &self.discovery;
        let fetch = |limit| {
            let discovery = discovery.clone().timeout(limit);
            async move { discovery.fetch_again().await }
        };
        self.kept.get(discovery.time(), LIFE, discovery.time_limit(), fetch).await
    }
}
