use super::error::KeysError;
use crate::Origin;
use crate::http::{Endpoint, PlaintextRules};
use crate::metadata::{Document, DocumentError};

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
    let url = Document::read(body, issuer)
        .and_then(|document| document.text("jwks_uri")?.ok_or(DocumentError::Missing("jwks_uri")))
        .map_err(|error| match error {
            DocumentError::OtherIssuer(found) => KeysError::new(
                "keys.issuer_mismatch",
                format!(
                    "the metadata is that of the issuer {found:?}, not of {issuer:?}: write the issuer as it writes itself"
                ),
            ),
            other => unusable(other.to_string()),
        })?;
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
