//! Every error code is documented.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tower_auth_core::jose::JoseError;
use tower_auth_core::{ConfigErrorKind, RejectionKind, TokenErrorKind, TransportErrorKind};

#[test]
fn docs_list_every_code() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md")).unwrap();
    let codes = (ConfigErrorKind::ALL.iter().map(|kind| kind.code()))
        .chain(TokenErrorKind::ALL.iter().map(|kind| kind.code()))
        .chain(TransportErrorKind::ALL.iter().map(|kind| kind.code()))
        .chain(RejectionKind::ALL.iter().map(|kind| kind.code()))
        .chain([JoseError::BadSignature, JoseError::BadJson, JoseError::MissingMember("alg")].map(JoseError::code));
    for code in codes {
        assert!(docs.contains(&format!("| `{code}` |")), "docs/errors.md does not list {code}");
    }
}
