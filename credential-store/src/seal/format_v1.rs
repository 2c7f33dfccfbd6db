//! Version 1 of what is stored, as `docs/sealed-format.md` prints it. Made by another program from that page alone. Every later
//! version has to open it: these texts never change.

use super::{Place, SealErrorKind, Sealer, StoreKey, key_id_of, unwrap_data_key};
use crate::keys::{DataKey, KeyErrorKind, KeyRing, Keys};

const DATA_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const DATA_KEY_ID: &str = "202122232425262728292a2b2c2d2e2f";
const KEY_ENCRYPTION_KEY: &str = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";

const CELL: &str = "0101202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464761723f1af8abc615e6d131\
    d45ffc3b0e7f34716db3";
const WRAPPED: &str = "010207323032362d3031202122232425262728292a2b2c2d2e2f0103a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7\
    eafe01dc94cd10c37c7d625b01b0631752beacac79018f18702e8f57ecf07bd7f2e5bf7367630c160f2445dbafee78b1";

const CELL_PLACE: Place<'_> = Place {
    table: "credential",
    column: "tokens",
    tenant: Some("acme"),
    user: Some("u-1"),
    connector: Some("hubspot"),
    credential: Some("c-77"),
    counter: 3,
};
const KEY_PLACE: Place<'_> = Place { column: "data_key", counter: 1, ..CELL_PLACE };

const OWNER: &str = "6a748e85922ed7f1f241af3b8ee02eb4d974fe9fd1cb7066887741d34f8681e8";
const OWNER_WITHOUT_TENANT: &str = "fc3d3942574c22945ef9db617055b9dd5fbea9ebbf7e298a87eb779bcc3956c2";
const SESSION_KEY: &str = "45ea59119fd3ddbaeb0112dbe199b76eac5aecd54d5984b12102418a45e45ec0";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn sealer() -> Sealer {
    Sealer::new(bytes(DATA_KEY_ID).try_into().unwrap(), DataKey::from_bytes(&bytes(DATA_KEY)).unwrap())
}

fn keys() -> Keys {
    KeyRing::new("2026-01", &KEY_ENCRYPTION_KEY.into()).unwrap().into()
}

// THREAT-S2
#[test]
fn a_cell_of_version_1_opens() {
    assert_eq!(sealer().open(&CELL_PLACE, &bytes(CELL)).unwrap().as_slice(), b"hello");
}

// THREAT-S3
#[tokio::test]
async fn a_data_key_of_version_1_unwraps() {
    assert_eq!(key_id_of(&bytes(WRAPPED)).unwrap(), "2026-01");
    let unwrapped = unwrap_data_key(&keys(), &bytes(WRAPPED), &KEY_PLACE).await.unwrap();
    assert_eq!(unwrapped.data_key().expose().as_slice(), bytes(DATA_KEY));
    assert_eq!(unwrapped.open(&CELL_PLACE, &bytes(CELL)).unwrap().as_slice(), b"hello");
}

// THREAT-S4
#[test]
fn digests_and_derived_keys_of_version_1_are_what_they_were() {
    let key = StoreKey::new(sealer());
    assert_eq!(key.owner_digest(Some("acme"), "u-1").as_slice(), bytes(OWNER));
    assert_eq!(key.owner_digest(None, "u-1").as_slice(), bytes(OWNER_WITHOUT_TENANT));
    assert_eq!(key.derive("session").as_slice(), bytes(SESSION_KEY));
}

#[tokio::test]
async fn version_2_does_not_exist_yet() {
    let cell = [&[2], &bytes(CELL)[1..]].concat();
    assert_eq!(sealer().open(&CELL_PLACE, &cell).unwrap_err().kind(), SealErrorKind::TooNew);
    let wrapped = [&[2], &bytes(WRAPPED)[1..]].concat();
    let error = unwrap_data_key(&keys(), &wrapped, &KEY_PLACE).await.unwrap_err();
    assert_eq!(error.kind(), KeyErrorKind::TooNew);
}

/// The page shows the same texts, without the spaces and line breaks that it has between them.
#[test]
fn the_page_of_the_format_prints_these_texts() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sealed-format.md")).unwrap();
    let page: String = page.split_whitespace().collect();
    for text in [DATA_KEY, DATA_KEY_ID, KEY_ENCRYPTION_KEY, CELL, WRAPPED, OWNER, OWNER_WITHOUT_TENANT, SESSION_KEY] {
        assert!(page.contains(text), "{text}");
    }
}
