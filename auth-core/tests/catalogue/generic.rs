//! The two files for systems that have none.

use tower_auth_core::{AuthKind, ProviderValues};

use crate::files::specs;

// SYS-U1, SYS-U3
#[test]
fn generic_settings_offer_four_grants_and_ask_for_a_password_in_one_alone() {
    let specs = specs();
    let generic = specs.get("generic-oauth2").unwrap();
    let kinds: Vec<_> = generic.methods().iter().map(|method| (method.kind(), method.needs_redirect())).collect();
    let wanted = [
        (AuthKind::OAuth2Code, true),
        (AuthKind::OAuth2ClientCredentials, false),
        (AuthKind::OAuth2Password, false),
        (AuthKind::OAuth2StaticCode, false),
    ];
    assert_eq!(kinds, wanted);
    for method in generic.methods() {
        let asks = |name: &str| method.field(name).is_some();
        let (password, code) = (method.kind() == AuthKind::OAuth2Password, method.kind() == AuthKind::OAuth2StaticCode);
        assert_eq!((asks("username"), asks("password"), asks("code")), (password, password, code), "{}", method.key());
        assert_eq!(method.title().contains("discouraged"), password, "{}", method.key());
    }
}

// SYS-U5
#[test]
fn generic_settings_need_a_client_and_its_token_url_but_no_scope() {
    let specs = specs();
    let generic = specs.get("generic-oauth2").unwrap();
    let given = |values: &[(&str, &str)]| {
        let start = ProviderValues::new().env(|_| None).value("auth", "client_credentials");
        values.iter().fold(start, |all, (name, value)| all.value(*name, *value))
    };
    let missing = generic.fill(&given(&[])).unwrap_err().to_string();
    for name in ["token_url", "client_id", "client_secret"] {
        assert!(missing.lines().any(|line| line.starts_with(&format!("{name}:"))), "{name}: {missing}");
    }
    assert!(!missing.contains("scope:"), "{missing}");
    let values = [
        ("base_url", "https://api.example.com"),
        ("token_url", "https://as.example.com/token"),
        ("client_id", "id"),
        ("client_secret", "secret"),
    ];
    assert!(generic.fill(&given(&values)).is_ok());
}

/// Keys of several parts, Basic, a bearer token and a scheme of one's own: one connector, four methods.
#[test]
fn generic_credentials_are_four_kinds_in_one_file() {
    let specs = specs();
    let generic = specs.get("generic-http").unwrap();
    let keys: Vec<_> = generic.methods().iter().map(|method| method.key().to_owned()).collect();
    assert_eq!(keys, ["bearer", "basic", "key_and_secret", "custom"]);
    let secrets = |key: &str| generic.method(key).unwrap().fields().iter().filter(|field| field.is_secret()).count();
    assert_eq!((secrets("bearer"), secrets("basic"), secrets("key_and_secret"), secrets("custom")), (1, 1, 2, 1));
}
