use http::Uri;

/// Where the metadata of `issuer` may be, in the order they are tried: RFC 8414 section 3.1 inserts the well-known part
/// before the path; OpenID Connect Discovery appends it (RFC 8414 section 5 has both for OpenID).
pub(crate) fn addresses(issuer: &Uri) -> Vec<Uri> {
    let path = issuer.path().strip_suffix('/').unwrap_or(issuer.path());
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    paths.into_iter().filter_map(|path| with_path(issuer, path)).collect()
}

fn with_path(issuer: &Uri, path: String) -> Option<Uri> {
    let mut parts = issuer.clone().into_parts();
    parts.path_and_query = Some(path.try_into().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R8414-3a, R8414-3b
    #[test]
    fn the_well_known_part_is_inserted_and_for_openid_appended_too() {
        let all = |issuer: &str| addresses(&issuer.parse().unwrap()).iter().map(Uri::to_string).collect::<Vec<_>>();
        assert_eq!(
            all("https://a/"),
            ["https://a/.well-known/oauth-authorization-server", "https://a/.well-known/openid-configuration"]
        );
        assert_eq!(all("https://a"), all("https://a/"));
        assert_eq!(
            all("https://a:8443/realms/x/"),
            [
                "https://a:8443/.well-known/oauth-authorization-server/realms/x",
                "https://a:8443/.well-known/openid-configuration/realms/x",
                "https://a:8443/realms/x/.well-known/openid-configuration"
            ]
        );
    }
}
