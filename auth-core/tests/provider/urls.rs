//! A value never changes another part of a URL.

use http::Uri;
use proptest::prelude::*;
use tower_auth_core::ProviderSpec;

use crate::{file, fill, given, lines, spec};

fn login(url: &str, fields: &str) -> ProviderSpec {
    spec(&file("", &format!("kind = \"login\"\ntoken_url = '{url}'\n{fields}")))
}

fn url(spec: &ProviderSpec, value: &str) -> Result<String, Vec<String>> {
    let filled = spec.fill(&given(&[("t", value)])).map_err(|errors| lines(&errors))?;
    Ok(filled.url("token_url").unwrap().to_owned())
}

const FIELD: &str = "[[auth.fields]]\nname = \"t\"\n";

// THREAT-T6, THREAT-T7
#[test]
fn values_that_would_leave_their_place_are_encoded_or_refused() {
    let path = login("https://a.test/x/{t}/token", FIELD);
    assert_eq!(url(&path, "a/b c?d#e%\u{e4}").unwrap(), "https://a.test/x/a%2Fb%20c%3Fd%23e%25%C3%A4/token");
    let query = login("https://a.test/x?t={t}&u=1", FIELD);
    assert_eq!(url(&query, "a&b=c").unwrap(), "https://a.test/x?t=a%26b%3Dc&u=1");
    let host = login("https://{t}.acme.test/x", FIELD);
    assert_eq!(url(&host, "acme-1.eu").unwrap(), "https://acme-1.eu.acme.test/x");
    let port = login("https://a.test:{t}/x", FIELD);
    assert_eq!(url(&port, "8443").unwrap(), "https://a.test:8443/x");
    let start = login("{t}/x", &format!("{FIELD}format = \"uri\"\n"));
    assert_eq!(url(&start, "https://b.test/base/").unwrap(), "https://b.test/base/x");
    for bad in [".", "..", "a\r\nb", "a\0b"] {
        assert!(url(&path, bad).is_err(), "{bad:?}");
    }
    for bad in ["", "evil.test/", "a@b", "a:1", "a%2e", "a?b", "a#b", "a..b", ".a", "a.", "-a", "\u{e4}", "a\\b"] {
        assert!(url(&host, bad).is_err(), "{bad:?}");
    }
    for bad in ["0", "65536", "80/x", "80@evil.test", "+80", " 80", "\u{661}"] {
        assert!(url(&port, bad).is_err(), "{bad:?}");
    }
    for bad in [
        "b.test",
        "//b.test",
        "ftp://b.test",
        "file:///etc/passwd",
        "javascript:x",
        "https://u:p@b.test",
        "https://a.test@b.test",
        "https://b.test?x",
        "https://b.test#x",
        "https://b.test/../y",
        "https://b.test/%2e%2E/y",
        "https://b.test\\@c.test",
        "https://b.test:99999",
        "https://",
        "https:///x",
        "https://b test",
    ] {
        let found = url(&start, bad).expect_err(bad);
        assert!(found.iter().all(|line| line.starts_with("t: ")), "{bad}: {found:?}");
    }
}

#[test]
fn one_slash_is_between_the_base_url_and_what_follows() {
    let text = file("base_url = \"https://a.test/v1/\"", "kind = \"login\"\ntoken_url = \"{base_url}/x\"");
    assert_eq!(fill(&spec(&text), &[]).url("token_url"), Some("https://a.test/v1/x"));
    let given = fill(&spec(&text), &[("base_url", "https://b.test")]);
    assert_eq!(given.url("token_url"), Some("https://b.test/x"));
}

#[test]
fn an_alternative_stands_in_where_there_is_no_value() {
    let optional = "[[auth.fields]]\nname = \"t\"\nrequired = false\n";
    let spec = login("https://{t||\"eu\"}.acme.test/{lower(t)||\"none\"}", optional);
    assert_eq!(url(&spec, "US").unwrap(), "https://US.acme.test/us");
    assert_eq!(fill(&spec, &[]).url("token_url"), Some("https://eu.acme.test/none"));
}

proptest! {
    // THREAT-T6, THREAT-T7
    #[test]
    fn a_hostile_value_changes_no_other_part_of_a_url(value in hostile()) {
        let spec = login("https://login.acme.test:8443/a/{t}/b?x={t}&y=1", FIELD);
        if let Ok(text) = url(&spec, &value) {
            let uri: Uri = text.parse().unwrap();
            prop_assert_eq!(uri.scheme_str(), Some("https"));
            prop_assert_eq!(uri.authority().unwrap().as_str(), "login.acme.test:8443");
            let segments: Vec<_> = uri.path().split('/').collect();
            prop_assert_eq!(segments.len(), 4);
            prop_assert_eq!((segments[1], segments[3]), ("a", "b"));
            prop_assert!(!matches!(segments[2], "" | "." | ".."));
            let query: Vec<_> = uri.query().unwrap().split('&').collect();
            prop_assert_eq!(query.len(), 2);
            prop_assert!(query[0].starts_with("x=") && query[1] == "y=1");
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#'));
        }
    }

    // THREAT-T6
    #[test]
    fn a_hostile_value_in_a_host_stays_below_the_domain(value in hostile()) {
        let spec = login("https://api.{t}.acme.test/x", FIELD);
        if let Ok(text) = url(&spec, &value) {
            let uri: Uri = text.parse().unwrap();
            let authority = uri.authority().unwrap().as_str();
            prop_assert!(authority.starts_with("api.") && authority.ends_with(".acme.test"));
            prop_assert!(authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)));
            prop_assert_eq!((uri.path(), uri.query(), uri.port()), ("/x", None, None));
        }
    }

    // THREAT-T6
    #[test]
    fn a_hostile_url_has_no_user_and_keeps_what_follows(value in hostile_url()) {
        let spec = login("{t}/x/token", &format!("{FIELD}format = \"uri\"\n"));
        if let Ok(text) = url(&spec, &value) {
            let uri: Uri = text.parse().unwrap();
            prop_assert!(matches!(uri.scheme_str(), Some("https" | "http")));
            prop_assert!(!text.contains(['@', '?', '#', '\\']) || !uri.authority().unwrap().as_str().contains('@'));
            prop_assert!(uri.path().ends_with("/x/token") && uri.query().is_none());
        }
    }
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[a-z./:@?#%\\\\\\[\\]&=+ \\r\\n\\t\\x00-]{0,12}",
        "(\\.\\.?/|%2[ef]|@evil\\.test|:80|//|\\?|#|a){0,6}",
        "[a-z0-9.-]{1,12}",
    ]
}

fn hostile_url() -> impl Strategy<Value = String> {
    (prop_oneof!["https://", "http://", "https:", "ftp://", ""], hostile(), hostile())
        .prop_map(|(scheme, host, path)| format!("{scheme}{host}/{path}"))
}
