//! Replays what fuzzing has found worth keeping: the small corpus of each target, and every input that once failed.
//! `scripts/fuzz` is what looks for more.
#![cfg(all(
    feature = "dpop",
    feature = "introspection",
    feature = "password-hash",
    feature = "provider",
    feature = "spec"
))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Runs every kept input of a target, in the order of their names.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{} has hardly anything", folder.display());
    for file in files {
        let input = std::fs::read(&file).unwrap();
        if std::panic::catch_unwind(|| run(&input)).is_err() {
            panic!("{} breaks a property of {target}", file.display());
        }
    }
}

// R6750-2.1a, R6750-2a, R9110-11.2c, THREAT-T8
#[test]
fn every_kept_authorization_field_is_judged_by_its_one_credential() {
    replay("authorization", targets::authorization::run);
}

// R9110-11.2a, R9110-11.2b, R9110-11.6.1b, THREAT-A1
#[test]
fn every_kept_challenge_is_read_as_it_is_written() {
    replay("challenge", targets::challenge::run);
}

// R9449-4.3a, R9449-4.3b, THREAT-V10
#[test]
fn every_kept_proof_is_accepted_once_by_the_rules_and_for_its_own_request() {
    replay("dpop", targets::dpop::run);
}

// THREAT-V13, THREAT-L1
#[test]
fn every_kept_password_file_is_read_whole_or_its_mistakes_are_told_without_secrets() {
    replay("htpasswd", targets::htpasswd::run);
}

// R7662-2.2a, THREAT-K4, THREAT-V16
#[test]
fn every_kept_introspection_answer_is_a_verdict_by_the_rules_or_none() {
    replay("introspection", targets::introspection::run);
}

// R7517-4a, R7517-5a, THREAT-A5, THREAT-V2
#[test]
fn every_kept_key_set_yields_usable_public_keys_alone() {
    replay("jwk_set", targets::jwk_set::run);
}

// R7515-2a, R7515-4a, R7519-4.1a, R7519-4a, THREAT-A1, THREAT-V6
#[test]
fn every_kept_token_is_accepted_only_as_it_was_signed_and_by_the_rules() {
    replay("jws", targets::jws::run);
}

// THREAT-A5
#[test]
fn every_kept_description_is_read_or_its_mistakes_are_told() {
    replay("specs", targets::specs::run);
}
