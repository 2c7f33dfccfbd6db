//! Every error code is documented.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tower_auth::AuthErrorKind;

#[test]
fn docs_list_every_code() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md")).unwrap();
    for kind in AuthErrorKind::ALL {
        assert!(docs.contains(&format!("| `{}` |", kind.code())), "docs/errors.md does not list {}", kind.code());
    }
}
