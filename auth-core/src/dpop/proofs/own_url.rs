use std::net::Ipv6Addr;

use http::Uri;

use crate::Origin;
use crate::error::{ConfigError, ConfigErrorKind};

/// A URL that our service is known by, and what stands in front of each path there.
#[derive(Clone, Debug)]
pub(super) struct OwnUrl {
    /// Normalized.
    origin: String,
    /// As configured: empty, or begins with a slash and does not end with one.
    prefix: String,
}

impl OwnUrl {
    /// Reads `scheme://host[:port][/prefix]`.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = |why: &str| {
            ConfigError::new(ConfigErrorKind::InvalidUrl, format!("the base URL for DPoP cannot be used: {why}"))
        };
        let uri: Uri = text.parse().map_err(|_| invalid("it is not a URL"))?;
        if Origin::of(&uri).is_none() {
            return Err(invalid("it must be an absolute http or https URL, without user information"));
        }
        if text.contains(['?', '#']) {
            return Err(invalid("it has a query or a fragment"));
        }
        let (origin, _) = split(text).ok_or_else(|| invalid("it has no host, or a port that is none"))?;
        Ok(Self { origin, prefix: uri.path().trim_end_matches('/').to_owned() })
    }

    /// Whether `htu` names the resource at `path` of this service: equal after syntax-based and scheme-based
    /// normalization (RFC 3986 sections 6.2.2 and 6.2.3), its query and fragment ignored (RFC 9449 section 4.3).
    pub(super) fn is_named_by(&self, htu: &str, path: &str) -> bool {
        if !path.starts_with('/') {
            // The `*` of OPTIONS, or the target of CONNECT: no resource.
            return false;
        }
        // Nearly every client writes the URL as it sends it.
        let rest = htu.strip_prefix(&*self.origin).and_then(|rest| rest.strip_prefix(&*self.prefix));
        rest == Some(path) || self.is_named_otherwise(htu, path)
    }

    #[cold]
    fn is_named_otherwise(&self, htu: &str, path: &str) -> bool {
        let Some((origin, named)) = split(htu) else { return false };
        let named = named.find(['?', '#']).map_or(named, |end| &named[..end]);
        let own = normalized(&format!("{}{path}", self.prefix));
        origin == self.origin && own.is_some() && own == normalized(named)
    }
}

/// A URL's origin, normalized, and what stands behind it. `None` for what is no `http` or `https` URL with a host and
/// without user information.
fn split(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, default_port) = match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => ("https", 443),
        _ if scheme.eq_ignore_ascii_case("http") => ("http", 80),
        _ => return None,
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return None;
    }
    let host_len = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(host_len);
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => default_port,
        None => return None,
        Some("") => default_port,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse::<u16>().ok()?,
        Some(_) => return None,
    };
    let host = normalized_host(host)?;
    let origin = if port == default_port { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") };
    Some((origin, rest))
}

fn normalized_host(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    let host = percent_normalized(host)?.to_ascii_lowercase();
    (!host.is_empty()).then_some(host)
}

/// A path with its percent-encodings normalized and its dot segments removed. `None` for one with a `%` that begins no
/// encoding: what is no URI has no other way to be written.
fn normalized(path: &str) -> Option<String> {
    Some(without_dot_segments(&percent_normalized(path)?))
}

/// Octets that need no encoding are decoded, the others written in upper case.
fn percent_normalized(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let octet = u8::from_str_radix(digits, 16).ok()?;
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(octet));
        } else {
            out.push('%');
            out.push_str(&digits.to_ascii_uppercase());
        }
        rest = &after[2..];
    }
    out.push_str(rest);
    Some(out)
}

/// RFC 3986 section 5.2.4, for an absolute path; the empty one is `/` (section 6.2.3).
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_with_slash = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        ends_with_slash = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    if ends_with_slash {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_named(base: &str, path: &str, htu: &str) -> bool {
        OwnUrl::parse(base).unwrap().is_named_by(htu, path)
    }

    // R9449-4.3b
    #[test]
    fn a_url_is_known_however_it_is_written() {
        for (base, path, htu) in [
            ("https://a.com", "/x", "https://a.com/x"),
            ("https://a.com/", "/x", "HTTPS://A.com/x"),
            ("https://A.COM:443", "/x", "https://a.com:443/x"),
            ("https://a.com", "/x", "https://a.com:/x"),
            ("https://a.com:8443", "/x", "https://a.com:8443/x"),
            ("http://a.com", "/x", "http://a.com:80/x"),
            ("https://a.com", "/", "https://a.com"),
            ("https://a.com", "/", "https://a.com?x=1"),
            ("https://a.com", "/x", "https://a.com/x?y=/z#w"),
            ("https://a.com", "/x", "https://a.com/x#w?y"),
            ("https://a.com", "/%7Ejo/%c3%a9", "https://a.com/~jo/%C3%A9"),
            ("https://a.com", "/a%2fb", "https://a.com/a%2Fb"),
            ("https://a.com", "/a/c", "https://a.com/a/./b/../c"),
            ("https://a.com", "/a/c", "https://a.com/a/%2e/b/%2E%2e/c"),
            ("https://a.com", "/a/", "https://a.com/a/b/.."),
            ("https://a.com", "/a/", "https://a.com/a/."),
            ("https://a.com", "/x", "https://a.com/../../x"),
            ("https://a.com", "/%zz%", "https://a.com/%zz%"),
            ("https://a.com", "/x", "https://%61.com/x"),
            ("https://a.com/api", "/x", "https://a.com/api/x"),
            ("https://a.com/api/", "/x", "https://a.com:443/%61pi/x"),
            ("https://a.com/api", "/", "https://a.com/api/"),
            ("https://[2001:DB8::1]", "/x", "https://[2001:db8:0:0:0:0:0:1]:443/x"),
        ] {
            assert!(is_named(base, path, htu), "{base} {path} {htu}");
        }
    }

    // R9449-4.3b, THREAT-T10
    #[test]
    fn another_resource_is_another_whatever_it_looks_like() {
        for (base, path, htu) in [
            ("https://a.com", "/x", "http://a.com/x"),
            ("https://a.com", "/x", "https://a.com:8443/x"),
            ("https://a.com", "/x", "https://a.com:80/x"),
            ("https://a.com", "/x", "https://b.com/x"),
            ("https://a.com", "/x", "https://a.com.evil/x"),
            ("https://a.com", "/x", "https://evil@a.com/x"),
            ("https://a.com", "/x", "https://a.com@evil/x"),
            ("https://a.com", "/x", "https://a.com./x"),
            ("https://a.com", "/x", "https://a.com/X"),
            ("https://a.com", "/x", "https://a.com/x/"),
            ("https://a.com", "/x", "https://a.com//x"),
            ("https://a.com", "/x", "https://a.com/x/y"),
            ("https://a.com", "/x/y", "https://a.com/x"),
            ("https://a.com", "/", "https://a.com/x"),
            ("https://a.com", "/a/b", "https://a.com/a%2Fb"),
            ("https://a.com", "/x", "https://a.com\\x"),
            ("https://a.com", "/x", "https://a.com/x%00"),
            ("https://a.com", "/x", "https://a.com/ x"),
            ("https://a.com", "/x", "https:/a.com/x"),
            ("https://a.com", "/x", "https://a.com:x/x"),
            ("https://a.com", "/x", "https://a.com:+443/x"),
            ("https://a.com", "/x", "https://a.com:65979/x"),
            ("https://a.com", "/x", "//a.com/x"),
            ("https://a.com", "/x", "/x"),
            ("https://a.com", "/x", ""),
            ("https://a.com", "*", "https://a.com*"),
            ("https://a.com", "*", "https://a.com/*"),
            ("https://a.com", "a.com:443", "https://a.com"),
            ("https://a.com/api", "/x", "https://a.com/x"),
            ("https://a.com/api", "/x", "https://a.com/apix"),
            ("https://a.com/api", "/", "https://a.com/api"),
            ("https://a.com/api", "/x", "https://a.com/api/../x"),
            ("https://[::1]", "/x", "https://[::2]/x"),
            ("https://[::1]", "/x", "https://[::1/x"),
            ("https://[::1]", "/x", "https://::1/x"),
        ] {
            assert!(!is_named(base, path, htu), "{base} {path} {htu}");
        }
    }

    #[test]
    fn a_base_url_is_a_place_for_paths() {
        for bad in
            ["", "a.com", "/api", "ftp://a.com", "https://", "https://u@a.com", "https://a.com?x", "https://a.com/#x"]
        {
            assert_eq!(OwnUrl::parse(bad).unwrap_err().kind(), ConfigErrorKind::InvalidUrl, "{bad}");
        }
    }

    proptest! {
        // R9449-4.3b
        #[test]
        fn normalizing_twice_changes_nothing(path in "/[a-zA-Z0-9%./~é-]{0,30}") {
            let url = OwnUrl::parse("https://a.com").unwrap();
            let literal = format!("https://a.com{path}");
            prop_assert!(url.is_named_by(&literal, &path));
            if let Some(once) = normalized(&path) {
                prop_assert!(once.starts_with('/'));
                prop_assert_eq!(normalized(&once), Some(once.clone()));
                let normal = format!("https://A.com{once}");
                prop_assert!(url.is_named_by(&normal, &path));
            }
        }

        // R9449-4.3b, THREAT-A1
        #[test]
        fn no_text_makes_the_comparison_panic(htu in ".{0,60}", tail in "[:/@?#%\\[\\]a-z0-9]{0,30}") {
            let url = OwnUrl::parse("https://a.com/b").unwrap();
            let _ = url.is_named_by(&htu, "/x");
            let _ = url.is_named_by(&format!("https://{tail}"), "/x");
        }
    }
}
