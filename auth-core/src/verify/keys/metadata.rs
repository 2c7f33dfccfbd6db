use http::Uri;
use serde::Deserialize;

use super::error::KeysError;
use crate::Origin;
use crate::error::printable;
use crate::http::{Endpoint, PlaintextRules};
use crate::json::check_strict;

/// How deep a metadata document may nest, and how many members it may have.
const MAX_DEPTH: usize = 16;
const MAX_MEMBERS: usize = 1000;

/// The part of an authorization server's metadata that is read. Unknown members are ignored, `signed_metadata` among
/// them (RFC 8414 section 2.1 allows that).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
}

/// Where the metadata of `issuer` may be, in the order they are tried: RFC 8414 section 3.1 inserts the well-known part
/// before the path; OpenID Connect Discovery appends it (RFC 8414 section 5 has both for OpenID).
pub(super) fn addresses(issuer: &Uri) -> Vec<Uri> {
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

/// The key set's place, from a metadata document.
///
/// The document is used only if its `issuer` is the one asked for, code point by code point (RFC 8414 section 3.3). The
/// keys must be on the issuer's own origin: a document that was tampered with shall not send us elsewhere.
pub(super) fn keys_endpoint(
    body: &[u8],
    issuer: &str,
    origin: &Endpoint,
    rules: &PlaintextRules,
) -> Result<Endpoint, KeysError> {
    let unusable = |why: String| KeysError::new("keys.metadata", format!("the metadata of the issuer {why}"));
    check_strict(body, MAX_DEPTH, MAX_MEMBERS).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    // The parser's own error may quote the document.
    let metadata: Metadata = serde_json::from_slice(body)
        .map_err(|_| unusable("has no `issuer`, or a member of the wrong type".to_owned()))?;
    if metadata.issuer != issuer {
        return Err(KeysError::new(
            "keys.issuer_mismatch",
            format!(
                "the metadata is that of the issuer {:?}, not of {issuer:?}: write the issuer as it writes itself",
                printable(&metadata.issuer, 200)
            ),
        ));
    }
    let url = metadata.jwks_uri.ok_or_else(|| unusable("has no `jwks_uri`".to_owned()))?;
    let endpoint = Endpoint::parse("key set", &url, rules)
        .map_err(|error| unusable(format!("has a `jwks_uri` that cannot be used: {error}")))?;
    if !Origin::of(origin.uri()).is_some_and(|own| own.matches(endpoint.uri())) {
        return Err(KeysError::new(
            "keys.foreign_origin",
            format!(
                "the issuer's key set is on another origin, {}: name it with `jwks_uri` if that is right",
                endpoint.site()
            ),
        ));
    }
    Ok(endpoint)
}

fn with_path(issuer: &Uri, path: String) -> Option<Uri> {
    let mut parts = issuer.clone().into_parts();
    parts.path_and_query = Some(path.try_into().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::PlaintextOptions;

    fn endpoint(body: &str) -> Result<String, &'static str> {
        let rules = PlaintextOptions::default().rules().unwrap();
        let issuer = "https://login.example.com/a";
        let origin = Endpoint::parse("issuer", issuer, &rules).unwrap();
        keys_endpoint(body.as_bytes(), issuer, &origin, &rules)
            .map(|endpoint| endpoint.uri().to_string())
            .map_err(|error| error.code)
    }

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

    // R8414-3.3a, THREAT-T5
    #[test]
    fn the_issuer_is_compared_code_point_by_code_point() {
        let body =
            |issuer: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://login.example.com/k","x":[1]}}"#);
        assert_eq!(endpoint(&body("https://login.example.com/a")).unwrap(), "https://login.example.com/k");
        assert_eq!(endpoint(&body("https:\\/\\/login.example.com/\\u0061")).unwrap(), "https://login.example.com/k");
        for other in [
            "https://login.example.com/a/",
            "https://login.example.com/A",
            "https://Login.example.com/a",
            "https://login.example.com:443/a",
            "https://login.example.com/%61",
            "https://login.example.com/",
            "http://login.example.com/a",
            "https://login.example.com/\u{430}",
            "",
        ] {
            assert_eq!(endpoint(&body(other)), Err("keys.issuer_mismatch"), "{other}");
        }
    }

    // R8414-2a, R8414-3.2a, THREAT-T4
    #[test]
    fn keys_are_on_the_issuers_own_origin_and_come_over_https() {
        let body = |url: &str| format!(r#"{{"issuer":"https://login.example.com/a","jwks_uri":{url}}}"#);
        assert!(endpoint(&body(r#""https://login.example.com:443/k""#)).is_ok());
        for foreign in [
            r#""https://evil.example/k""#,
            r#""https://login.example.com:8443/k""#,
            r#""https://login.example.com.evil/k""#,
        ] {
            assert_eq!(endpoint(&body(foreign)), Err("keys.foreign_origin"), "{foreign}");
        }
        for bad in [
            r#""http://login.example.com/k""#,
            r#""file:///etc/passwd""#,
            r#""/k""#,
            "1",
            "null",
            r#""https://u@login.example.com/k""#,
        ] {
            assert_eq!(endpoint(&body(bad)), Err("keys.metadata"), "{bad}");
        }
    }

    // R8414-3.2a, THREAT-A5
    #[test]
    fn only_one_strict_object_is_metadata() {
        for bad in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"issuer":1}"#,
            r#"{"issuer":"https://login.example.com/a","issuer":"x"}"#,
            "<html>",
        ] {
            assert_eq!(endpoint(bad), Err("keys.metadata"), "{bad}");
        }
    }
}
