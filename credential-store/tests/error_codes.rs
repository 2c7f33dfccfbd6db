//! Every code is documented.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use tower_auth_store::{BackendError, BackendErrorKind, KeyErrorKind, StoreErrorKind};

#[test]
fn every_code_of_the_store_is_in_the_documentation_and_stands_for_one_kind() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md")).unwrap();
    let store = StoreErrorKind::ALL.iter().map(|kind| kind.code());
    let codes: Vec<_> = store.chain(KeyErrorKind::ALL.iter().map(|kind| kind.code())).collect();
    for code in &codes {
        assert!(docs.contains(&format!("| `{code}` |")), "docs/errors.md does not list {code}");
        assert_eq!(codes.iter().filter(|other| other == &code).count(), 1, "{code}");
    }
    for kind in [BackendErrorKind::Unavailable, BackendErrorKind::Broken] {
        assert!(codes.contains(&BackendError::new(kind, "x").code()));
    }
}
