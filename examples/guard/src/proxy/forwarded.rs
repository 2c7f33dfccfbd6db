use std::net::IpAddr;

use axum::http::header::{FORWARDED, VIA};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::identity::folded;

/// What an upstream is told of the way that a request came: written anew for each request, and never what it brought along.
#[derive(Clone, Debug)]
pub(super) struct Forwarded {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// The host that clients know this service by, if that was configured.
    pub(super) host: Option<HeaderValue>,
}

/// Headers by which other proxies tell such things: an upstream may believe any of them.
const OTHERS: &[&str] = &[
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-original-url",
    "x-original-uri",
    "x-original-host",
    "x-original-method",
    "x-rewrite-url",
    "x-host",
    "x-scheme",
    "x-url-scheme",
    "x-envoy-original-path",
    "x-envoy-external-address",
    // What CGI would take for the variable `HTTP_PROXY`.
    "proxy",
];

/// Whether a header, folded, is one of these.
pub(super) fn is_forwarding(folded: &str) -> bool {
    folded.starts_with("x-forwarded") || OTHERS.contains(&folded)
}

impl Forwarded {
    /// Writes the headers. Those of the same meaning must have been removed.
    pub(super) fn set(&self, headers: &mut HeaderMap, client: Option<IpAddr>) {
        let mut told = format!("proto={}", self.scheme);
        if let Some(address) = client {
            told = match address {
                IpAddr::V4(address) => format!("for={address};{told}"),
                IpAddr::V6(address) => format!("for=\"[{address}]\";{told}"),
            };
            insert(headers, "x-forwarded-for", &address.to_string());
        }
        insert(headers, "x-forwarded-proto", self.scheme);
        if let Some(host) = &self.host {
            // A host was checked to be one, so that it has no quote.
            told.push_str(&format!(";host=\"{}\"", host.to_str().unwrap_or_default()));
            headers.insert(HeaderName::from_static("x-forwarded-host"), host.clone());
        }
        insert(headers, FORWARDED.as_str(), &told);
    }
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    debug_assert_eq!(folded(name), name);
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Says that this program was on the way (RFC 9110 section 7.6.3).
pub(super) fn add_via(headers: &mut HeaderMap, version: Version) {
    let value = if version == Version::HTTP_2 {
        "2 guard"
    } else if version == Version::HTTP_10 {
        "1.0 guard"
    } else {
        "1.1 guard"
    };
    headers.append(VIA, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_told_in_both_forms() {
        let forwarded = Forwarded { scheme: "https", host: Some("api.example.com".parse().unwrap()) };
        let mut headers = HeaderMap::new();
        forwarded.set(&mut headers, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(headers["forwarded"], "for=\"[2001:db8::1]\";proto=https;host=\"api.example.com\"");
        assert_eq!(headers["x-forwarded-for"], "2001:db8::1");
        assert_eq!(headers["x-forwarded-host"], "api.example.com");
        let mut headers = HeaderMap::new();
        Forwarded { scheme: "http", host: None }.set(&mut headers, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(headers["forwarded"], "for=192.0.2.1;proto=http");
        assert_eq!((&headers["x-forwarded-proto"], headers.get("x-forwarded-host")), (&"http".parse().unwrap(), None));
    }
}
