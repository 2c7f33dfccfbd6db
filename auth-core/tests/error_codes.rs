//! Every error code is documented.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "authorization-code")]
use tower_auth_core::AuthorizationErrorKind;
use tower_auth_core::jose::JoseError;
use tower_auth_core::{ConfigErrorKind, RejectionKind, SigningErrorKind, TokenErrorKind, TransportErrorKind};

#[test]
fn docs_list_every_code() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md")).unwrap();
    let codes = (ConfigErrorKind::ALL.iter().map(|kind| kind.code()))
        .chain(TokenErrorKind::ALL.iter().map(|kind| kind.code()))
        .chain(TransportErrorKind::ALL.iter().map(|kind| kind.code()))
        .chain(SigningErrorKind::ALL.iter().map(|kind| kind.code()))
        .chain(RejectionKind::ALL.iter().map(|kind| kind.code()))
        .chain([JoseError::BadSignature, JoseError::BadJson, JoseError::MissingMember("alg")].map(JoseError::code));
    for code in codes {
        assert!(docs.contains(&format!("| `{code}` |")), "docs/errors.md does not list {code}");
    }
}

#[cfg(feature = "authorization-code")]
#[test]
fn docs_list_every_code_of_an_authorization() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md")).unwrap();
    for code in AuthorizationErrorKind::ALL.iter().map(|kind| kind.code()) {
        assert!(docs.contains(&format!("| `{code}` |")), "docs/errors.md does not list {code}");
    }
}

#[test]
fn docs_list_every_code_of_a_key_set_that_was_not_fetched() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md")).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/verify/keys");
    let mut found = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for code in source.split('"').filter(|text| text.starts_with("keys.")) {
            found += 1;
            assert!(docs.contains(&format!("| `{code}` |")), "docs/errors.md does not list {code}");
        }
    }
    assert!(found >= 12, "{found}");
}
