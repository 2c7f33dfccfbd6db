/// Where metadata is, between host and path (RFC 9728 section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Where the metadata of `identifier` is: the well-known part goes behind the host, in place of a slash that stands there alone
/// (RFC 9728 section 3.1).
pub(crate) fn resource_address(identifier: &str) -> String {
    let after_scheme = identifier.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = identifier.split_at(after_scheme);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = match path.strip_prefix('/') {
        Some(bare) if bare.is_empty() || bare.starts_with('?') => bare,
        _ => path,
    };
    format!("{scheme}{host}{WELL_KNOWN}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // R9728-3a, R9728-3.3a
    #[test]
    fn the_well_known_part_goes_between_host_and_path() {
        for (identifier, expected) in [
            ("https://a", "https://a/.well-known/oauth-protected-resource"),
            ("https://a/", "https://a/.well-known/oauth-protected-resource"),
            ("https://a:8443/mcp", "https://a:8443/.well-known/oauth-protected-resource/mcp"),
            ("https://a/mcp/", "https://a/.well-known/oauth-protected-resource/mcp/"),
            ("https://a/mcp?x=/y", "https://a/.well-known/oauth-protected-resource/mcp?x=/y"),
            ("https://a?x", "https://a/.well-known/oauth-protected-resource?x"),
            ("https://a/?x", "https://a/.well-known/oauth-protected-resource?x"),
        ] {
            assert_eq!(resource_address(identifier), expected);
        }
    }
}
