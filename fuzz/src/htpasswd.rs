//! Password files as Apache writes them, and hashes by themselves.

use std::collections::HashSet;
use std::path::PathBuf;

use tower_auth_core::{BasicVerifier, ConfigError, PasswordHash, Secret};

use super::{refusal, world};

/// Hashes of `s3cret` that cost next to nothing, so that they can be tried.
const GOOD: [&str; 3] = [
    "$2y$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG",
    "{SHA}/vNB+F2HQ559kaLUZbmHHvZrXpg=",
    "$apr1$saltsalt$64vPg1.FPS6FtcYJ7Ti1V.",
];

pub fn run(data: &[u8]) {
    let file = File::with(data);
    let strict = BasicVerifier::new().htpasswd_file(&file.0).clock(world::clock()).build();
    let weak =
        BasicVerifier::new().htpasswd_file(&file.0).clock(world::clock()).dangerous().allow_weak_hashes().build();
    let users = users(data);
    match &strict {
        Ok(_) => {
            let users = users.as_ref().expect("a file with a line that is none was read");
            assert!(!users.is_empty() && users.iter().all(|(_, hash)| PasswordHash::parse(hash).is_ok()));
            assert!(weak.is_ok(), "with more allowed less is read");
        }
        Err(error) => {
            let all_good = |users: &Vec<(String, &str)>| {
                !users.is_empty() && users.iter().all(|(_, hash)| PasswordHash::parse(hash).is_ok())
            };
            assert!(!users.as_ref().is_some_and(all_good), "{error}");
            told_without_secrets(error, data);
        }
    }
    if let (Ok(verifier), Some(users)) = (&weak, &users) {
        // Nobody gets in by a hash that may be of another password, nor waits for one that costs seconds.
        if users.iter().all(|(_, hash)| GOOD.contains(hash)) && users.len() <= 4 {
            for user in users.iter().map(|(user, _)| user.as_str()).chain(["nobody"]) {
                let is_user = users.iter().any(|(own, _)| own == user);
                tried(verifier, user, "s3cret", is_user);
                tried(verifier, user, "s3crets", false);
            }
        }
    }
    if let Err(error) = &weak {
        told_without_secrets(error, data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        hash(text);
    }
}

fn tried(verifier: &tower_auth_core::Verifier, user: &str, password: &str, is_good: bool) {
    let Ok(pair) = tower_auth_core::Basic::new(user, password) else { return };
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", pair.header_text().expose_secret().parse().unwrap());
    match world::block_on(verifier.verify(&headers)) {
        Ok(verified) => assert!(is_good && verified.subject() == pair.user(), "{user:?} got in"),
        Err(refusal) => {
            assert!(!is_good, "{user:?} did not get in: {refusal}");
            refusal::check(&refusal);
        }
    }
}

/// One hash by itself: read as it stands, or not at all, and at a cost that somebody can bear.
fn hash(text: &str) {
    match PasswordHash::parse(text) {
        Ok(hash) => {
            assert_eq!(hash.expose_hash(), text);
            let shown = format!("{hash:?}");
            assert!(shown.contains(hash.scheme()) && !shown.contains(text));
            assert_eq!(PasswordHash::parse(hash.expose_hash()).unwrap().needs_rehash(), hash.needs_rehash());
            assert!(!["SHA-1", "apr1", "SHA-256-crypt", "SHA-512-crypt"].contains(&hash.scheme()));
            if GOOD.contains(&text) {
                assert!(hash.verify(&Secret::from("s3cret")) && !hash.verify(&Secret::from("s3crets")));
            }
        }
        Err(error) => told_without_secrets(&error, text.as_bytes()),
    }
}

/// The users and hashes of a file, read once more by other code; `None` if a line is none, or a user is there twice.
fn users(data: &[u8]) -> Option<Vec<(String, &str)>> {
    let mut users = Vec::new();
    let mut names = HashSet::new();
    for line in data.split(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(line).ok()?.trim_ascii();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut parts = line.split(':');
        let (user, hash) = (parts.next()?, parts.next()?);
        if user.chars().any(char::is_control) {
            return None;
        }
        // In the form that callers' user-ids have; that of a user-id with a colon does not exist.
        let user = tower_auth_core::Basic::new(user, "x").ok()?.user().to_owned();
        if !names.insert(user.clone()) {
            return None;
        }
        users.push((user, hash));
    }
    Some(users)
}

/// What is no hash may be a password.
fn told_without_secrets(error: &ConfigError, data: &[u8]) {
    let text = format!("{error} {error:?}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    if data.windows(8).any(|window| window == b"sentinel") {
        assert!(!text.contains("sentinel"), "{text}");
    }
}

/// A file of this thread's own, which goes when it is dropped.
struct File(PathBuf);

impl File {
    fn with(data: &[u8]) -> Self {
        let name = format!("tower-auth-{}-{:?}.htpasswd", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, data).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
