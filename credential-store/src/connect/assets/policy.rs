use http::HeaderMap;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::file::Asset;

/// The headers under which pages are served.
///
/// Built once, then cloned for each page.
#[derive(Clone, Debug)]
pub(crate) struct PagePolicy {
    headers: HeaderMap,
}

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

impl PagePolicy {
    /// Pages may be framed by `frame_ancestors`, and their forms may lead to `https` and to `form_targets`; both are lists of origins
    /// such as `https://app.example.com`. What is not an origin is left out: it could otherwise add a directive.
    ///
    /// `form_targets` is for providers on plain `http`, in tests. Browsers hold redirects after a form to `form-action` too,
    /// and the form of an OAuth method is answered with a redirect to the provider.
    pub(crate) fn new(frame_ancestors: &[String], form_targets: &[String]) -> Self {
        let ancestors = sources(frame_ancestors);
        let is_framed = !ancestors.is_empty();
        let csp = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https:; form-action 'self' https:{}; \
             base-uri 'none'; frame-ancestors{}",
            sources(form_targets),
            if is_framed { &ancestors } else { " 'none'" },
        );
        let mut headers = HeaderMap::new();
        let csp = HeaderValue::try_from(csp).expect("origins are visible ASCII");
        headers.insert(CONTENT_SECURITY_POLICY, csp);
        // Paths and queries of these pages are nobody else's business: not the provider's, not that of a help page. It has a
        // price: browsers then send `Origin: null` with forms (Fetch, "serializing a request origin"), so whoever receives them
        // checks the field `csrf` and `Sec-Fetch-Site`, and not `Origin`.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        // The page lives beside others: the application opens it, it opens the provider, and the page at the end must
        // reach its opener to tell it so. Each stricter value (`same-origin-allow-popups` too, for a page that was itself
        // opened by another origin) cuts that tie. What the tie allows an opener is little: to navigate this window and to
        // send messages, to which the script listens only from its own origin.
        headers.insert(OPENER_POLICY, HeaderValue::from_static("unsafe-none"));
        let features = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()";
        headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(features));
        if !is_framed {
            // Not where pages are framed: a frame in an application that uses `Cross-Origin-Embedder-Policy` would stay empty.
            headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
            // For browsers that do not know `frame-ancestors`. It has no word for a list.
            headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        Self { headers }
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }
}

/// The headers of a file that was asked for by `name`.
///
/// Only the name that holds its hash names it for ever. Under the plain name, and under that of another version, there will be another file one day.
pub(crate) fn asset_headers(asset: &Asset, name: &str) -> HeaderMap {
    let kept = if name == asset.name() { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type()));
    headers.insert(ETAG, asset.etag().clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers
}

/// Each with a blank in front.
fn sources(origins: &[String]) -> String {
    origins.iter().filter(|origin| is_origin(origin)).map(|origin| format!(" {origin}")).collect()
}

/// Scheme, host and perhaps port, with no character that means something in a policy.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    matches!(scheme, "https" | "http")
        && !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use super::{PagePolicy, asset_headers};
    use crate::connect::assets::stylesheet;

    fn csp(frame_ancestors: &[&str], form_targets: &[&str]) -> String {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let headers = PagePolicy::new(&owned(frame_ancestors), &owned(form_targets)).headers();
        headers["content-security-policy"].to_str().unwrap().to_owned()
    }

    #[test]
    fn nobody_frames_a_page_unless_named() {
        assert!(csp(&[], &[]).ends_with("; frame-ancestors 'none'"));
        assert!(PagePolicy::new(&[], &[]).headers().contains_key("x-frame-options"));
        let framed = ["https://app.example.com".to_owned()];
        assert!(!PagePolicy::new(&framed, &[]).headers().contains_key("x-frame-options"));
        assert!(csp(&["https://app.example.com"], &[]).ends_with("; frame-ancestors https://app.example.com"));
    }

    #[test]
    fn origins_cannot_add_a_directive() {
        let hostile = ["https://x; script-src *", "*", "'self' *", "https://a b", "https://a,b", "data:", ""];
        assert_eq!(csp(&hostile, &hostile), csp(&[], &[]));
        assert!(csp(&[], &["http://127.0.0.1:8080"]).contains("form-action 'self' https: http://127.0.0.1:8080;"));
    }

    #[test]
    fn pages_are_not_kept_and_files_are() {
        assert_eq!(PagePolicy::new(&[], &[]).headers()["cache-control"], "no-store");
        let headers = asset_headers(stylesheet(), stylesheet().name());
        assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
        for name in ["connect.css", "connect.0123456789.css"] {
            assert_eq!(asset_headers(stylesheet(), name)["cache-control"], "no-cache");
        }
        assert_eq!(headers["etag"], stylesheet().etag());
    }
}
