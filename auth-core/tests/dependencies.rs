//! What the whole workspace is built of, as its lock file says.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

// THREAT-V14
#[test]
fn no_crate_does_private_key_operations_but_the_constant_time_library() {
    let lock = include_str!("../../Cargo.lock");
    let names: Vec<_> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(names.contains(&"\"aws-lc-rs\""), "the names are read as they are written");
    for banned in ["rsa", "openssl", "openssl-sys", "native-tls"] {
        assert!(!names.contains(&format!("\"{banned}\"").as_str()), "{banned} has come in");
    }
}
