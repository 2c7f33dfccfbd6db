//! How many crates a dependency brings, and how long a first build of them takes: each of ours with default and with no features, and peers.
//!
//! `builds [FILTER]`: those whose names contain it. A quarter of an hour on two processors; the development profile.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a program that measures")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use tower_auth_bench::Figures;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Name of the case and its dependency.
fn cases() -> Vec<(String, String)> {
    let mut cases = Vec::new();
    let ours = [
        ("tower-auth-core", "auth-core"),
        ("tower-auth", "tower-auth"),
        ("tower-auth-axum", "axum-extract"),
        ("tower-auth-tonic", "tonic-interceptor"),
        ("tower-auth-store", "credential-store"),
    ];
    for (name, folder) in ours {
        let path = format!("path = \"{ROOT}/{folder}\"");
        cases.push((format!("ours: {name}"), format!("{name} = {{ {path} }}")));
        cases.push((format!("ours: {name}, no features"), format!("{name} = {{ {path}, default-features = false }}")));
    }
    let peers = [
        ("azure_core", "=1.1.0"),
        ("google-cloud-auth", "1.18"),
        ("huskarl", "0.11.10"),
        ("huskarl-resource-server", "0.11.12"),
        ("jsonwebtoken", "12"),
        ("jwt-authorizer", "0.15"),
        ("middle", "0.5"),
        ("oauth2", "5"),
        ("openidconnect", "4"),
        ("tower-oauth2-resource-server", "0.12.5"),
    ];
    cases.extend(peers.map(|(name, version)| (format!("peer: {name}"), format!("{name} = \"{version}\""))));
    cases
}

fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let mut figures = Figures::new("builds");
    let folder = std::env::temp_dir().join(format!("tower-auth-bench-{}", std::process::id()));
    for (name, dependency) in cases().into_iter().filter(|(name, _)| name.contains(&filter)) {
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("src/lib.rs"), "").unwrap();
        let manifest = format!(
            "[package]\nname = \"user\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n{dependency}\n[workspace]\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        let tree = cargo(&folder, &["tree", "--prefix", "none", "--edges", "normal,build"]);
        let crates: BTreeSet<_> =
            tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
        // Without the user itself.
        figures.add("crates that a dependency brings", &name, 1, crates.len() as f64 - 1.0, "crates");
        cargo(&folder, &["fetch"]);
        let begun = Instant::now();
        cargo(&folder, &["build", "--quiet"]);
        figures.add("first build", &name, 1, begun.elapsed().as_secs_f64(), "s");
        fs::remove_dir_all(&folder).unwrap();
    }
    figures.save().unwrap();
}

fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", folder.join("target")).stderr(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?} has failed");
    String::from_utf8(output.stdout).unwrap()
}
