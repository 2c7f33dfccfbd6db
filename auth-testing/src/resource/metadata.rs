use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, Uri};
use serde_json::json;

use super::resource_server::Inner;
use crate::dpop::ALGORITHMS;
use crate::server::overridden;

/// Where metadata is, between host and path (RFC 9728 section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What an API without a given name is called in memory.
const DEFAULT_RESOURCE: &str = "https://api.test";

impl Inner {
    pub(super) fn publishes_metadata(&self) -> bool {
        self.settings.publishes_metadata
    }

    /// The resource identifier.
    pub(super) fn resource(&self) -> String {
        let listening = || self.origins().into_iter().next();
        self.settings.resource.clone().or_else(listening).unwrap_or_else(|| DEFAULT_RESOURCE.to_owned())
    }

    /// Where the metadata is.
    pub(super) fn metadata_url(&self) -> String {
        let resource = self.resource();
        let origin = self.origins().into_iter().next().unwrap_or_else(|| {
            let after_scheme = resource.find("://").map_or(0, |at| at + 3);
            let end = resource[after_scheme..].find(['/', '?']).map_or(resource.len(), |at| after_scheme + at);
            resource[..end].to_owned()
        });
        format!("{origin}{}", self.metadata_path())
    }

    pub(super) fn is_metadata(&self, uri: &Uri) -> bool {
        let asked = uri.path_and_query().map_or("/", |path| path.as_str());
        self.publishes_metadata() && asked == self.metadata_path()
    }

    fn metadata_path(&self) -> String {
        let resource: Option<Uri> = self.resource().parse().ok();
        let path = resource.and_then(|uri| uri.into_parts().path_and_query);
        let path = path.as_ref().map_or("", |path| path.as_str());
        // A slash that stands alone is no path.
        format!("{WELL_KNOWN}{}", if path == "/" { "" } else { path })
    }

    /// The metadata document (RFC 9728 section 2).
    pub(super) fn metadata(&self) -> Response<Bytes> {
        let settings = &self.settings;
        let mut members = vec![
            ("resource", json!(self.resource())),
            ("bearer_methods_supported", json!(["header"])),
            ("dpop_signing_alg_values_supported", json!(ALGORITHMS)),
        ];
        members.extend(settings.issuer.as_ref().map(|issuer| ("authorization_servers", json!([issuer.issuer()]))));
        members.extend(settings.scope.as_ref().map(|scope| ("scopes_supported", json!([scope]))));
        if settings.requires_dpop {
            members.push(("dpop_bound_access_tokens_required", json!(true)));
        }
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
        let mut response = Response::new(Bytes::from(overridden(members, &settings.metadata)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }
}
